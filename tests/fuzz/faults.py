"""Seeded faults: plausible bugs planted in the compiler, to see that the checks and the fuzzer notice.

A fault replaces a piece of source text while its module is imported, in a process of its own; nothing on
disk changes. It counts as caught when a generated program that passes without it is wrong, crashes or
hangs with it: ``python -m tests.fuzz.faults`` (about half an hour; ``--only NAME`` for one).
"""

from __future__ import annotations

import argparse
import concurrent.futures
import importlib.abc
import importlib.machinery
import importlib.util
import json
import linecache
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent.parent
SECONDS = 300.0
"""Budget of a fault, of the processor: other work beside it changes nothing."""
PROGRAMS = 300
"""Seeds that are tried, in order."""
WANTED = 27


@dataclass(frozen=True)
class Fault:
    """``old`` occurs once in the source of ``module``; ``engine``: only compiled bundles can show it."""

    name: str
    module: str
    old: str
    new: str
    engine: bool = False


_S = "dyncc.compiler.specialize."
_F = "dyncc.compiler.frontend."
_P = "dyncc.passes."

FAULTS: tuple[Fault, ...] = (
    # ------------------------------------------------------------------------------- decisions
    Fault(
        "branch edges swapped",
        _S + "specializer",
        "ir.Branch(pred, then, orelse,",
        "ir.Branch(pred, orelse, then,",
    ),
    Fault(
        "switch without its default",
        _S + "specializer",
        "ir.Switch(index, values, tuple(cases), default,",
        "ir.Switch(index, values, tuple(cases), cases[0],",
    ),
    Fault("any() asks for all", _S + "prelude.functions", "        if item:\n", "        if not item:\n"),
    Fault(
        "sort is not ascending",
        _S + "prelude.sorting",
        "if item_key < keys[middle]:",
        "if keys[middle] < item_key:",
    ),
    Fault(
        "range runs one too far",
        _S + "prelude.iterators",
        "if value >= self.stop:",
        "if value > self.stop:",
    ),
    # ------------------------------------------------------------------------------- memo keys
    Fault(
        "key ignores which names are one tensor",
        _S + "state.sharing",
        'token = ("same tensor", self.numbers[id(tensor)])',
        'token = ("same tensor",)',
    ),
    Fault(
        "key ignores the dtype",
        _S + "state.sizes",
        "return str(self.dtype), tuple(self.sizes),",
        "return tuple(self.sizes),",
    ),
    Fault(
        "key ignores static numbers",
        _S + "state.numbers",
        'self.capture.emit(exact, ("number", kind))',
        'self.capture.emit(("number", kind))',
    ),
    Fault(
        "key ignores texts",
        _S + "state.texts",
        'self.capture.emit(exact, ("text", type(value)))',
        'self.capture.emit("text", ("text", type(value)))',
    ),
    Fault(
        "key ignores how a view is made",
        _S + "state.sharing",
        'token = ("view", self._root_number(root, path, key), _chain(tensor))',
        'token = ("view", self._root_number(root, path, key))',
    ),
    # ---------------------------------------------------------------------------------- memory
    Fault(
        "memory shared unseen is changed",
        _S + "recording.recorder",
        "self.facts.demand_sharing(places)",
        "pass",
    ),
    Fault(
        "an argument under another name is not minded",
        _S + "state.sharing",
        "if storage in block.split or argument is not None:",
        "if storage in block.split:",
    ),
    Fault(
        "a parameter that is changed is not copied",
        _S + "recording.block",
        "if storage in self.mutated and node.users:",
        "if storage in self.mutated and not node.users:",
    ),
    Fault(
        "writes to arguments are not given back",
        _S + "specializer",
        "writes.append(ir.Write(name, self.recorder.block.tensor_operand(tensor)))",
        "pass",
    ),
    Fault(
        "a changed constant is still known",
        _S + "recording.mutation",
        "if tensor.constant is not None and storage_key(tensor.fake) in keys:",
        "if False:",
    ),
    Fault(
        "in-place calls without users are dropped",
        _S + "recording.block",
        'and not node.users and not node.meta.get("mutates"):',
        "and not node.users:",
    ),
    Fault(
        "a fork leaves attributes behind",
        _S + "state.heap",
        "attributes.update(wanted)",
        "attributes.update({**wanted, **attributes})",
    ),
    # --------------------------------------------------------------------------------- numbers
    Fault(
        "weak promotion lost",
        _S + "recording.indexing",
        "target = torch.float64 if torch.float64 in floating else torch.get_default_dtype()",
        "target = torch.float64",
    ),
    Fault(
        "reflected operators not reflected",
        _S + "values.numbers",
        "return scalar_op(op, other, self)",
        "return scalar_op(op, self, other)",
    ),
    Fault(
        "minus is plus inside of a graph",
        _S + "recording.graph_numbers",
        '"sub": torch.sub,',
        '"sub": torch.add,',
    ),
    Fault(
        "max is min inside of a graph",
        _S + "recording.graph_numbers",
        '"max": torch.maximum,',
        '"max": torch.minimum,',
    ),
    Fault(
        "remainder has the sign of C",
        "dyncc.runtime.hostops",
        '"mod": HostOpSpec(operator.mod,',
        '"mod": HostOpSpec(lambda a, b: int(math.fmod(a, b)),',
    ),
    # ------------------------------------------------------------------------- sizes and noise
    Fault(
        "sizes are related with the wrong sign",
        _S + "state.sizes",
        'text = f"{name} + {number}" if number > 0',
        'text = f"{name} - {number}" if number > 0',
    ),
    Fault(
        "a repeated instruction draws twice",
        _S + "recording.block",
        "self.pre = [op for op in self.pre if not any(op is drawn for drawn in self.drawn)]",
        "self.pre = list(self.pre)",
    ),
    # ------------------------------------------------------------------------- lists and state
    Fault(
        "an element appended last is lost",
        _S + "lists.host_lists",
        "for value in items.tail:\n            items.base",
        "for value in items.tail[:-1]:\n            items.base",
    ),
    Fault(
        "state after a call is that before it",
        _S + "specializer",
        "self.terminator = ir.Return(output, writes, state, cells, span)",
        "self.terminator = ir.Return(output, writes, 0, cells, span)",
    ),
    Fault(
        "what changed before an exception is lost",
        _S + "execution.machine",
        "if handler is not None:",
        "if handler is not None and not frame.forked:",
    ),
    # -------------------------------------------------------------------------------- frontend
    Fault(
        "break goes to the else of the loop",
        _F + "statements",
        "self.next_item(node.target, iterator, body, orelse, node.iter)\n"
        "        with self.surrounded(Loop(done, head)):",
        "self.next_item(node.target, iterator, body, orelse, node.iter)\n"
        "        with self.surrounded(Loop(orelse, head)):",
    ),
    Fault(
        "or is and",
        _F + "expressions",
        "conjunction = isinstance(node.op, ast.And)",
        "conjunction = True",
    ),
    Fault(
        "a chained comparison ends too early",
        _F + "expressions",
        "self.end(cfg.If(result, following, otherwise, span))",
        "self.end(cfg.If(result, otherwise, following, span))",
    ),
    # ---------------------------------------------------------------------------------- passes
    Fault(
        "a decision on a constant goes the other way",
        _P + "rewrite",
        "return 0 if value else 1",
        "return 1 if value else 0",
    ),
    Fault(
        "blocks that differ in constants are merged",
        _P + "dedupe_blocks",
        "return operand_key(operand) if isinstance(operand, Const) else",
        'return "constant" if isinstance(operand, Const) else',
    ),
    Fault(
        "names of merged blocks collide",
        _P + "merge_blocks",
        "if value.name in mine:",
        "if False:",
    ),
    Fault(
        "a choice takes the other side",
        _P + "select_branches",
        'HostOp("select", (self.branch.pred, one, other),',
        'HostOp("select", (self.branch.pred, other, one),',
    ),
    Fault(
        "what is decided on is known wrongly",
        _P + "fold_numbers",
        "then=told(then, True), orelse=told(orelse, False)",
        "then=told(then, False), orelse=told(orelse, True)",
    ),
    # --------------------------------------------------------------------------------- runtime
    Fault(
        "the host negates a comparison wrongly",
        "dyncc.runtime.host.expressions",
        '"<": ">=", ">=": "<"',
        '"<": ">", ">=": "<"',
        engine=True,
    ),
)


# ------------------------------------------------------------------------------------ planting


class _Planter(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module with its source changed."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.fault.module:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert found is not None and found.origin is not None
        return importlib.util.spec_from_file_location(
            fullname, found.origin, loader=self, submodule_search_locations=None
        )

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        assert module.__file__ is not None
        source = planted(self.fault)
        # The specializer interprets some modules of its own by their source, which it reads from here.
        linecache.cache[module.__file__] = (len(source), None, source.splitlines(True), module.__file__)
        exec(compile(source, module.__file__, "exec"), vars(module))


def planted(fault: Fault) -> str:
    """The source of the fault's module with the fault in it. Raises LookupError where it does not fit."""
    spec = importlib.util.find_spec(fault.module)
    assert spec is not None and spec.origin is not None
    source = Path(spec.origin).read_text(encoding="utf-8")
    if source.count(fault.old) != 1:
        raise LookupError(f"{fault.name}: {fault.old!r} occurs {source.count(fault.old)} times")
    return source.replace(fault.old, fault.new)


def _hunt(fault: Fault | None, seeds: Sequence[int], seconds: float) -> None:
    """Print, as a line of JSON each, the verdicts of ``seeds``; with a fault stop at the first failure."""
    if fault is not None:
        sys.meta_path.insert(0, _Planter(fault))
    import torch
    from tests.fuzz.harness import run

    torch.set_num_threads(1)
    deadline = time.process_time() + seconds
    for seed in seeds:
        if time.process_time() > deadline:
            return
        began = time.process_time()
        verdict = run(seed, engine=fault is not None and fault.engine)
        record = {"seed": seed, "kind": verdict.kind, "detail": verdict.detail[-300:]}
        print(json.dumps({**record, "seconds": time.process_time() - began}), flush=True)
        if fault is not None and verdict.failed:
            return


# -------------------------------------------------------------------------------------- runner


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[""], help="parts of the names of the faults to plant")
    parser.add_argument("--jobs", type=int, default=max((os.cpu_count() or 2) // 2, 1))
    parser.add_argument("--hunt", default=None, help=argparse.SUPPRESS)
    parser.add_argument("--seeds", default="", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.hunt is not None:
        fault = next((f for f in FAULTS if f.name == options.hunt), None)
        _hunt(fault, json.loads(options.seeds), SECONDS)
        return 0
    chosen = [fault for fault in FAULTS if any(part in fault.name for part in options.only)]
    seeds = _sound_seeds(options.jobs)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        caught = sum(pool.map(lambda fault: _is_caught(fault, seeds), chosen))
    print(f"\n{caught} of {len(chosen)} faults caught")
    return int(caught < min(WANTED, len(chosen)))


FAILED = ("wrong", "crash", "hang")


def _is_caught(fault: Fault, seeds: list[int]) -> bool:
    began = time.monotonic()
    found = next((v for v in _verdicts(fault.name, seeds) if v["kind"] in FAILED), None)
    how = f"{found['kind']}, seed {found['seed']}" if found else "NOT CAUGHT"
    detail = found["detail"].strip().splitlines() if found else []
    lines = [
        f"{fault.name:45} {how:25} {time.monotonic() - began:6.0f} s",
        *(f"    {d[:100]}" for d in detail[-1:]),
    ]
    print("\n".join(lines), flush=True)
    return found is not None


def _sound_seeds(jobs: int) -> list[int]:
    """Seeds whose programs are right without a fault, the quick ones first."""
    parts = [list(range(start, PROGRAMS, jobs)) for start in range(jobs)]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        verdicts = [
            verdict for found in pool.map(lambda part: _verdicts("", part), parts) for verdict in found
        ]
    sound = [verdict for verdict in verdicts if verdict["kind"] not in FAILED]
    print(f"{len(sound)} of {len(verdicts)} programs are right without a fault", flush=True)
    return [verdict["seed"] for verdict in sorted(sound, key=lambda v: v["seconds"])]


def _verdicts(name: str, seeds: list[int]) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.fuzz.faults", "--hunt", name, "--seeds", json.dumps(seeds)]
    limit = 3 * SECONDS + 200
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return [{"seed": -1, "kind": "hang", "detail": f"no end after {limit:.0f} s", "seconds": limit}]
    verdicts = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0:
        verdicts.append({"seed": -1, "kind": "crash", "detail": done.stderr[-300:], "seconds": 0.0})
    return verdicts


if __name__ == "__main__":
    sys.exit(main())
