"""The number in a tensor, where Python asks for it: what PyTorch raises depends on who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize.execution.native import Raised, item
from dyncc.compiler.specialize.recording.cells import fake_of

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine

_SINGLE = "only one element tensors can be converted to Python scalars"
_INDEX = "only integer tensors of a single element can be converted to an index"
_TRUTH = "Boolean value of Tensor with {} is ambiguous"
_ERRORS: dict[str, tuple[type[Exception], str, str]] = {
    "number": (ValueError, _SINGLE, _SINGLE),
    "index": (TypeError, _INDEX, _INDEX),
    "truth": (RuntimeError, _TRUTH.format("no values"), _TRUTH.format("more than one value")),
}
"""For each use: the error, and its texts for a tensor of no element and of several."""


def number_in(machine: Machine, tensor: Any, use: str) -> Any:
    """The number in ``tensor`` for ``use``: ``number`` (``int``, ``float``), ``index`` or ``truth``."""
    kind, none, several = _ERRORS[use]
    fake = fake_of(machine.recorder, tensor)
    count = fake.numel()
    if isinstance(count, int) and count != 1:
        raise Raised(kind(several if count else none))
    if use == "index" and (fake.dtype.is_floating_point or fake.dtype.is_complex):
        raise Raised(kind(_INDEX))
    machine.risks.single(tensor, kind, none, several)
    with machine.risks.certain():  # (asked just now)
        return machine.native(item, tensor)
