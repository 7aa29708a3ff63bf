"""What runs in the processes: each way to run a network, behind one small interface."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dyncc.compiler.bench.calls import Call, for_numpy, for_torch, leaves

EAGER, COMPILED, SCRIPT, SCRIPT_ONNX = "eager", "torch.compile", "torchscript", "torchscript-onnx"
DYNCC, ORACLE = "dyncc", "oracle"
CONTENDERS = (EAGER, COMPILED, SCRIPT, SCRIPT_ONNX, DYNCC, ORACLE)
INPUT = "input_"
"""Before the position, among the leaves of a call's arguments, of the tensor that a graph's input takes."""


@dataclass(frozen=True)
class Model:
    """A network as the command line names it."""

    target: str
    weights: Path | None = None
    keep_mode: bool = False

    def load(self) -> Any:
        """The callable, in the mode in which it is compiled."""
        from dyncc.compiler.cli.discover import discover
        from dyncc.compiler.cli.weights import load_weights

        target = discover(self.target)
        if self.weights is not None:
            load_weights(target, self.weights)
        if target.network is not None and not self.keep_mode:
            target.network.eval()
        return target.model


@dataclass(frozen=True)
class Job:
    """What one process is to do.

    ``served`` are the calls to make. ``files`` are the graphs of an ONNX contender, ``chosen`` which of
    them each call runs, in the variant that proves to be faster. ``fresh``: whether a call must be given
    arguments of its own (the network writes to them); ``stateful``: whether the network keeps state, which
    is then put back before each call.
    """

    contender: str
    threads: int
    calls: Path
    model: Model | None = None
    bundle: Path | None = None
    files: tuple[tuple[Path, ...], ...] = ()
    chosen: tuple[int, ...] = ()
    served: tuple[int, ...] = ()
    fresh: bool = False
    stateful: bool = False
    only_start: bool = False


class Contender(Protocol):
    """A way to run the network."""

    def arguments(self, index: int, call: Call) -> Any:
        """The arguments of the call with that index, as this contender takes them."""
        ...

    def prepare(self) -> None:
        """What has to be done before a call and is no part of it."""
        ...

    def call(self, index: int, arguments: Any) -> Any:
        """The result of the call with that index."""
        ...

    def notes(self) -> dict[str, Any]:
        """What else to say about it, after all calls were made once."""
        ...


def build(job: Job) -> Contender:
    """The contender of ``job``. What it raises says why it cannot run."""
    if job.contender.partition(" ")[0] == DYNCC:  # with other engines: "dyncc tvm"
        return _Bundle(job)
    if job.contender in (ORACLE, SCRIPT_ONNX):
        return _Graphs(job)
    return _Torch(job)


# ----------------------------------------------------------------------------------------- with torch


class _Torch:
    """The network in PyTorch: eager, under ``torch.compile``, or scripted."""

    def __init__(self, job: Job) -> None:
        import torch

        torch.set_num_threads(job.threads)
        self.torch = torch
        self.job = job
        assert job.model is not None
        model = job.model.load()
        self.isolation = None
        if job.stateful:
            from dyncc.compiler.check.isolation import Isolation

            self.isolation = Isolation([model])
        # the strictest of PyTorch's modes without gradients is also its fastest
        torch.inference_mode().__enter__()
        self.model = model
        self.function: Callable[..., Any] | None = None

    def _made(self, model: Any) -> Callable[..., Any]:
        """Made at the first call, whose time is then that of compiling."""
        if self.job.contender == COMPILED:
            self.torch._dynamo.config.recompile_limit = 64  # beyond it torch.compile gives up for eager
            return self.torch.compile(model)
        return frozen_script(model) if self.job.contender == SCRIPT else model

    def arguments(self, index: int, call: Call) -> Any:
        return for_torch(call.args), for_torch(dict(call.kwargs))

    def prepare(self) -> None:
        if self.isolation is not None:
            self.isolation.restore()

    def call(self, index: int, arguments: Any) -> Any:
        if self.function is None:
            self.function = self._made(self.model)
        return self.function(*arguments[0], **arguments[1])

    def notes(self) -> dict[str, Any]:
        if self.job.contender != COMPILED:
            return {}
        counters = self.torch._dynamo.utils.counters
        return {
            "graphs": counters["stats"]["unique_graphs"],
            "breaks": sum(counters["graph_break"].values()),
        }


def scripted(model: Any) -> Any:
    """``torch.jit.script(model)`` without its notice that it is deprecated."""
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(model)


def frozen_script(model: Any) -> Any:
    """The scripted model, its weights made constants where that is possible."""
    import torch

    script = scripted(model)
    inferring = isinstance(script, torch.jit.ScriptModule) and not script.training
    return torch.jit.freeze(script) if inferring else script


# -------------------------------------------------------------------------------------- without torch


class _Bundle:
    """The compiled program, loaded as a user loads it."""

    def __init__(self, job: Job) -> None:
        from dyncc.runtime import load

        assert job.bundle is not None
        self.net = load(job.bundle, threads=job.threads)
        self.stateful = job.stateful

    def arguments(self, index: int, call: Call) -> Any:
        return for_numpy(call.args), for_numpy(dict(call.kwargs))

    def prepare(self) -> None:
        if self.stateful:
            self.net.reset()

    def call(self, index: int, arguments: Any) -> Any:
        return self.net(*arguments[0], **arguments[1])

    def notes(self) -> dict[str, Any]:
        return {}


class _Graphs:
    """ONNX files in ONNX Runtime; each call runs the file chosen for it."""

    def __init__(self, job: Job) -> None:
        import onnxruntime

        self.options = onnxruntime.SessionOptions()
        self.options.log_severity_level = 4
        if job.threads > 1 and not job.only_start:
            # Pools of many sessions get in each other's way: one for all, as the compiled program has.
            onnxruntime.set_global_thread_pool_sizes(job.threads, 1)
            self.options.use_per_session_threads = False
        else:
            self.options.intra_op_num_threads = job.threads
        self.job = job
        self.alternatives = [
            [_Session(file, self.options) for file in files[: 1 if job.only_start else None]]
            for file_number, files in enumerate(job.files)
            if not (job.only_start and file_number)
        ]
        self.sessions: dict[int, _Session] = {}

    def arguments(self, index: int, call: Call) -> Any:
        found = leaves(for_numpy((call.args, dict(call.kwargs))))
        chosen = self.job.chosen[index]
        if chosen not in self.sessions:
            alternatives = self.alternatives[chosen]
            fastest = (
                min(alternatives, key=lambda session: session.time(found)) if alternatives[1:] else None
            )
            self.sessions[chosen] = fastest or alternatives[0]
        return self.sessions[chosen].feeds(found)

    def prepare(self) -> None:
        pass

    def call(self, index: int, arguments: Any) -> Any:
        return self.sessions[self.job.chosen[index]].run(arguments)

    def notes(self) -> dict[str, Any]:
        if self.job.contender != ORACLE:
            return {}
        stems = [session.file.stem.rstrip("0123456789") for session in self.sessions.values()]
        return {kind: stems.count(kind) for kind in sorted(set(stems))}


class _Session:
    """A session, called in the cheapest way that takes and gives arrays."""

    def __init__(self, file: Path, options: Any) -> None:
        import onnxruntime

        self.file = file
        session: Any = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self.inputs = [meta.name for meta in session.get_inputs()]
        self.outputs = [meta.name for meta in session.get_outputs()]
        self.count = sum(not name.startswith("extra_") for name in self.outputs)
        """The results: what follows them is computed, and looked at by nobody."""
        self.function = session._sess.run
        self.options = onnxruntime.RunOptions()

    def feeds(self, found: Sequence[Any]) -> dict[str, Any]:
        import numpy as np

        return {name: np.asarray(found[int(name.removeprefix(INPUT))]) for name in self.inputs}

    def run(self, feeds: dict[str, Any]) -> Any:
        results = self.function(self.outputs, feeds, self.options)
        return results if self.count == len(results) else results[: self.count]

    def time(self, found: Sequence[Any]) -> float:
        """The least time of a few calls."""
        feeds, best = self.feeds(found), float("inf")
        for _ in range(20):
            start = time.perf_counter()
            self.run(feeds)
            best = min(best, time.perf_counter() - start)
        return best
