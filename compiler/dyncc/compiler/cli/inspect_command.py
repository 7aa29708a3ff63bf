"""``dyncc inspect BUNDLE``: what a bundle says of itself. No engine is loaded."""

from __future__ import annotations

import hashlib
import linecache
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from dyncc.compiler.cli.bundles import existing
from dyncc.compiler.cli.console import Console
from dyncc.compiler.cli.inspect_text import program_data, program_text
from dyncc.compiler.cli.report import byte_text, unchecked_lines
from dyncc.compiler.cli.usercode import display
from dyncc.compiler.report import FACTS
from dyncc.compiler.report.facts import Facts, facts_data, read_facts
from dyncc.compiler.report.text import report_lines, summary_lines
from dyncc.compiler.report.words import count
from dyncc.runtime.bundle import BundleInfo, read_bundle
from dyncc.runtime.manifest import Manifest, Source


def inspect_bundle(bundle: Path, console: Console) -> None:
    """The whole command. Raises an error of the runtime where the bundle is damaged."""
    info = read_bundle(existing(bundle))
    manifest = info.manifest
    for source in manifest.sources:
        _show_kept_lines(source)
    graph_bytes = {name: _size(bundle / graph.file) for name, graph in manifest.graphs.items()}
    sizes = {
        "total": sum(_size(file) for file in bundle.rglob("*")),
        "weights": sum(weight.nbytes for weight in manifest.weights.values()),
        "graphs": sum(graph_bytes.values()),
    }
    head = _head(bundle, info, sizes)
    facts = _facts(bundle, info)
    data = {
        "bundle": str(bundle),
        "sha256": info.sha256,
        "generator": manifest.generator,
        "command": manifest.command,
        "engine": manifest.engine.name,
        "artifacts": {name: asdict(artifact) for name, artifact in manifest.artifacts.items()},
        "choices": {name: asdict(choice) for name, choice in manifest.choices.items()},
        "bytes": sizes,
        "weights": {name: [weight.dtype, *weight.shape] for name, weight in manifest.weights.items()},
        "examples": len(manifest.examples),
        "checks": asdict(manifest.checks) if manifest.checks else None,
        "sources": [
            {"path": source.path, "sha256": source.sha256, "state": _state(source)}
            for source in manifest.sources
        ],
        "program": program_data(manifest.program, graph_bytes),
        "report": facts_data(facts) if facts else None,
    }
    parts = [
        head,
        *(["\n".join(summary_lines(facts))] if facts else []),
        program_text(manifest.program, graph_bytes, facts),
        *_checks(manifest),
        *(["\n".join(report_lines(facts))] if facts else []),
    ]
    console.product("\n\n".join(parts), data)


def _facts(bundle: Path, info: BundleInfo) -> Facts | None:
    """What the report of the compile says; None where there is none, or one of another bundle."""
    file = bundle / FACTS
    return read_facts(file.read_text(encoding="utf-8"), info.sha256) if file.is_file() else None


def _head(bundle: Path, info: BundleInfo, sizes: dict[str, int]) -> str:
    manifest = info.manifest
    weights = f"{count(len(manifest.weights), 'weight')} {byte_text(sizes['weights'])}"
    graphs = f"{count(len(manifest.graphs), 'graph')} {byte_text(sizes['graphs'])}"
    examples = count(len(manifest.examples), "example")
    lines = [
        f"{bundle}: {manifest.program.name}, for {engines_text(manifest)}",
        *(f"  times     {line}" for line in choice_lines(manifest)),
        f"  made by   {manifest.generator or 'unknown'}",
        f"  again     {manifest.command}" if manifest.command else "",
        f"  sha256    {info.sha256}",
        f"  size      {byte_text(sizes['total'])}: {weights}, {graphs}, {examples}",
        *(_source_line(manifest, index) for index in range(len(manifest.sources))),
    ]
    return "\n".join(line for line in lines if line)


def _checks(manifest: Manifest) -> list[str]:
    """What was compared when it was compiled."""
    checks = manifest.checks
    if checks is None:
        return []
    taken = f"{checks.edges - len(checks.unchecked)} of {count(checks.edges, 'edge')} between blocks"
    head = f"checked   {count(checks.paths, 'path')}, {taken}"
    return ["\n".join([head, *unchecked_lines(checks.unchecked)])]


def engines_text(manifest: Manifest) -> str:
    """``onnxruntime``, ``onnxruntime on cuda``, ``tvm (5 blocks) and onnxruntime (1 block)``."""
    counts = Counter(artifact.engine for artifact in manifest.artifacts.values())
    counts[manifest.engine.name] += len(manifest.graphs) - sum(counts.values())
    used = {name: number for name, number in counts.items() if number} or {manifest.engine.name: 0}
    text = next(iter(used))
    if len(used) > 1:
        text = " and ".join(f"{name} ({count(number, 'block')})" for name, number in used.items())
    options = manifest.engine.options
    device, precision = options.get("device"), options.get("precision")
    return text + (f" on {device}" if device else "") + (f", in {precision}" if precision else "")


def choice_lines(manifest: Manifest) -> list[str]:
    """Of each block where the engine was chosen: the times, and who did not take it and why."""
    lines: list[str] = []
    for name, choice in manifest.choices.items():
        times = [f"{engine} {1e6 * seconds:.1f} µs" for engine, seconds in choice.seconds.items()]
        refused = [f"{engine}: {reason}" for engine, reason in choice.refused.items()]
        if times or refused:
            lines.append(f"{name} in {choice.engine}: {', '.join([*times, *refused])}")
    return lines


def _source_line(manifest: Manifest, index: int) -> str:
    source = manifest.sources[index]
    lead = "  from      " if index == 0 else "            "
    state = _state(source)
    return f"{lead}{display(Path(source.path))}" + (f" ({state})" if state else "")


def _state(source: Source) -> str:
    """Whether the user's file is still the one that was compiled."""
    try:
        found = hashlib.sha256(Path(source.path).read_bytes()).hexdigest()
    except OSError:
        return "not here"
    return "" if found == source.sha256 else "changed since"


def _show_kept_lines(source: Source) -> None:
    """Make :mod:`linecache` show the lines that the bundle keeps: those that were compiled."""
    last = max(source.lines, default=0)
    lines = [source.lines.get(number, "") + "\n" for number in range(1, last + 1)]
    linecache.cache[source.path] = (0, None, lines, source.path)


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0
