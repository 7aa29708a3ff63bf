"""What lists of run-time length hold copies of: mutable values, which must not be changed any more.

Nor may it be asked whether two of them are one: an element is made anew whenever it is looked at.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NoReturn

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.objects import attributes_of, new_object
from dyncc.compiler.specialize.recording.tensor_types import storage_key
from dyncc.compiler.specialize.values import DynamicList, SymTensor, builder

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

    It says that it is ``cls``, and refuses changes; and comparisons and hashes by identity. One that the
    program makes (``type(self)(…)``, run natively) is no element: it has no ``_dyncc_origins``, which are
    those of the list.
    """

    def changing(change: Any) -> Any:
        def changed(self: Any, *args: Any) -> Any:
            if is_copied_object(self):
                refuse_changed(builder().recorder, self._dyncc_origins)
            return change(self, *args)

        return changed

    def same(self: Any, other: Any) -> Any:
        asked = other is not self and (is_copied_object(self) or is_copied_object(other))
        return (
            refuse_identity((self if is_copied_object(self) else other)._dyncc_origins)
            if asked
            else other is self
        )

    def hashed(self: Any) -> int:
        return refuse_identity(self._dyncc_origins) if is_copied_object(self) else object.__hash__(self)

    body: dict[str, Any] = {
        "__slots__": ("_dyncc_origins",), "__module__": cls.__module__, "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__, "__class__": property(lambda self: cls), "_dyncc_element_of": cls,
        "__setattr__": changing(cls.__setattr__), "__delattr__": changing(cls.__delattr__),
        "__reduce_ex__": lambda self, protocol: (new_object, (cls, attributes_of(self))),  # for `copy`
        "__hash__": hashed if cls.__hash__ is object.__hash__ else cls.__hash__,
    }  # fmt: skip
    if cls.__eq__ is object.__eq__:
        body |= {"__eq__": same, "__ne__": lambda self, other: not same(self, other)}
    return type(cls)(cls.__name__, (cls,), body)


def copied_object(cls: type, attributes: dict[str, Any], origins: frozenset[Any]) -> Any:
    """An object of the plain class ``cls`` that stands for an element of a list with these ``origins``."""
    made = new_object(element_class(cls), attributes)
    object.__setattr__(made, "_dyncc_origins", origins)
    builder().recorder.block.note_copy(made)
    return made


def object_like(model: Any, attributes: dict[str, Any]) -> Any:
    """An object as ``model``, with other attributes."""
    if is_copied_object(model):
        return copied_object(class_of(model), attributes, model._dyncc_origins)
    return new_object(type(model), attributes)


def is_copy(value: Any) -> bool:
    """Whether it is a dict or object that was taken out of such a list."""
    return type(value) is ElementDict or is_copied_object(value)


def is_copied_object(value: Any) -> bool:
    return "_dyncc_element_of" in type(value).__dict__ and hasattr(value, "_dyncc_origins")


def made_anew(recorder: Recorder, *values: Any) -> frozenset[Any] | None:
    """The origins of the lists of which one of ``values`` may be an element, made anew each time it is
    looked at; None where none is."""
    known = [found for value in values if (found := _origins_of(recorder, value)) is not None]
    return frozenset[Any]().union(*known) if known else None


def _origins_of(recorder: Recorder, value: Any) -> frozenset[Any] | None:
    if is_copy(value):
        return value.origins if type(value) is ElementDict else value._dyncc_origins
    if isinstance(value, DynamicList):
        return value.origins if value.shared else None
    if isinstance(value, SymTensor):
        reasons = recorder.block.frozen.get(storage_key(value.fake), ())
        lists = [reason.origins for reason in reasons if reason.family is None]
        return frozenset[Any]().union(*lists) if lists else None
    return recorder.remade.get(type(value))


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


def refuse_identity(origins: frozenset[Any]) -> NoReturn:
    """Whether what was taken out of a list with these origins is the same as another is asked."""
    _refuse(
        builder().recorder, origins, "is compared by identity", "asked here",
        "compare what tells them apart (a number of its own), or the positions in the list",
    )  # fmt: skip


def _refuse(recorder: Recorder, origins: frozenset[Any], what: str, label: str, help: str) -> NoReturn:
    why = Diagnostic(
        "DY112",
        f"an element of a list of run-time length {what}",
        recorder.block.span,
        label=label,
        helps=(help,),
    )
    recorder.facts.demand(origins, why)
    raise CompileError([why])
