"""Which ways the calls of a profile take, for pruning."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from dyncc.compiler.bundle import write_bundle
from dyncc.compiler.check.report import Example
from dyncc.compiler.lower import Lowered
from dyncc.compiler.report.observe import observe
from dyncc.passes.prune.usage import Usage
from dyncc.runtime.bundle import load
from dyncc.runtime.net import Net


def usage_of(net: Net, calls: Sequence[Example]) -> Usage:
    """How often ``calls`` enter the blocks of ``net``, one call after the other where it keeps state."""
    seen = observe(net, calls, "the profile")
    entered = {name: count / seen.calls for name, count in seen.entered.items()}
    return Usage(seen.calls, entered, dict(seen.taken))


def usage_of_lowered(lowered: Lowered, calls: Sequence[Example]) -> Usage | None:
    """The same of a program that is no bundle yet; None without calls."""
    if not calls:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole.dyncc"
        write_bundle(lowered, path)
        return usage_of(load(path, verify_digests=False), calls)
