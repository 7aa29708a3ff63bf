"""What an exporter does to its process, undone; what it says, kept from the user."""

from __future__ import annotations

import contextlib
import logging
import random
import warnings
from collections.abc import Iterator

import numpy as np
import torch


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without gradients, warnings and log lines; leaves random states and default dtype as they were.

    Errors are raised as ever. Not for several threads at once: warnings and logging are global.
    """
    python_state, numpy_state = random.getstate(), np.random.get_state()
    torch_state, dtype = torch.get_rng_state(), torch.get_default_dtype()
    disabled = logging.root.manager.disable
    logging.disable(max(disabled, logging.CRITICAL))
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        torch.set_default_dtype(dtype)
        torch.set_rng_state(torch_state)
        np.random.set_state(numpy_state)
        random.setstate(python_state)
