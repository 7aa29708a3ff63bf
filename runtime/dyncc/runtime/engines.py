"""Engines by name, and several of them in one program.

Those of dyncc are found without a look at what is installed; any other name is looked up among the entry
points of the group :data:`GROUP`: a callable that takes a :class:`~dyncc.runtime.engine.Setup`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from dyncc.runtime.engine import Engine, Graph, Run, Setup
from dyncc.runtime.errors import EngineMissing, IncompatibleArtifact

GROUP = "dyncc.engines"


def _onnxruntime(setup: Setup) -> Engine:
    if setup.device != "cpu":
        from dyncc.runtime.engine_cuda import OnnxRuntimeCuda

        return OnnxRuntimeCuda(setup)
    from dyncc.runtime.engine_onnxruntime import OnnxRuntime  # not before a bundle needs it

    return OnnxRuntime(threads=setup.threads, graphs=setup.graphs, shared_pool=setup.shared_pool)


def _tvm(setup: Setup) -> Engine:
    from dyncc.runtime.engine_tvm import Tvm

    return Tvm(setup)


def _inductor(setup: Setup) -> Engine:
    from dyncc.runtime.engine_inductor import Inductor

    return Inductor(setup)


BUILT_IN: Mapping[str, Callable[[Setup], Engine]] = {
    "onnxruntime": _onnxruntime,
    "tvm": _tvm,
    "inductor": _inductor,
}


def make_engine(
    name: str,
    *,
    threads: int | None = None,
    device: str = "cpu",
    graphs: int = 1,
    setup: Setup | None = None,
) -> Engine:
    """The engine of that name; ``setup`` is the other arguments in one. Raises EngineMissing."""
    factory = BUILT_IN.get(name) or _plugin(name)
    return factory(setup or Setup(threads, device, graphs))


def _plugin(name: str) -> Callable[[Setup], Engine]:
    from importlib.metadata import entry_points

    found = entry_points(group=GROUP, name=name)
    if not found:
        raise EngineMissing(
            f"the bundle is for the engine {name!r}, which no installed package provides: pip install the "
            f"package that brings it (an entry point of the group {GROUP!r}), or load the bundle with "
            "engine='onnxruntime'"
        )
    entry = next(iter(found))
    try:
        return entry.load()
    except Exception as error:  # whatever the import of another's module raises
        raise EngineMissing(f"the engine {name!r} of {entry.value} cannot be imported ({error})") from error


class PerBlock:
    """A program whose blocks run in several engines; what goes between them are arrays.

    An engine is made when the first block that needs it is loaded.
    """

    keep = False

    def __init__(self, names: Iterable[str], setup: Setup) -> None:
        self.names = sorted(names)
        self.name = " and ".join(self.names)
        self.setup = setup
        self.engines: dict[str, Engine] = {}

    def engine(self, name: str) -> Engine:
        """The engine of that name. Raises EngineMissing."""
        if name not in self.engines:
            self.engines[name] = make_engine(name, setup=self.setup)
        return self.engines[name]

    def load(self, graph: Graph) -> Run:
        engine = self.engine(graph.engine)
        run = engine.load(graph)
        return _fetched(run) if engine.keep else run

    def describe(self) -> Mapping[str, Any]:
        return {"engine": self.name, **{name: self.engine(name).describe() for name in self.names}}


class WithFallback(PerBlock):
    """As :class:`PerBlock`; what cannot be loaded runs in ONNX Runtime on the CPU, with a warning.

    ``plain`` are the graphs of the program as ONNX files.
    """

    def __init__(self, names: Iterable[str], setup: Setup, plain: Mapping[str, Graph]) -> None:
        super().__init__(names, setup)
        self.plain = plain
        self.cpu: Engine | None = None

    def engine(self, name: str) -> Engine:
        try:
            return super().engine(name)
        except EngineMissing as error:
            if name == "onnxruntime" and self.setup.device == "cpu":
                raise  # there is nothing to fall back on
            self.engines[name] = self._cpu(f"{error}")
            return self.engines[name]

    def load(self, graph: Graph) -> Run:
        try:
            if self.engine(graph.engine) is not self.cpu:
                return super().load(graph)
        except (EngineMissing, IncompatibleArtifact) as error:
            self._cpu(f"the block {graph.name!r}: {error}")
        return self._cpu().load(self.plain[graph.name])

    def _cpu(self, reason: str = "") -> Engine:
        if reason:
            warnings.warn(f"fell back to onnxruntime on the CPU: {reason}", stacklevel=4)
        if self.cpu is None:
            setup = Setup(self.setup.threads, "cpu", self.setup.graphs, self.setup.shared_pool)
            self.cpu = make_engine("onnxruntime", setup=setup)
        return self.cpu


def _fetched(run: Run) -> Run:
    """``run`` with its results as arrays."""

    def fetched(*inputs: Any) -> Any:
        results: Any = run(*inputs)
        if type(results) in (list, tuple):
            return [np.asarray(value) for value in results]
        return np.asarray(results)

    return fetched
