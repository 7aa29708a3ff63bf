"""What is said of a network that fails while it runs: the place, the reason in one line, the exit code."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dyncc.runtime import IndexOutOfRange, load

NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 4)

    def forward(self, ids):
        h = ids * 1
        h = self.table(h)
        if h.sum() > 1e6:
            raise ValueError("far too much")
        return h + 1


def example_inputs():
    return (torch.tensor([[1, 2, 3]]),)
"""
LINE = 11


def test_an_index_out_of_range_is_at_its_line(
    write: Any, dyncc: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(NET)
    assert dyncc("net.py", "--no-verify").code == 0
    np.save(tmp_path / "bad.npy", np.array([[1, 50, 3]]))
    result = dyncc("run", "net.dyncc", "--input", "ids=bad.npy", "--json")
    assert result.code == 1, result.err
    assert f"error: an index is out of range\n  --> net.py:{LINE}:13" in result.err
    assert "idx=50" in result.err and "ONNXRuntimeError" not in result.err
    (diagnostic,) = json.loads(result.out)["diagnostics"]
    assert diagnostic["span"]["line"] == LINE

    with pytest.raises(
        IndexError, match=f"^net.py:{LINE}: onnxruntime failed in the block .*idx=50"
    ) as caught:
        load("net.dyncc")(np.array([[1, 50, 3]]))
    assert isinstance(caught.value, IndexOutOfRange)
    with pytest.raises(IndexError, match="idx=-2 "):  # PyTorch refuses it, ONNX would count from the end
        load("net.dyncc")(np.array([[1, -2, 3]]))
    lines = [entry.line for entry in traceback.extract_tb(caught.value.__traceback__)]
    assert "h = self.table(h)" in lines
    assert capfd.readouterr().err == ""  # the engine does not say it a second time


def test_what_the_program_raises_is_shown_at_its_line(write: Any, dyncc: Any) -> None:
    write(NET.replace("> 1e6", "> -1e6"))
    assert dyncc("net.py", "--no-verify").code == 0
    result = dyncc("run", "net.dyncc", "--input", "ids=1x3:i64")
    assert result.code == 1 and result.out == ""
    assert f"error: the program raised ValueError: far too much\n  --> net.py:{LINE + 2}:13" in result.err
