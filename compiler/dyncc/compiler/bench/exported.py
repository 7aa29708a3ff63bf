"""ONNX files that PyTorch's TorchScript exporter makes: of a scripted network, and of one traced call.

The traced file is another oracle of a path beside the linked one: made from the network itself, with one
way through it baked in, by an exporter that is not ours.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dyncc.compiler.bench.calls import Call, for_torch, leaves
from dyncc.compiler.bench.contenders import INPUT, scripted

OPSET = 20
"""The newest of the TorchScript exporter."""


class ExportFailed(Exception):
    """PyTorch's exporter refuses; the text is the reason it gives."""


def export_script(model: Any, call: Call, file: Path) -> None:
    """The scripted ``model`` as one ONNX file with ``If`` and ``Loop``. Raises ExportFailed."""
    with _failing():
        _export(scripted(model), call, file)


def export_trace(model: Any, call: Call, file: Path) -> None:
    """The way that ``call`` takes through ``model``. Raises ExportFailed."""
    import torch

    module = model if isinstance(model, torch.nn.Module) else _Function(model)
    with _failing():
        _export(module, call, file)


def _Function(function: Any) -> Any:
    """A function or method as a module, which is what the exporter takes."""
    import torch

    class Module(torch.nn.Module):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

    return Module().eval()


def _export(module: Any, call: Call, file: Path) -> None:
    import torch

    args, kwargs = for_torch(call.args), for_torch(dict(call.kwargs))
    found = leaves((call.args, dict(call.kwargs)))
    names = [f"{INPUT}{index}" for index, leaf in enumerate(found) if hasattr(leaf, "dtype")]
    with torch.no_grad():
        torch.onnx.export(
            module, args, str(file), kwargs=kwargs, input_names=names, opset_version=OPSET, dynamo=False
        )


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    """Quietly; what the exporter raises becomes ExportFailed."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), _silent_output():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # TorchScript and the exporter raise all sorts
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ExportFailed(f"{type(error).__name__}: {lines[0] if lines else ''}") from error
    finally:
        logging.disable(disabled)


@contextlib.contextmanager
def _silent_output() -> Iterator[None]:
    """Without what is written to stdout, by Python or by PyTorch's C++ (the graph of a failed export)."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
            os.dup2(nothing.fileno(), 1)
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
