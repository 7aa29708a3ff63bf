"""The passes by name. A pass is imported when it is asked for, so that listing them is cheap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TypeAlias

from dyncc.passes.base import OnnxPass, Pass

Thunk: TypeAlias = "Callable[[], type[Pass] | type[OnnxPass]]"


def _pass(name: str) -> Thunk:
    """``merge-blocks`` is ``MergeBlocks`` of ``dyncc.passes.merge_blocks``."""

    def load() -> type[Pass] | type[OnnxPass]:
        module = import_module(f"dyncc.passes.{name.replace('-', '_')}")
        return getattr(module, name.title().replace("-", ""))

    return load


PASSES: Mapping[str, Thunk] = MappingProxyType(
    {
        name: _pass(name)
        for name in (
            *("dedupe-blocks", "dedupe-graphs", "dedupe-params", "drop-dead", "duplicate-tails"),
            *("flatten-linear", "fold-numbers", "fold-weights", "hoist-invariants", "lower-precision"),
            *("merge-blocks", "merge-reshapes", "select-branches", "share-work", "tabulate"),
        )
    }
)
