"""OBSPA for whole programs: every layer is refitted to what it gave on the original's own paths.

Graphs are refitted in the order in which calls first come to them. For each, the original and the pruned
program run on the data, the pruned one told what the original read, so that both take the same path and
visit the graph equally often; its layers are then refitted on all of these visits. A program without
control flow is the case of one graph.

A graph in a loop is given what it gave before, by weights that are about to change. It is refitted on what
the original is given there, without the removed channels: where the fit is good, that is what it will be
given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._pytree import tree_map

from dyncc.compiler.check.compare import outcome
from dyncc.compiler.check.report import Example
from dyncc.compiler.pruning.onnx_program import OnnxInterpreter
from dyncc.compiler.pruning.synthesize import RANDOM, synthesized
from dyncc.compiler.reference import Number, Observer
from dyncc.passes.prune.errors import OptionError, PruneError
from dyncc.passes.prune.groups import weights_of
from dyncc.passes.prune.model import Plan
from dyncc.passes.prune.obspa import Feeds, Progress, layers, refit
from dyncc.passes.prune.program import ProgramPlan, Visits
from dyncc.passes.prune.program_groups import Onnx
from dyncc.runtime.noise import Noise
from dyncc.runtime.program import Compute, HostOp

MADE_UP = 256
"""Calls that are made up where there are no data."""

MEASURED = 64
"""Calls on which residual branches and times are measured."""

Weights = dict[str, np.ndarray]


def refit_program(
    plan: ProgramPlan,
    smaller: Onnx,
    weights: Weights,
    data: Sequence[Example] | None,
    examples: Sequence[Example],
    seed: int = 0,
    say: Callable[[str], None] = lambda text: None,
    progress: Progress | None = None,
) -> str:
    """Refit the layers of the pruned program ``smaller`` and its ``weights``, both in place.

    ``data`` are calls; without them they are made up: inputs matched to the batch norms where the program
    is one graph (see :mod:`~.synthesize`), else ``examples`` with random numbers in the place of theirs.
    Weights that several graphs have stay as they are. Gives in words what inputs were made up, if any were.
    Raises :class:`PruneError` where the program does not run on the data.
    """
    shared = _shared(plan.program)
    whole = plan.whole
    if data is None and len(whole.graphs) == 1:
        ((name, model),) = whole.graphs.items()
        feeds, how = synthesized(model, seed=seed)
        say(f"data      {how}")
        _refit_graph(plan, smaller, weights, name, (feeds, feeds), shared, progress)
        return how
    how = ""
    if data is None:
        data, how = made_up(examples, seed), f"{RANDOM} in the place of the example's"
        say(f"data      {how}")
    if not data:
        raise OptionError("refitting (obspa) a program needs calls of it", "give `data`")
    original = _Runs(whole, plan.weights, data, seed)
    pruned = _Runs(smaller, weights, data, seed)
    recording = original.recorded()
    told = _Told(progress, sum(len(layers(smaller.graphs[name])) for name in recording.order))
    for name in recording.order:
        wanted = original.feeds(name)[name]
        again = name in recording.again
        given = (
            [plan.narrowed(name, one) for one in wanted]
            if again
            else pruned.feeds(name, recording).get(name, [])
        )
        if len(given) == len(wanted):  # else what it computes led it elsewhere, though told what was read
            _refit_graph(plan, smaller, weights, name, (wanted, given), shared, told.of(name))
        told.done += len(layers(smaller.graphs[name]))
    told.ended()
    return how


def visits_of(weights: Mapping[str, np.ndarray], calls: Sequence[Example], seed: int = 0) -> Visits:
    """What ``calls`` (the first of them) give to the graphs of a program with such weights."""
    return lambda program: _Runs(program, weights, calls[:MEASURED], seed).feeds(None)


def refit_module(
    plan: ProgramPlan,
    smaller: nn.Module,
    data: Sequence[Example] | None,
    examples: Sequence[Example],
    seed: int = 0,
) -> None:
    """Refit a pruned module in place: the program is, and its weights go back into the module."""
    program, weights = plan.pruned()
    refit_program(plan, program, weights, data, examples, seed)
    with torch.no_grad():
        for name, tensor in [*smaller.named_parameters(), *smaller.named_buffers()]:
            if name in weights:
                tensor.copy_(torch.from_numpy(np.array(weights[name])))


def made_up(examples: Sequence[Example], seed: int = 0, count: int = MADE_UP) -> list[Example]:
    """Calls like ``examples`` with standard normal numbers in the place of floating-point tensors."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            return value
        return torch.randn(value.shape, generator=generator, dtype=torch.float32).to(value.dtype)

    return [
        Example(example.method, *tree_map(drawn, example.copied()))
        for _ in range(-(-count // max(len(examples), 1)))
        for example in examples
    ]


def _refit_graph(
    plan: ProgramPlan,
    smaller: Onnx,
    weights: Weights,
    name: str,
    feeds: tuple[Sequence[Feeds], Sequence[Feeds]],
    shared: frozenset[str],
    progress: Progress | None,
) -> None:
    pruned = smaller.graphs[name]
    wanted, given = feeds
    refit(
        Plan(plan.program.graphs[name], plan.network, plan.removed, plan.shallow.get(name)),
        pruned,
        wanted,
        given=given,
        shared=shared,
        progress=progress,
    )
    for value in weights_of([pruned.graph]):
        if value.name in weights and value.name not in shared and value.const_value is not None:
            weights[value.name] = np.array(value.const_value.numpy())


@dataclass
class _Told:
    """Progress over the layers of all graphs, ``done`` of them in graphs that are finished."""

    progress: Progress | None
    total: int
    done: int = 0

    def of(self, graph: str) -> Progress | None:
        """What is told of the layers of one graph."""
        if self.progress is None:
            return None
        tell, before = self.progress, self.done

        def told(number: int, of: int, layer: str) -> None:
            if number < of:  # that all of one graph are done is not the end
                tell(before + number, self.total, f"{graph}: {layer}")

        return told

    def ended(self) -> None:
        if self.progress is not None:
            self.progress(self.total, self.total, "")


def _shared(program: Onnx) -> frozenset[str]:
    counts = Counter(
        name
        for model in program.graphs.values()
        for name in {value.name or "" for value in weights_of([model.graph])}
    )
    return frozenset(name for name, count in counts.items() if count > 1)


# ------------------------------------------------------------------------------------------ running


@dataclass
class _Recording(Observer):
    """What the original read in each call, and its graphs in the order in which they were run.

    ``again`` are those that a call ran several times.
    """

    calls: list[list[Number]] = field(default_factory=list[list[Number]])
    order: dict[str, None] = field(default_factory=dict[str, None])
    again: set[str] = field(default_factory=set[str])
    seen: set[str] = field(default_factory=set[str])

    def begin(self) -> None:
        self.calls.append([])
        self.seen.clear()

    def read(self, step: HostOp, value: Number) -> Number:
        self.calls[-1].append(value)
        return value

    def compute(
        self, step: Compute, inputs: tuple[torch.Tensor, ...], outputs: tuple[torch.Tensor, ...]
    ) -> None:
        self.order.setdefault(step.graph)
        if step.graph in self.seen:
            self.again.add(step.graph)
        self.seen.add(step.graph)


@dataclass
class _Visits(Observer):
    """What graphs are given, the graph ``name`` or all; reads are answered by ``told`` if there is some."""

    name: str | None
    told: Sequence[Number] | None = None
    position: int = 0
    inputs: dict[str, list[tuple[torch.Tensor, ...]]] = field(
        default_factory=dict[str, "list[tuple[torch.Tensor, ...]]"]
    )

    def read(self, step: HostOp, value: Number) -> Number:
        if self.told is None or self.position >= len(self.told):
            return value
        self.position += 1
        return self.told[self.position - 1]

    def compute(
        self, step: Compute, inputs: tuple[torch.Tensor, ...], outputs: tuple[torch.Tensor, ...]
    ) -> None:
        if self.name is None or step.graph == self.name:
            self.inputs.setdefault(step.graph, []).append(inputs)


@dataclass
class _Runs:
    """Runs of a program on the same data, which begin in the same state each."""

    program: Onnx
    weights: Mapping[str, np.ndarray]
    data: Sequence[Example]
    seed: int

    def recorded(self) -> _Recording:
        recording = _Recording()
        interpreter = self._interpreter(recording)
        for call in self.data:
            recording.begin()
            _run(interpreter, call)
        return recording

    def feeds(self, name: str | None, recording: _Recording | None = None) -> dict[str, list[Feeds]]:
        """What the graph ``name`` (None: each of them) is given on all visits.

        On the path of ``recording``, if there is one.
        """
        visits = _Visits(name)
        interpreter = self._interpreter(visits)
        for number, call in enumerate(self.data):
            visits.told, visits.position = recording.calls[number] if recording else None, 0
            _run(interpreter, call)
        return {graph: self._named(graph, given) for graph, given in visits.inputs.items()}

    def _named(self, graph: str, visits: Sequence[tuple[torch.Tensor, ...]]) -> list[Feeds]:
        names = [value.name or "" for value in self.program.graphs[graph].graph.inputs]
        return [
            dict(zip(names, (tensor.numpy(force=True) for tensor in given), strict=True))
            for given in visits
        ]

    def _interpreter(self, observer: Observer) -> OnnxInterpreter:
        return OnnxInterpreter(self.program, self.weights, observer=observer, noise=Noise(self.seed))


def _run(interpreter: OnnxInterpreter, call: Example) -> None:
    """One call. What the program itself raises is one of its ends."""
    args, kwargs = call.copied()
    ended = outcome(lambda *a, **k: interpreter.run(call.method, *a, **k), args, kwargs)
    if ended.error is not None and not interpreter.left:
        reason = str(ended.error).strip().splitlines()[0]
        raise PruneError(f"the program does not run on the data: {reason}", "check their shapes")
