"""Convert: an exported program to an ONNX model."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import onnx_ir
import onnxscript.optimizer
import torch
from onnxscript import opset18
from torch import fx
from torch.export import ExportedProgram

from dyncc.compiler.lower.capture import place_of
from dyncc.compiler.lower.failure import Failure, LoweringError

OPSET = 18
"""The opset that torch's translations are written in; a later one is reached by rewriting the model
afterwards, and ONNX Runtime (1.24 and later) runs nothing in it faster."""

_FAILED_NODE = re.compile(r"translating node %(\w+) ")


def convert(program: ExportedProgram) -> onnx_ir.Model:
    """The ONNX model of ``program``, without functions, tidied up.

    Raises :class:`LoweringError` with all operators that have no translation or whose translation fails.
    """
    decomposed = _OwnDecomposition(program)
    program.run_decompositions = decomposed  # type: ignore[method-assign] -- see the class
    table: dict[Any, Any] = {}
    failures: list[Failure] = []
    while True:
        try:
            model = _converted(program, table)
            break
        except Exception as error:
            node, reason = _blamed(error, decomposed)
            if node is None or node.target in table:
                failures.append(Failure(node and place_of(node), reason, str(node.target) if node else ""))
                break
            failures.extend(_failures(node, reason, decomposed))
            table[node.target] = _stand_in(node)
    if failures:
        raise LoweringError(failures)
    onnxscript.optimizer.optimize(model)
    return model


def _converted(program: ExportedProgram, table: dict[Any, Any]) -> onnx_ir.Model:
    converted = torch.onnx.export(
        program,
        dynamo=True,
        optimize=False,
        verbose=False,
        verify=False,
        report=False,
        opset_version=OPSET,
        custom_translation_table=table,
    )
    assert converted is not None
    return converted.model


def _failures(node: fx.Node, reason: str, decomposed: _OwnDecomposition) -> list[Failure]:
    """The failure of ``node``, and of its like where the operator has no translation at all."""
    if "No ONNX function found" not in reason:
        return [Failure(place_of(node), reason, str(node.target))]
    return [
        Failure(place_of(other), "torch.onnx has no translation of it", str(other.target))
        for other in decomposed.nodes()
        if other.target == node.target
    ]


def _stand_in(node: fx.Node) -> Any:
    """A translation that is wrong, so that the conversion goes on and finds what else cannot be done."""
    count = len(node.target._schema.returns) if isinstance(node.target, torch._ops.OpOverload) else 1

    def stand_in(*_: Any, **__: Any) -> Any:
        values = tuple(opset18.Constant(value_int=0) for _ in range(count))
        return values[0] if count == 1 else values

    return stand_in


@dataclass
class _OwnDecomposition:
    """``program.run_decompositions`` as the converter calls it, with our table and our settings.

    The converter decomposes under ``backed_size_oblivious``, under which sizes that depend on data lose
    their names (an assertion in ``rebind_unbacked``); and a second decomposition beforehand would take
    as long as the export itself.
    """

    program: ExportedProgram
    result: ExportedProgram | None = None
    original: Any = field(init=False)

    def __post_init__(self) -> None:
        self.original = self.program.run_decompositions

    def __call__(self, table: dict[Any, Any] | None = None) -> ExportedProgram:
        if self.result is not None:
            return self.result
        with (
            torch.fx.experimental._config.patch(backed_size_oblivious=False),
            fx.traceback.preserve_node_meta(),
        ):
            self.result = self.original(table)
        return self.result

    def nodes(self) -> list[fx.Node]:
        return [] if self.result is None else list(self.result.graph.nodes)


def _blamed(error: BaseException, decomposed: _OwnDecomposition) -> tuple[fx.Node | None, str]:
    """The node of the decomposed program that could not be converted, if known, and why."""
    causes: list[BaseException] = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    reason = f"{type(causes[-1]).__name__}: {str(causes[-1]).strip().split(chr(10))[0]}"
    found = next((match for cause in causes if (match := _FAILED_NODE.search(str(cause)))), None)
    if found is None:
        return None, reason
    return next((node for node in decomposed.nodes() if node.name == found[1]), None), reason
