"""Values of finitely many forms (*The Trick*), and texts with dynamic numbers in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize.values.decisions import decide
from dyncc.compiler.specialize.values.numbers import origins_of

if TYPE_CHECKING:
    from dyncc.compiler.specialize.values.numbers import Scalar


class DynamicTag:
    """One of finitely many static values (*The Trick*): ``scalar`` says which of ``table``."""

    __slots__ = ("scalar", "table")

    def __init__(self, table: tuple[Any, ...], scalar: Scalar) -> None:
        self.table = table
        self.scalar = scalar

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self.table[0])

    def _decide(self, *args: Any) -> Any:
        decide(self, "a value that was chosen by a tensor")

    __bool__ = __hash__ = __str__ = __repr__ = __eq__ = __ne__ = __len__ = __iter__ = _decide  # type: ignore
    __format__ = __add__ = __radd__ = __getitem__ = __contains__ = __lt__ = __call__ = _decide  # type: ignore


TENSOR_TEXT = "tensor(...)"
"""Stands for the text of a tensor in the message of an error."""


@dataclass(frozen=True, eq=False)
class DynamicText:
    """A text with numbers in it that are not known yet: the message of an error, or a name to choose by.

    ``parts`` are str or (value, conversion, spec). The value may be a tensor, whose text serves only the
    message of an error (``TENSOR_TEXT``).
    """

    parts: tuple[Any, ...]

    def origins(self) -> frozenset[Any]:
        return origins_of(tuple(part[0] for part in self.parts if isinstance(part, tuple)))

    def with_number(self, number: Scalar, value: int) -> Any:
        """The text where ``number`` is ``value``; a str where that was the last one."""
        parts = tuple(
            format(value, part[2]) if isinstance(part, tuple) and part[0] is number else part
            for part in self.parts
        )
        return "".join(parts) if all(type(part) is str for part in parts) else DynamicText(parts)

    def _decide(self, *args: Any) -> Any:
        decide(self, "the text of a number")

    __bool__ = __hash__ = __eq__ = __len__ = __iter__ = __contains__ = __getitem__ = _decide  # type: ignore
    __format__ = __str__ = _decide  # type: ignore
