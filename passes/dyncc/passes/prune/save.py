"""Writing a model: the whole file or nothing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import onnx_ir

LARGE = 1_900_000_000
"""Protocol buffers hold less than 2 GiB; larger weights go beside the file."""


def save(model: onnx_ir.Model, path: Path) -> None:
    """Write to ``path``; weights too large for one file go to ``path`` with ``.data`` appended."""
    size = sum(v.const_value.nbytes for v in model.graph.initializers.values() if v.const_value is not None)
    data = f"{path.name}.data" if size > LARGE else None
    with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=f".{path.name}.") as folder:
        made = Path(folder) / path.name
        onnx_ir.save(model, made, external_data=data)
        if data is not None:
            os.replace(Path(folder) / data, path.parent / data)
        os.replace(made, path)
