"""Bundles: loading one. The layout is in ``docs/architecture.md``, ``program.json`` in
:mod:`dyncc.runtime.manifest`.

Loading runs no code of the bundle: ``program.json`` is data, checked as it is read; the host is made from
it by the generator that also wrote ``host.py``; a ``host.py`` that is another is noticed.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from dyncc.runtime import digests
from dyncc.runtime import program as p
from dyncc.runtime.digests import digest
from dyncc.runtime.engine import Engine, Graph, Run, Setup, number_dtypes
from dyncc.runtime.engines import PerBlock, WithFallback, make_engine
from dyncc.runtime.errors import (
    BundleError,
    DamagedBundle,
    DigestMismatch,
    EngineMissing,
    IncompatibleArtifact,
)
from dyncc.runtime.manifest import Artifact, Manifest, Weight, read_manifest
from dyncc.runtime.module import HostModules
from dyncc.runtime.net import Net
from dyncc.runtime.records import frozen
from dyncc.runtime.session import Machine
from dyncc.runtime.tracebacks import show_lines
from dyncc.runtime.version import VERSION

if TYPE_CHECKING:
    from mmap import mmap

    from dyncc.runtime.host import HostSource, Origin

MANIFEST = "program.json"
HOST = "host.py"
WEIGHTS = "blocks/weights.bin"
EXAMPLES = "examples.npz"
SUPPORT = "engines"
"""The folder of files that engines need and the bundle brings, one folder an engine."""


def load(
    path: str | os.PathLike[str],
    *,
    threads: int | None = None,
    device: str | None = None,
    sha256: str | None = None,
    verify_digests: bool = True,
    lazy: bool = True,
    engine: Engine | str | None = None,
    fallback: bool = False,
    shared_pool: bool = True,
) -> Net:
    """The program in the bundle at ``path``, ready to be called.

    ``threads`` for one operator (default: all cores), ``device`` ``cpu``, ``cuda`` or ``cuda:1`` (default:
    the one that the bundle was compiled for; on the CPU every bundle runs). ``sha256`` pins the
    digest of ``program.json``, which holds those of all other files. ``lazy`` gives a block to the engine
    when it is first needed (a millisecond or two then), so that a process starts, and grows, with what it
    uses; without, all are loaded at once, and on a device run once: kernels are chosen and captured then.
    ``engine`` runs all blocks in the place of the engines that the bundle names: ``"onnxruntime"`` can,
    whatever it was compiled for, since every block has its ONNX file.
    With more than one thread all blocks use ONNX Runtime's pool for the process (``shared_pool``): sessions
    that the app makes itself afterwards must then have ``use_per_session_threads`` off. Without, each block
    has threads of its own; these do not wait for work between blocks, so calls take longer.
    With ``fallback``, what cannot be loaded as it is meant (engine or device missing, an artifact for
    another processor or version) runs in ONNX Runtime on the CPU, with a warning.

    Raises BundleError (damaged, newer, not the pinned one; IncompatibleArtifact), EngineMissing, and
    EngineError where an engine refuses a block (with ``lazy``, the call that needs it does).
    """
    folder = os.fspath(path)
    file = os.path.join(folder, MANIFEST)
    data = _read(file)
    found = digest(data)
    if sha256 is not None and found != sha256.lower():
        raise DigestMismatch(f"{file} has the digest {found}, not the pinned {sha256}")
    manifest = read_manifest(data, file)
    if verify_digests:
        check_digests(folder, manifest)
    modules = host_modules(manifest, os.path.join(folder, HOST), found)
    if verify_digests:
        _check_host(folder, manifest, modules)
    for source in manifest.sources:
        show_lines(source.path, source.lines)
    name = engine if isinstance(engine, str) or engine is None else engine.name
    device = _device(manifest, device, folder, fallback)
    graphs = graphs_of(folder, manifest, name, device)
    if engine is None or isinstance(engine, str):
        setup = Setup(threads, device, len(graphs), shared_pool)
        named = {graph.engine for graph in graphs.values()} if engine is None else {engine}
        engine = _engine(
            named or {manifest.engine.name}, setup, fallback, graphs_of(folder, manifest, PLAIN)
        )
    blocks: dict[str, Run] = {}
    machine = Machine(manifest.program, modules, blocks, read_weights(folder, manifest), engine)
    for name, graph in graphs.items():
        blocks[name] = Late(engine, graph, machine.replace_block) if lazy else engine.load(graph)
        warm: Callable[[Graph, Run], None] | None = getattr(engine, "warm", None)
        if not lazy and warm is not None:
            warm(graph, blocks[name])
    return Net(manifest, machine, engine, folder)


def _device(manifest: Manifest, device: str | None, folder: str, fallback: bool) -> str:
    """The device to run on. Raises IncompatibleArtifact for one that the bundle was not compiled for; with
    ``fallback`` it is the CPU then."""
    compiled = str(manifest.engine.options.get("device", "cpu"))
    if device is None:
        return compiled
    kind = device.partition(":")[0]
    if kind in ("cpu", compiled.partition(":")[0]):
        return device
    reason = (
        f"{folder} was compiled for {compiled}, and {kind} does not check indices as the CPU does: "
        f"compile with --device {kind}"
    )
    if not fallback:
        raise IncompatibleArtifact(reason)
    warnings.warn(f"fell back to onnxruntime on the CPU: {reason}", stacklevel=3)
    return "cpu"


def _engine(names: set[str], setup: Setup, fallback: bool, plain: Mapping[str, Graph]) -> Engine:
    """The engine for graphs of these engines. ``plain`` are the graphs as ONNX files, to fall back on."""
    if fallback and names == {"onnxruntime"}:  # a block fails there as it would on the CPU, or not at all
        with suppress(EngineMissing):
            return make_engine("onnxruntime", setup=setup)
    if fallback:
        return WithFallback(names, setup, plain)
    return make_engine(next(iter(names)), setup=setup) if len(names) == 1 else PerBlock(names, setup)


def host_modules(manifest: Manifest, path: str, digest: str | None = None) -> HostModules:
    """The host of a manifest's program; ``path`` is what its frames are called, ``digest`` that of the
    manifest's file, if what is made may be kept for other processes."""

    def make(traced: bool) -> HostSource:
        from dyncc.runtime.host import generate  # not needed where the host was kept

        lines, origin = _sources(manifest), origin_of(manifest)
        return generate(manifest.program, sources=lines, origin=origin, traced=traced)

    return HostModules(make, path, digest)


def host_text(manifest: Manifest) -> str:
    """The text of ``host.py``: what the compiler writes, and :func:`load` makes again."""
    return host_modules(manifest, HOST).plain.text


def origin_of(manifest: Manifest) -> Origin:
    """What the header of the host says."""
    from dyncc.runtime.host import Origin

    return Origin(
        manifest.generator or "dyncc",
        manifest.command,
        tuple((source.path, source.sha256) for source in manifest.sources),
    )


def _sources(manifest: Manifest) -> dict[str, Mapping[int, str]]:
    return {source.path: source.lines for source in manifest.sources}


# ------------------------------------------------------------------------------------------- checks


def check_digests(folder: str, manifest: Manifest) -> None:
    """Raise DamagedBundle or DigestMismatch unless every file is the one that was written."""
    paths = {name: _inside(folder, name) for name in manifest.digests}
    size = sum(os.path.getsize(path) for path in paths.values() if os.path.exists(path))
    for name, path in paths.items():
        found = digests.sha256(size)
        try:
            with open(path, "rb") as file:
                while chunk := file.read(1 << 20):
                    found.update(chunk)
        except OSError as error:
            raise DamagedBundle(f"{path} is missing or cannot be read ({error.strerror})") from error
        if found.hexdigest() != manifest.digests[name]:
            raise DigestMismatch(f"{path} is not the file that was compiled: damaged, cut short or edited")


def _check_host(folder: str, manifest: Manifest, modules: HostModules) -> None:
    """A ``host.py`` of this very generator must be what it makes of ``program.json``."""
    path = os.path.join(folder, HOST)
    if manifest.generator != generator() or not os.path.exists(path):
        return
    if _read(path).decode("utf-8", "replace") != modules.plain.text:
        raise DigestMismatch(f"{path} is not the host of {os.path.join(folder, MANIFEST)}: compile again")


def generator() -> str:
    """This generator and its version, as bundles name it."""
    return f"dyncc {VERSION}"


def _inside(folder: str, name: str) -> str:
    """A file of the bundle. Raises BundleError for a path that leads out of it."""
    parts = name.split("/")
    if "" in parts or ".." in parts or "\\" in name or ":" in name:
        raise BundleError(f"{os.path.join(folder, MANIFEST)} names a file outside of the bundle: {name!r}")
    return os.path.join(folder, *parts)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        there = os.path.exists(os.path.dirname(path) or ".")
        what = "no bundle: the file is missing" if there else "no such bundle"
        raise DamagedBundle(f"{path}: {what}") from None
    except OSError as error:
        raise DamagedBundle(f"{path} cannot be read ({error.strerror})") from error


# ------------------------------------------------------------------------------------- graphs, weights


PLAIN = ""
"""No engine's name: the ONNX files alone."""


def graphs_of(
    folder: str, manifest: Manifest, engine: str | None = None, device: str = "cpu"
) -> dict[str, Graph]:
    """What the engines are to load: the graphs that the program calls, as ONNX files or, where there is one
    for ``engine`` (None: for any) on ``device``, as what an engine's compiler made of them."""
    numbers = number_inputs(manifest.program)
    graphs = {
        name: Graph(
            name, _inside(folder, file.file), file.inputs, file.outputs, numbers[name], manifest.engine.name
        )
        for name, file in manifest.graphs.items()
        if name in numbers
    }
    for name, artifact in manifest.artifacts.items():
        wanted = engine is None or engine == artifact.engine
        if artifact.engine == "onnxruntime" and artifact.requires.get("device") != device.partition(":")[0]:
            wanted = False  # the plain file does it
        if name in graphs and wanted:
            graphs[name] = _compiled(graphs[name], folder, manifest, artifact)
    return graphs


def _compiled(graph: Graph, folder: str, manifest: Manifest, artifact: Artifact) -> Graph:
    support = _inside(folder, f"{SUPPORT}/{artifact.engine}")
    return Graph(
        graph.name,
        _inside(folder, artifact.file),
        graph.inputs,
        graph.outputs,
        graph.numbers,
        artifact.engine,
        artifact.requires,
        lambda: list(map_weights(folder, manifest, artifact.weights, writable=True).values()),
        support if os.path.isdir(support) else None,
    )


def number_inputs(program: p.Program[Any]) -> dict[str, dict[int, str]]:
    """Of each graph, the inputs that some block gives a Python number, with the dtypes that it has then."""
    kinds: dict[str, dict[int, str]] = {name: {} for name in program.graphs}
    for block in program.blocks.values():
        types = {value.name: value.type for value in block.params}
        for step in block.steps:
            outputs = step.outputs if isinstance(step, p.Compute) else (step.result,)
            if isinstance(step, p.Compute):
                kinds[step.graph].update(_number_inputs(step, types))
            types.update((value.name, value.type) for value in outputs)
    return {name: number_dtypes(found) for name, found in kinds.items()}


def _number_inputs(step: p.Compute, types: Mapping[str, p.Type]) -> Iterator[tuple[int, str]]:
    for index, operand in enumerate(step.inputs):
        if isinstance(operand, p.Const):
            yield index, type(operand.value).__name__
        else:
            of = types[operand.name]
            if isinstance(of, p.ScalarType):
                yield index, of.kind


def read_weights(folder: str, manifest: Manifest) -> dict[str, np.ndarray]:
    """The weights that are values of the program (what cells start with), mapped from the file."""
    wanted = {
        cell.initial
        for state in manifest.program.states
        for cell in state.cells
        if isinstance(cell.initial, str)
    }
    return map_weights(folder, manifest, sorted(wanted))


def map_weights(
    folder: str, manifest: Manifest, wanted: Sequence[str], writable: bool = False
) -> dict[str, np.ndarray]:
    """These weights, mapped from the file. ``writable``: as private memory, which engines ask for that
    never write to it (it is shared with all who map the file as long as nobody does)."""
    if not wanted:
        return {}
    from mmap import ACCESS_COPY, ACCESS_READ, mmap  # most bundles need none

    path = os.path.join(folder, WEIGHTS)
    access = ACCESS_COPY if writable else ACCESS_READ
    try:
        with open(path, "rb") as file:
            memory = mmap(file.fileno(), 0, access=access)
    except (OSError, ValueError) as error:
        raise DamagedBundle(f"{path} is missing or cannot be mapped ({error})") from error
    return {name: _weight(manifest.weights[name], memory, f"{path}: {name!r}") for name in wanted}


def _weight(weight: Weight, memory: mmap, where: str) -> np.ndarray:
    try:
        dtype = np.dtype("uint16" if weight.dtype == "bfloat16" else weight.dtype)
        count = int(np.prod(weight.shape, dtype=np.int64))
        if count * dtype.itemsize != weight.nbytes:
            raise ValueError(f"{weight.nbytes} bytes for {weight.dtype}{list(weight.shape)}")
        if not count:
            return np.zeros(weight.shape, dtype)
        return np.frombuffer(memory, dtype, count, weight.offset).reshape(weight.shape)
    except (TypeError, ValueError) as error:
        raise DamagedBundle(f"{where} is cut short or not what program.json says ({error})") from error


class Late:
    """A block that is loaded at its first call; ``replace`` then puts what was loaded in its place."""

    def __init__(self, engine: Engine, graph: Graph, replace: Callable[[str, Run, Run], None]) -> None:
        self.engine = engine
        self.graph = graph
        self.replace = replace

    def __call__(self, *inputs: Any) -> Any:
        run = self.engine.load(self.graph)  # twice in a race: harmless, the same graph
        self.replace(self.graph.name, self, run)
        return run(*inputs)


@frozen
class BundleInfo:
    """A bundle's manifest and the digest that pins it."""

    manifest: Manifest
    sha256: str


def read_bundle(path: str | os.PathLike[str]) -> BundleInfo:
    """What a bundle says of itself, without an engine and without checking its other files."""
    file = os.path.join(os.fspath(path), MANIFEST)
    data = _read(file)
    return BundleInfo(read_manifest(data, file), digest(data))
