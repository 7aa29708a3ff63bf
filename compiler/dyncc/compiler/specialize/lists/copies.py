"""What lists of run-time length hold copies of: mutable values, which must not be changed any more.

Nor may it be asked whether two of them are one: an element is made anew whenever it is looked at.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NoReturn

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.objects import attributes_of
from dyncc.compiler.specialize.values import builder

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


class ElementDict(dict[str, Any]):
    """A dict that is an element of such a list: made anew when it is looked at, so not to be changed.

    ``origins`` are those of the list.
    """

    __slots__ = ("origins",)

    def _change(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse_changed(builder().recorder, self.origins)

    __setitem__ = __delitem__ = __ior__ = update = setdefault = _change  # type: ignore
    pop = popitem = clear = _change  # type: ignore

    def copy(self) -> dict[str, Any]:
        return dict(self)


@functools.cache
def element_class(cls: type) -> type:
    """The class of those objects of the plain class ``cls`` that are elements of such lists.

    It says that it is ``cls``, and refuses changes; and comparisons and hashes by identity.
    ``_dyncc_origins`` are those of the list.
    """

    def change(self: Any, *args: Any) -> NoReturn:
        refuse_changed(builder().recorder, self._dyncc_origins)

    def same(self: Any, other: Any) -> Any:
        return True if other is self else refuse_identity(self)

    def different(self: Any, other: Any) -> Any:
        return False if other is self else refuse_identity(self)

    body: dict[str, Any] = {
        "__slots__": ("_dyncc_origins",), "__module__": cls.__module__, "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__, "__class__": property(lambda self: cls),
        "__setattr__": change, "__delattr__": change, "_dyncc_element_of": cls,
    }  # fmt: skip
    if cls.__eq__ is object.__eq__:
        body |= {"__eq__": same, "__ne__": different}
    body["__hash__"] = refuse_identity if cls.__hash__ is object.__hash__ else cls.__hash__
    return type(cls)(cls.__name__, (cls,), body)


def is_copy(value: Any) -> bool:
    """Whether it is a dict or object that was taken out of such a list."""
    return type(value) is ElementDict or is_copied_object(value)


def is_copied_object(value: Any) -> bool:
    return "_dyncc_element_of" in type(value).__dict__


def class_of(value: Any) -> type:
    """The class of a value as the program has it."""
    return (
        dict if type(value) is ElementDict else type(value).__dict__.get("_dyncc_element_of", type(value))
    )


def parts_of(value: Any) -> tuple[Any, ...]:
    """What is in a list, dict or object of a plain class now, names and keys too."""
    if isinstance(value, list):
        return tuple(value)
    items = value if isinstance(value, dict) else attributes_of(value)
    return (*items.keys(), *items.values())


def refuse_changed(recorder: Recorder, origins: frozenset[Any]) -> NoReturn:
    """A list, dict or object of which a list of run-time length holds a copy is changed, or may be."""
    _refuse(
        recorder, origins, "is changed", "changed here",
        "change a copy and put it back: `items[i] = [*items[i], value]`, or "
        "`items[i] = dataclasses.replace(items[i], score=score)`",
    )  # fmt: skip


def refuse_identity(value: Any) -> NoReturn:
    """Whether ``value``, which was taken out of such a list, is the same as another is asked."""
    origins = value.origins if type(value) is ElementDict else value._dyncc_origins
    _refuse(
        builder().recorder, origins, "is compared by identity", "asked here",
        "compare what tells them apart (a number of its own), or the positions in the list",
    )  # fmt: skip


def _refuse(recorder: Recorder, origins: frozenset[Any], what: str, label: str, help: str) -> NoReturn:
    why = Diagnostic(
        "DY112",
        f"a list, dict or object that is an element of a list of run-time length {what}",
        recorder.block.span,
        label=label,
        helps=(help,),
    )
    recorder.facts.demand(origins, why)
    raise CompileError([why])
