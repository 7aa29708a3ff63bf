"""What lists of run-time length hold copies of: mutable values, which must not be changed any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from dyncc.compiler.diagnostics import CompileError, Diagnostic
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


def refuse_changed(recorder: Recorder, origins: frozenset[Any]) -> NoReturn:
    """A list or dict of which a list of run-time length holds a copy is changed, or may be."""
    why = Diagnostic(
        "DY112",
        "a list or dict that is an element of a list of run-time length is changed",
        recorder.block.span,
        label="changed here",
        helps=("change a copy and put it back: `items[i] = [*items[i], value]`",),
    )
    recorder.facts.demand(origins, why)
    raise CompileError([why])
