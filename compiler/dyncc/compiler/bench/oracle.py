"""Which way each call takes, and for each way the ONNX graphs that a compiler could make if it knew it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx_ir

from dyncc.compiler.bench.calls import Call
from dyncc.compiler.bench.exported import ExportFailed, export_trace
from dyncc.compiler.bench.linked import Linker, NotLinkable, Recording

MOST_LINKED, MOST_TRACED = 100, 8
"""So many different ways get a graph: the most frequent ones."""


@dataclass
class Ways:
    """``paths[i]`` is the way of call ``i``: which edge it took at each decision."""

    paths: tuple[tuple[tuple[str, int], ...], ...] = ()
    engine_calls: tuple[int, ...] = ()
    """How often each call ran a graph."""
    files: tuple[tuple[Path, ...], ...] = ()
    """For each way the graphs that were made of it (the faster one is taken)."""
    served: tuple[int, ...] = ()
    """The calls for which there is a graph."""
    chosen: tuple[int, ...] = ()
    """Of each of them, the position in ``files``."""
    failed: str = ""
    traced: int = 0
    notes: list[str] = field(default_factory=list[str])

    @property
    def first_file(self) -> Path | None:
        return self.files[0][0] if self.files else None


def find_ways(bundle: Path, calls: Sequence[Call], model: Any, folder: Path, threads: int) -> Ways:
    """Make every call once. ``model`` is the network, or None where there is the bundle alone."""
    linker = Linker(bundle, threads)
    recordings = [linker.record(call) for call in calls]
    keys = [recording.key() for recording in recordings]
    ways = Ways(
        tuple(recording.decisions for recording in recordings),
        tuple(recording.engine_calls for recording in recordings),
    )
    files: dict[str, tuple[Path, ...]] = {}
    for key, _ in Counter(keys).most_common(MOST_LINKED):
        index = keys.index(key)
        traced = model if len(files) < MOST_TRACED else None
        made = _graphs(linker, recordings[index], calls[index], traced, folder, len(files), ways)
        if made:
            files[key] = made
    # the first call's graph comes first: it is the one that the start of a process is measured with
    order = list(dict.fromkeys(key for key in keys if key in files))
    ways.files = tuple(files[key] for key in order)
    ways.served = tuple(index for index, key in enumerate(keys) if key in files)
    ways.chosen = tuple(order.index(keys[index]) for index in ways.served)
    if not ways.files:
        ways.failed = ways.notes[0] if ways.notes else "no way can be written as one graph"
    return ways


def _graphs(
    linker: Linker, recording: Recording, call: Call, model: Any, folder: Path, number: int, ways: Ways
) -> tuple[Path, ...]:
    made: list[Path] = []
    try:
        file = folder / f"linked{number}.onnx"
        onnx_ir.save(linker.link(recording), file)
        _check_loads(file)
        made.append(file)
    except NotLinkable as error:
        ways.notes.append(str(error))
    if model is not None:
        try:
            file = folder / f"traced{number}.onnx"
            export_trace(model, call, file)
            made.append(file)
            ways.traced += 1
        except ExportFailed as error:
            ways.notes.append(str(error))
    return tuple(made)


def _check_loads(file: Path) -> None:
    """ONNX Runtime refuses a graph of which folding constants leaves nothing."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise NotLinkable(f"ONNX Runtime: {str(error).splitlines()[0]}") from error
