"""Where a failure of the engine comes from: the words of the engine, and the places of the block."""

from __future__ import annotations

import traceback
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.runtime.bundles import at, walk_program, write_walk

from dyncc.runtime import EngineError, IndexOutOfRange, load
from dyncc.runtime.engine_onnxruntime import failure
from dyncc.runtime.places import lines_text, locate, node_name
from dyncc.runtime.program import Compute, Span

STATUS = "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Non-zero status code returned while running "
WORDS = [
    (
        STATUS
        + "Gather node. Name:'m.py:1:2/Gather_0' Status Message: indices element out of data bounds, "
        "idx=50 must be within the inclusive range [-10,9]",
        IndexOutOfRange,
        "Gather: indices element out of data bounds, idx=50 must be within the inclusive range [-10,9]",
    ),
    (
        STATUS + "ScatterND node. Name:'it's' Status Message: invalid indice found, indice = 50",
        IndexOutOfRange,
        "ScatterND: invalid indice found, indice = 50",
    ),
    (
        STATUS
        + "Reshape node. Name:'' Status Message: /a/b/reshape_helper.h:47 onnxruntime::ReshapeHelper::"
        "ReshapeHelper(const TensorShape&, bool) size != 0 && (n % size) == 0 was false. The input tensor "
        "cannot\nbe reshaped.",
        EngineError,
        "Reshape: The input tensor cannot be reshaped.",
    ),
    (
        STATUS
        + "GatherElements node. Name:'g' Status Message: /a/gather_elements.cc:154 void onnxruntime::"
        "core_impl(const Tensor*) [with Tin = long int] Out of range value in index tensor",
        IndexOutOfRange,
        "GatherElements: Out of range value in index tensor",
    ),
    (STATUS + "Add node. Name:'a' Status Message: out of range", EngineError, "Add: out of range"),
    ("Python int too large to convert to C long", EngineError, "Python int too large to convert to C long"),
]


@pytest.mark.parametrize(("text", "kind", "reason"), WORDS)
def test_the_engine_is_quoted_in_one_line(text: str, kind: type, reason: str) -> None:
    error = failure("block", RuntimeError(text))
    assert type(error) is kind
    assert error.reason == reason
    assert str(error) == f"onnxruntime failed in the block 'block': {reason}"
    assert isinstance(error, IndexError) == (kind is IndexOutOfRange) and isinstance(error, RuntimeError)


def test_lines_of_several_files() -> None:
    spans = [
        Span(path, line, 1, line, 2) for path, line in [("/x/a.py", 3), ("/x/a.py", 1), ("C:\\b.py", 7)]
    ]
    spans += [Span("/x/a.py", 2, 5, 2, 6), Span("/x/a.py", 9, 5, 12, 6)]
    assert lines_text(spans) == "a.py:1-3, 9, b.py:7"


@pytest.mark.parametrize("traced", [False, True])
def test_a_failure_in_a_call_is_at_its_place(tmp_path: Path, traced: bool) -> None:
    net = load(write_walk(tmp_path / "walk.dyncc"))
    limits = {"max_steps": 9} if traced else {}
    with pytest.raises(EngineError) as caught:
        net._session.run_inputs("forward", {"x": np.zeros((2, 0, 3), np.float32)}, **limits)
    assert caught.value.graph == "above" and caught.value.spans == (at(4),)
    assert str(caught.value).startswith("walk.py:4: onnxruntime failed in the block 'above': ")
    entries = traceback.extract_tb(caught.value.__traceback__)
    assert ("walk.py", 4) in [(entry.filename, entry.lineno) for entry in entries]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (node_name("/home/walk.py", 4, at(4).column, "Gather_0"), (at(4),)),
        (node_name("/home/walk.py", 77, 1, "Gather_0"), (at(3), at(4))),  # the graph serves another block
        ("fused Gather", (at(3), at(4))),
    ],
)
def test_the_operator_is_looked_up_in_the_block(node: str, expected: tuple[Span, ...]) -> None:
    program = walk_program()
    name, block = next(
        (name, block)
        for name, block in program.blocks.items()
        if any(isinstance(step, Compute) and step.graph == "above" for step in block.steps)
    )
    located = replace(block, spans=(at(3), at(4), at(3)))
    error = EngineError("failed")
    error.graph, error.node = "above", node
    locate(error, replace(program, blocks={**program.blocks, name: located}), at(4))
    assert error.spans == expected
    locate(error, program, None)  # it is known already
    assert str(error) == f"{lines_text(expected)}: failed"
