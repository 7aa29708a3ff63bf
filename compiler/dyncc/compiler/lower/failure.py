"""Failures of an export, and the diagnostics that they become."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from torch import fx

from dyncc.compiler.diagnostics import Diagnostic
from dyncc.compiler.graph_names import readable_name
from dyncc.runtime.program import Span


@dataclass(frozen=True)
class Place:
    """A node of a template of a batch. ``node`` is its index among the graph's nodes."""

    template: int
    node: int


@dataclass(frozen=True)
class Failure:
    """What went wrong where. ``operator`` is the ATen operator, if that is known."""

    place: Place | None
    reason: str
    operator: str = ""
    narrowed: bool = False


class LoweringError(Exception):
    """An export failed. Without any place it is not known which template is to blame."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        super().__init__(failures)
        self.failures = tuple(failures)

    def templates(self) -> set[int]:
        """The templates that are known to fail."""
        return {failure.place.template for failure in self.failures if failure.place is not None}

    def of(self, template: int) -> LoweringError:
        """The failures of one template."""
        mine = [f for f in self.failures if f.place is not None and f.place.template == template]
        return LoweringError(mine)

    def at(self, place: Place) -> LoweringError:
        """The same failures, with the place that was not known."""
        return LoweringError([f if f.place else replace(f, place=place) for f in self.failures])

    def diagnostics(self, graph: fx.Graph) -> Iterator[Diagnostic]:
        """The diagnostics of failures of a template of which ``graph`` is an instance."""
        nodes = list(graph.nodes)
        told: set[Place | None] = set()
        for failure in self.failures:
            if failure.place in told and not failure.narrowed:
                continue  # one call is one problem, of however many operators it consists
            told.add(failure.place)
            node = nodes[failure.place.node] if failure.place is not None else None
            span = node.meta.get("span") if node is not None else _first_span(nodes)
            if failure.narrowed:
                yield _narrowed(failure, span)
            else:
                yield _unsupported(failure, node, span)


def _first_span(nodes: Sequence[fx.Node]) -> Span | None:
    return next((span for node in nodes if (span := node.meta.get("span")) is not None), None)


def _unsupported(failure: Failure, node: fx.Node | None, span: Span | None) -> Diagnostic:
    called = f"`{readable_name(node.target)}`" if node is not None else "this part of the program"
    operator = f" (as `{failure.operator}`)" if failure.operator else ""
    return Diagnostic(
        code="DY401",
        message=f"{called} cannot be converted to ONNX",
        span=span,
        label=f"called here{operator}",
        notes=(failure.reason,),
        helps=("write it with other operators, or say what it is in ONNX: `dyncc.compiler.register_onnx`",),
    )


def _narrowed(failure: Failure, span: Span | None) -> Diagnostic:
    return Diagnostic(
        code="DY402",
        message="the exporter takes a free size to be fixed",
        span=span,
        label=failure.reason,
        notes=("the network was to work for every value of that size",),
        helps=("fix the size in `dynamic_shapes`, or compute without a condition on it",),
    )
