"""Numbers of convolutions and poolings that are attributes of operators, in ONNX and in every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from dyncc.compiler.specialize.recording import refusals
from dyncc.compiler.specialize.recording.handlers.registry import FUNCTIONS
from dyncc.compiler.specialize.recording.nested import leaves_of
from dyncc.compiler.specialize.values import is_scalar

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder

_CONVOLUTION = "input weight bias stride padding dilation groups"
_TRANSPOSED = "input weight bias stride padding output_padding groups dilation"
_MAXIMUM = "input kernel_size stride padding dilation ceil_mode return_indices"
_AVERAGE = "input kernel_size stride padding ceil_mode count_include_pad divisor_override"
_POWER = "input norm_type kernel_size stride ceil_mode"
_WINDOWS = "input kernel_size dilation padding stride"
_NAMES = {
    "conv": _CONVOLUTION,
    "conv_transpose": _TRANSPOSED,
    "max_pool": _MAXIMUM,
    "avg_pool": _AVERAGE,
    "lp_pool": _POWER,
}
"""The arguments of each family, in their order."""
_FREE = ("input", "weight", "bias", "norm_type")
"""Those that may be known only at run time."""


def _attributes(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Numbers that are generalized are kept static, and those from data refused, by their names.

    Flags are decided, as those of every call are.
    """
    given = {**dict(zip(_ARGUMENTS[func], args, strict=False)), **kwargs}
    for name, value in given.items():
        unknown = [number for number in leaves_of(value) if is_scalar(number) and number.kind != "bool"]
        if unknown and name not in _FREE:
            recorder.facts.demand(frozenset(origin for number in unknown for origin in number.origins))
            raise refusals.attribute(func, name, recorder.block.span)
    return NotImplemented


_ARGUMENTS: dict[Any, tuple[str, ...]] = {F.unfold: tuple(_WINDOWS.split())}
for _family, _arguments in _NAMES.items():
    for _owner in (F, torch):
        for _rank in (1, 2, 3):
            for _suffix in ("", "_with_indices"):
                if _function := getattr(_owner, f"{_family}{_rank}d{_suffix}", None):
                    _ARGUMENTS[_function] = tuple(_arguments.split())
FUNCTIONS.update(dict.fromkeys(_ARGUMENTS, _attributes))
