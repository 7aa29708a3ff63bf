"""Convert: an exported program to an ONNX model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import onnx_ir
import torch
from onnx_ir.tensor_adapters import from_torch_dtype
from onnxscript import opset18
from torch import fx
from torch.export import ExportedProgram
from torch.fx.experimental.symbolic_shapes import free_unbacked_symbols

from dyncc.compiler.lower.capture import place_of
from dyncc.compiler.lower.constants import exact_floats
from dyncc.compiler.lower.custom import CUSTOM
from dyncc.compiler.lower.decompose import DECOMPOSITIONS
from dyncc.compiler.lower.decompose.registry import LIMITED
from dyncc.compiler.lower.failure import Failure, LoweringError
from dyncc.compiler.lower.narrow import KnownSizes, check_assumed
from dyncc.compiler.lower.opset import OPSET
from dyncc.compiler.lower.registry import exporter, with_table
from dyncc.compiler.lower.rewrite import after, replace_uses
from dyncc.compiler.lower.tidy import tidy
from dyncc.compiler.lower.translate import TRANSLATIONS, drop_needless_rounding
from dyncc.compiler.size_rules import size_rules

SOURCE = "node"
"""Where torch.onnx keeps, in the metadata of an ONNX node, the node of the exported program."""
_FAILED_NODE = re.compile(r"translating node %(\w+) ")
_FAILED_EARLIER = re.compile(r"While executing %(\w+) ")


def convert(program: ExportedProgram) -> onnx_ir.Model:
    """The ONNX model of ``program``, without functions, tidied up.

    Raises :class:`LoweringError` with all operators that have no translation or whose translation fails.
    """
    captured = KnownSizes.of(program)
    decomposed = _OwnDecomposition(program)
    program.run_decompositions = decomposed  # type: ignore[method-assign] -- see the class
    table = {**TRANSLATIONS, **CUSTOM}
    refused: set[Any] = set()
    failures: list[Failure] = []
    while True:
        try:
            with exact_floats(), size_rules():
                model = _converted(program, table)
            break
        except Exception as error:
            node, reason = _blamed(error, decomposed)
            if node is None or node.target in refused:
                failures.append(Failure(node and place_of(node), reason, str(node.target) if node else ""))
                break
            failures.extend(_failures(node, reason, decomposed))
            table[node.target] = _stand_in(node)
            refused.add(node.target)
    if failures:
        raise LoweringError(failures)
    check_assumed(captured)
    tidy(model)
    _promised_dtypes(model.graph, program)
    _attribute(model.graph, {node.name: node for node in decomposed.nodes()})
    return model


def _promised_dtypes(graph: onnx_ir.Graph, program: ExportedProgram) -> None:
    """Give results the dtypes that they have in ``program``.

    torch.onnx promotes float16 for some operators and rounds after them, but names what comes before the
    rounding as the result.
    """
    (results,) = program.graph.output_node().args
    assert isinstance(results, (tuple, list))
    for value, result in zip(list(graph.outputs), results, strict=True):
        fake = result.meta.get("val") if isinstance(result, fx.Node) else None
        if not isinstance(fake, torch.Tensor) or value.dtype is None or value.producer() is None:
            continue
        dtype = from_torch_dtype(fake.dtype)
        if value.dtype != dtype:
            replace_uses(value, after(value, "Cast", [value], dtype, value.shape, {"to": dtype}))


def _attribute(graph: onnx_ir.Graph, sources: Mapping[str, fx.Node]) -> None:
    """Let every node say for what it was made.

    One that does not: what its result is named after, else what uses it, else what it uses.
    """
    for node in graph:
        named = (sources[value.name] for value in node.outputs if value.name in sources)
        if SOURCE not in node.meta and (source := next(named, None)) is not None:
            node.meta[SOURCE] = source
    for nodes, neighbours in ((reversed(graph), _users), (graph, _makers)):
        for node in nodes:
            if SOURCE not in node.meta:
                known = (other.meta[SOURCE] for other in neighbours(node) if SOURCE in other.meta)
                if (source := next(known, None)) is not None:
                    node.meta[SOURCE] = source


def _users(node: onnx_ir.Node) -> list[onnx_ir.Node]:
    return [use.node for value in node.outputs for use in value.uses()]


def _makers(node: onnx_ir.Node) -> list[onnx_ir.Node]:
    makers = (value.producer() for value in node.inputs if value is not None)
    return [maker for maker in makers if maker is not None]


def _converted(program: ExportedProgram, table: Mapping[Any, Callable[..., Any]]) -> onnx_ir.Model:
    """The model as torch.onnx makes it, with ``table`` besides its own translations."""
    registry = with_table(table)
    if registry is not None:
        return exporter().exported_program_to_ir(program, registry=registry)
    converted = torch.onnx.export(
        program,
        dynamo=True,
        optimize=False,
        verbose=False,
        verify=False,
        report=False,
        opset_version=OPSET,
        custom_translation_table=dict(table),
    )
    assert converted is not None
    return converted.model


def _failures(node: fx.Node, reason: str, decomposed: _OwnDecomposition) -> list[Failure]:
    """The failure of ``node``, and of its like where the operator has no translation at all."""
    if "No ONNX function found" not in reason:
        return [Failure(place_of(node), reason, str(node.target))]
    return [
        Failure(place_of(other), _missing(other.target), str(other.target))
        for other in decomposed.nodes()
        if other.target == node.target
    ]


def _missing(operator: Any) -> str:
    limit = LIMITED.get(getattr(operator, "overloadpacket", None))
    return f"torch.onnx has no translation of it{f'; {limit}' if limit else ''}"


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

    Where sizes depend on data they lose their names under ``backed_size_oblivious`` (an assertion in
    ``rebind_unbacked``); where they do not, PyTorch would take the example sizes for the answers to what it
    asks without it. A second decomposition beforehand would take as long as the export itself.
    """

    program: ExportedProgram
    result: ExportedProgram | None = None
    original: Any = field(init=False)

    def __post_init__(self) -> None:
        self.original = self.program.run_decompositions

    def __call__(self, table: dict[Any, Any] | None = None) -> ExportedProgram:
        if self.result is not None:
            return self.result
        oblivious = not any(map(_depends_on_data, self.program.graph.nodes))
        with (
            torch.fx.experimental._config.patch(backed_size_oblivious=oblivious),
            fx.traceback.preserve_node_meta(),
        ):
            self.result = self.original(_merged(table or {}))
        _drop_assertions(self.result.graph)
        drop_needless_rounding(self.result.graph)
        return self.result

    def nodes(self) -> list[fx.Node]:
        return [] if self.result is None else list(self.result.graph.nodes)


def _depends_on_data(node: fx.Node) -> bool:
    """Whether a node's result is a size that data decide, or has one."""
    values = node.meta.get("val")
    found = values if isinstance(values, (tuple, list)) else (values,)
    kinds = (torch.Tensor, torch.SymInt, torch.SymFloat, torch.SymBool)
    return any(isinstance(value, kinds) and bool(free_unbacked_symbols(value)) for value in found)


def _drop_assertions(graph: fx.Graph) -> None:
    """Those that matter are operators by now; the others have bounds that are too large for a file."""
    for node in list(graph.nodes):
        if node.target is torch.ops.aten._assert_scalar.default:
            graph.erase_node(node)
    graph.eliminate_dead_code()


def _merged(table: Mapping[Any, Callable[..., Any]]) -> dict[Any, Callable[..., Any]]:
    """The converter's table with ours, which come first and may leave it to the other."""
    return {**table, **{op: _first(ours, table.get(op)) for op, ours in DECOMPOSITIONS.items()}}


def _first(ours: Callable[..., Any], theirs: Callable[..., Any] | None) -> Callable[..., Any]:
    if theirs is None:
        return ours

    def decomposed(*args: Any, **kwargs: Any) -> Any:
        result = ours(*args, **kwargs)
        return theirs(*args, **kwargs) if result is NotImplemented else result

    return decomposed


def _blamed(error: BaseException, decomposed: _OwnDecomposition) -> tuple[fx.Node | None, str]:
    """The node of the decomposed program that could not be converted, if known, and why."""
    causes: list[BaseException] = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    reason = f"{type(causes[-1]).__name__}: {str(causes[-1]).strip().split(chr(10))[0]}"
    for cause in causes:
        if found := _FAILED_NODE.search(str(cause)):
            nodes = decomposed.nodes()
        elif found := _FAILED_EARLIER.search(str(cause)):
            nodes = list(decomposed.program.graph.nodes)
        else:
            continue
        return next((node for node in nodes if node.name == found[1]), None), reason
    return None, reason
