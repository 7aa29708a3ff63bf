"""The process and the model are left as they were, whatever specialization does inside."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import contextmanager

import torch
import torch.fx.experimental._config as fx_config
from torch.fx.experimental import symbolic_shapes

from dyncc.compiler.size_rules import size_rules
from dyncc.compiler.specialize.state.heap import Heap


class NoGradients:
    """Stands in for the guard of ``torch.inference_mode``: gradients are off where ``mode`` is true."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self.before = True

    def __enter__(self) -> None:
        self.before = torch.is_grad_enabled()
        torch._C._set_grad_enabled(self.before and not self.mode)

    def __exit__(self, *error: object) -> None:
        torch._C._set_grad_enabled(self.before)


@contextmanager
def undisturbed(heap_of: Callable[[], Heap | None]):  # type: ignore[no-untyped-def]
    """Leave the process and the model as they were, whatever happens inside."""
    grad = torch.is_grad_enabled()
    autocast, autocast_dtype = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")
    default = torch.get_default_dtype()
    random_state = torch.random.get_rng_state()
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    level = logger.level
    guard = torch._C._InferenceMode
    # Inference tensors keep no version counter, which is how in-place changes are noticed; for
    # what is computed, inference mode and no_grad are the same.
    torch._C._InferenceMode = NoGradients  # type: ignore[assignment, misc]
    # How many elements a mask may select at most is of no use, and keeps its size from being found equal
    # to a size that the block is given (whose example is any number).
    bound_size = symbolic_shapes._constrain_range_for_size
    symbolic_shapes._constrain_range_for_size = lambda size, min=None, max=None: bound_size(size, min)
    try:
        logger.setLevel(logging.CRITICAL + 1)
        torch._C._set_grad_enabled(False)
        # Sizes are not compared with 0 and 1 by their hints. Set here: to set it takes long.
        # The last guard undoes what an interpreted ``with`` left open that turns overriding off.
        with size_rules(), fx_config.patch(backed_size_oblivious=True), torch._C._EnableTorchFunction():
            yield
    finally:
        heap = heap_of()
        if heap is not None:
            heap.reset()
        logger.setLevel(level)
        torch._C._InferenceMode = guard  # type: ignore[misc]
        symbolic_shapes._constrain_range_for_size = bound_size
        torch.set_default_dtype(default)
        torch.set_autocast_enabled("cpu", autocast)
        torch.set_autocast_dtype("cpu", autocast_dtype)
        torch._C._set_grad_enabled(grad)
        torch.random.set_rng_state(random_state)
