"""Writing a bundle. The layout is in ``docs/architecture.md``; :mod:`dyncc.runtime.bundle` reads it."""

from __future__ import annotations

import hashlib
import linecache
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnx
import onnx_ir

from dyncc.compiler.atomic import replaced_directory
from dyncc.compiler.code_origin import is_users
from dyncc.compiler.engines.base import EngineOptions
from dyncc.compiler.engines.checked_indices import with_checked_indices
from dyncc.compiler.engines.plan import EnginePlan
from dyncc.compiler.lower.lowering import Lowered
from dyncc.compiler.lower.ports import ports_of
from dyncc.compiler.lower.split import SPAN_KEY
from dyncc.compiler.report import FACTS, REPORT
from dyncc.runtime.bundle import EXAMPLES, HOST, MANIFEST, SUPPORT, WEIGHTS, generator, host_text
from dyncc.runtime.examples import Example, Raises, pack
from dyncc.runtime.manifest import (
    Artifact,
    Checks,
    EngineChoice,
    GraphFile,
    Manifest,
    Source,
    Weight,
    manifest_text,
    source_lines,
)
from dyncc.runtime.places import node_name

ALIGNMENT = 64
INLINE = 256
"""A constant of at most so many bytes that is no weight of the program stays in its graph's file."""

_OURS = frozenset({MANIFEST, HOST, "blocks", SUPPORT, EXAMPLES, REPORT, FACTS, "__pycache__"})


class NotABundleError(FileExistsError):
    """What is at the target is not a bundle, so it is not replaced."""


@dataclass
class Examples:
    """Calls that the bundle keeps with their outcome, in the form in which it keeps them."""

    calls: list[Example] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def add(
        self,
        method: str,
        inputs: Mapping[str, Any],
        *,
        expected: Any = None,
        raises: tuple[str, str] | None = None,
        session: int = 0,
        atol: float = 1e-4,
        rtol: float = 1e-3,
    ) -> None:
        """Add a call: the method's inputs by name, and its output, or the exception's name and message.

        Arrays and tensors are copied. Calls of the same ``session`` follow one another in one session.
        """
        prefix = f"{len(self.calls)}"
        packed = {name: pack(value, f"{prefix}.{name}", self.arrays) for name, value in inputs.items()}
        outcome = None if raises else pack(expected, f"{prefix}.=", self.arrays)
        error = Raises(*raises) if raises else None
        self.calls.append(Example(method, packed, outcome, error, session, atol, rtol))


def write_bundle(
    lowered: Lowered,
    path: str | Path,
    *,
    command: str = "",
    sources: Mapping[str, str] | None = None,
    examples: Examples | None = None,
    engines: EnginePlan | None = None,
    checks: Checks | None = None,
    check: Callable[[Path], None] | None = None,
    report: Callable[[Path], object] | None = None,
) -> str:
    """Write a bundle to ``path``, in the place of an earlier one; returns the digest of ``program.json``.

    ``sources`` maps the paths that spans name to the texts that were compiled (those that are missing are
    read); ``engines`` says which blocks have artifacts, and brings them; ``checks`` says what was compared
    before, for ``inspect``; ``check`` is given the folder of the finished bundle before it comes to its
    place, and may raise; then ``report``, which may add the report: no part of the digests, since it is for
    people, about the finished bundle, and may be deleted. Whatever happens, ``path`` holds the whole new
    bundle or what it held before. Raises :class:`NotABundleError` where that is something else than a
    bundle.
    """
    target = Path(path)
    check_target(target)
    examples = examples or Examples()
    with replaced_directory(target) as folder:
        (folder / WEIGHTS).parent.mkdir()
        with (folder / WEIGHTS).open("wb") as file:
            store = _Store(file, set(lowered.weights))
            graphs = _write_graphs(lowered, folder, store)
            _store_cells(lowered, store)
        artifacts = _write_artifacts(engines, graphs, store, folder) if engines else {}
        if engines and engines.on_device:
            artifacts |= _write_checked(engines, graphs, artifacts, folder)
        _write_arrays(folder / EXAMPLES, examples.arrays)
        manifest = Manifest(
            program=lowered.program,
            graphs=graphs,
            generator=generator(),
            command=command,
            sources=tuple(_sources(source_lines(lowered.program, checks), sources or {})),
            engine=EngineChoice(options=_asked(engines)),
            artifacts=artifacts,
            choices=dict(engines.choices) if engines else {},
            weights=store.weights,
            examples=tuple(examples.calls),
            checks=checks,
        )
        # the host is made before the digests are known, and does not depend on them
        (folder / HOST).write_text(host_text(manifest), encoding="utf-8", newline="\n")
        manifest.digests.update(_digests(folder))
        text = manifest_text(manifest).encode()
        (folder / MANIFEST).write_bytes(text)
        if check is not None:
            check(folder)
        if report is not None:
            report(folder)
    return hashlib.sha256(text).hexdigest()


def check_target(path: Path) -> None:
    """Raise :class:`NotABundleError` unless a bundle may be written to ``path``.

    It may where there is nothing, an empty directory, or a bundle (a damaged one too) and no file more.
    """
    if not path.exists():
        if path.is_symlink():
            raise NotABundleError(f"{path} is a link to nothing")
        return
    if not path.is_dir():
        raise NotABundleError(f"{path} is a file, not a bundle")
    names = {entry.name for entry in path.iterdir()}
    if names and MANIFEST not in names:
        raise NotABundleError(f"{path} is a directory, but not a bundle: it has no {MANIFEST}")
    if others := sorted(names - _OURS):
        raise NotABundleError(f"{path} holds `{others[0]}`, which is no part of a bundle: move it away")


# -------------------------------------------------------------------------------------------- weights


@dataclass
class _Store:
    """``weights.bin``, and what is where in it. Equal contents are written once."""

    file: BinaryIO
    reserved: set[str]
    """Names of the program's weights, which stand for nothing else."""
    weights: dict[str, Weight] = field(default_factory=dict)
    offsets: dict[str, int] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    """The name here of each initializer of each graph."""

    def put(self, name: str, array: np.ndarray, own: bool) -> str:
        """Store ``array``; returns the name that it has in ``weights``: ``name`` if that is free.

        ``own`` says that it is the program's weight of that name.
        """
        weight = self._weight(array)
        candidate, number = name, 1
        while self.weights.get(candidate, weight) != weight or (candidate in self.reserved and not own):
            number += 1
            candidate = f"{name}_{number}"
        self.weights[candidate] = weight
        return candidate

    def _weight(self, array: np.ndarray) -> Weight:
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        digest = hashlib.sha256(data).hexdigest()
        offset = self.offsets.get(digest)
        if offset is None:
            self.file.write(bytes(-self.file.tell() % ALIGNMENT))
            offset = self.offsets[digest] = self.file.tell()
            self.file.write(data)
        return Weight(array.dtype.name, tuple(array.shape), offset, array.nbytes)


def _store_cells(lowered: Lowered, store: _Store) -> None:
    """The values that the program's state starts with."""
    for state in lowered.program.states:
        for cell in state.cells:
            if isinstance(cell.initial, str):
                name = store.put(cell.initial, lowered.weights[cell.initial], own=True)
                assert name == cell.initial, "a weight of the program has one value"


# --------------------------------------------------------------------------------------------- graphs


def _write_graphs(lowered: Lowered, folder: Path, store: _Store) -> dict[str, GraphFile]:
    files = _file_names(lowered.program.graphs)
    graphs: dict[str, GraphFile] = {}
    for name, model in lowered.program.graphs.items():
        model = _with_external_data(name, model, lowered.weights, store)
        _name_nodes(model.graph)
        (folder / files[name]).write_bytes(onnx_ir.to_proto(model).SerializeToString(deterministic=True))
        graphs[name] = GraphFile(files[name], *ports_of(model))
    return graphs


def _name_nodes(graph: onnx_ir.Graph) -> None:
    """Name operators by their places in the source: failures and profiles in the engine show names."""
    for number, node in enumerate(graph):
        place = node.metadata_props.get(SPAN_KEY)
        if place is not None:
            path, line, column = place.rsplit(":", 2)
            node.name = node_name(path, int(line), int(column), node.name or f"{node.op_type}_{number}")


def _file_names(graphs: Iterable[str]) -> dict[str, str]:
    """A path in the bundle for each graph; they differ also where letter case does not count."""
    taken: set[str] = set()
    names: dict[str, str] = {}
    for graph in graphs:
        stem = re.sub(r"[^A-Za-z0-9._-]+", "_", graph).strip("._")[:80] or "graph"
        candidate, number = stem, 1
        while candidate.lower() in taken:
            number += 1
            candidate = f"{stem}_{number}"
        taken.add(candidate.lower())
        names[graph] = f"blocks/{candidate}.onnx"
    return names


def _with_external_data(
    graph_name: str, model: onnx_ir.Model, weights: Mapping[str, np.ndarray], store: _Store
) -> onnx_ir.Model:
    """A copy of ``model`` whose initializers, but for small constants, lie in the store."""
    model = model.clone()
    graph = model.graph
    for name, value in list(graph.initializers.items()):
        tensor = value.const_value
        assert tensor is not None, f"the initializer `{name}` has no value"
        array = tensor.numpy()
        own = name in weights and _same(weights[name], array)
        if array.nbytes == 0 or (array.nbytes <= INLINE and not own):
            continue
        stored = store.put(name, array, own)
        store.names[graph_name, name] = stored
        if stored != name:
            del graph.initializers[name]
            value.name = stored
            graph.initializers[stored] = value
        place = store.weights[stored]
        value.const_value = onnx_ir.ExternalTensor(
            Path(WEIGHTS).name,
            place.offset,
            place.nbytes,
            tensor.dtype,
            shape=onnx_ir.Shape(list(tensor.shape)),  # pyright: ignore[reportArgumentType]
            name=stored,
        )
    return model


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    if one is other:
        return True
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


# -------------------------------------------------------------------------------------------- engines


def _write_artifacts(
    plan: EnginePlan, graphs: Mapping[str, GraphFile], store: _Store, folder: Path
) -> dict[str, Artifact]:
    """Copy the artifacts of blocks beside their ONNX files, and what their engines bring."""
    artifacts: dict[str, Artifact] = {}
    for name, (engine, suffix, built) in plan.built.items():
        file = graphs[name].file.removesuffix(".onnx") + suffix
        shutil.copyfile(built.path, folder / file)
        weights = tuple(store.names[name, weight] for weight in built.weights)
        artifacts[name] = Artifact(engine, file, weights, dict(built.requires))
    for engine, files in plan.support.items():
        for name, path in files.items():
            (folder / SUPPORT / engine).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / SUPPORT / engine / name)
    return artifacts


def _write_checked(
    plan: EnginePlan, graphs: Mapping[str, GraphFile], artifacts: Mapping[str, Artifact], folder: Path
) -> dict[str, Artifact]:
    """What ONNX Runtime needs on the plan's device: files of blocks with indices that it would not check,
    and which outputs no operator computes (``constants``: they stay on the host)."""
    device = plan.options.device.partition(":")[0]
    found: dict[str, Artifact] = {}
    for name, graph in graphs.items():
        if name in artifacts:
            continue
        model = onnx.load(folder / graph.file, load_external_data=False)
        weights = {tensor.name for tensor in model.graph.initializer}
        constants = [index for index, port in enumerate(graph.outputs) if port.name in weights]
        file = graph.file
        requires: dict[str, Any] = {"device": device, "constants": " ".join(map(str, constants))}
        if with_checked_indices(model):
            file = graph.file.removesuffix(".onnx") + f".{device}.onnx"
            (folder / file).write_bytes(model.SerializeToString(deterministic=True))
            requires["checked"] = True
        if constants or file != graph.file:
            found[name] = Artifact("onnxruntime", file, (), requires)
    return found


def _asked(plan: EnginePlan | None) -> dict[str, Any]:
    """What was asked of engines, where it was not the default, and what whole calls took."""
    usual = EngineOptions(threads=plan.options.threads) if plan else None
    if plan is None or (plan.options == usual and plan.precision == "float32"):
        return {}
    options = plan.options
    asked = {
        "asked": options.engine,
        "target": options.target,
        "tune": options.tune or None,
        "device": options.device if plan.on_device else None,
        "precision": plan.precision if plan.precision != "float32" else None,
    }
    found = {name: value for name, value in asked.items() if value is not None}
    return found | {f"call.{name}": seconds for name, seconds in plan.calls.items()}


# -------------------------------------------------------------------------------------------- the rest


def _sources(wanted: Mapping[str, set[int]], texts: Mapping[str, str]) -> Iterable[Source]:
    # the user's own files first, then those of libraries that the program goes through
    for path, numbers in sorted(wanted.items(), key=lambda item: not is_users(item[0])):
        text = texts.get(path)
        if text is None:
            text = "".join(linecache.getlines(path))
        lines = text.splitlines()
        kept = {number: lines[number - 1] for number in sorted(numbers) if number <= len(lines)}
        yield Source(path, hashlib.sha256(text.encode()).hexdigest(), kept)


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """An ``.npz`` file that depends on its contents alone (``np.savez`` writes the time)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)


def _digests(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        with file.open("rb") as stream:
            found[file.relative_to(folder).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found
