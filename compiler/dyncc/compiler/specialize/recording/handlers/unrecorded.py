"""Calls that leave no trace in the graph: refused, without effect there, or run as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize.recording.fake_calls import name_of
from dyncc.compiler.specialize.recording.handlers.registry import FUNCTIONS, METHODS

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


def _refuse(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    raise CompileError(
        [
            Diagnostic(
                "DY130",
                f"`{name_of(func)}` has no meaning in a compiled program",
                recorder.block.span,
                label="called here",
                helps=("leave gradients and raw storage to the training code",),
            )
        ]
    )


for _name in (
    "backward register_hook retain_grad storage untyped_storage set_ resize_ resize_as_ share_memory_ "
    "pin_memory __setstate__ register_post_accumulate_grad_hook"
).split():
    METHODS[_name] = _refuse
FUNCTIONS.update(dict.fromkeys((torch.autograd.grad, torch.autograd.backward), _refuse))


def _requires_grad_(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[0]


METHODS["requires_grad_"] = _requires_grad_


def _run_natively(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return func(*args, **kwargs)


for _function in (
    torch._C._set_grad_enabled, torch.get_default_dtype, torch.set_default_dtype, torch.is_tensor,
    torch.get_default_device,
):  # fmt: skip
    FUNCTIONS[_function] = _run_natively
