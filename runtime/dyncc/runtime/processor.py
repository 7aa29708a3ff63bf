"""The processor and system here, and whether what was compiled for a place can run in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from dyncc.runtime.errors import IncompatibleArtifact

_SAME = {"amd64": "x86_64", "arm64": "aarch64"}
_RENAMED = {"sse3": "pni", "pclmul": "pclmulqdq", "lzcnt": "abm", "neon": "asimd", "dotprod": "asimddp"}
"""Features that Linux calls otherwise than LLVM does."""

WATCHED = frozenset(
    "avx avx2 fma f16c bmi bmi2 lzcnt sse3 ssse3 sse4.1 sse4.2 popcnt avx512f avx512bw avx512cd avx512dq "
    "avx512vl avx512vnni avx512bf16 avx512fp16 avx512vbmi avx512vbmi2 avx512ifma avx512bitalg "
    "avx512vpopcntdq amx-tile amx-int8 amx-bf16 avxvnni neon dotprod sve sve2".split()
)
"""Features, by LLVM's names, that generated code uses and that Linux tells of."""


def machine() -> str:
    """The kind of processor: ``x86_64``, ``aarch64``, …"""
    name = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    return _SAME.get(name.lower(), name.lower())


@lru_cache(maxsize=1)
def features() -> frozenset[str] | None:
    """The processor's features by the names that Linux gives them; None where they are not told."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() in ("flags", "features"):
            return frozenset(value.split())
    return None


def known_as(feature: str) -> str:
    """LLVM's name of a feature as Linux writes it."""
    return _RENAMED.get(feature, feature.replace(".", "_").replace("-", "_"))


def check(requires: Mapping[str, Any], block: str, engine: str) -> None:
    """Raise IncompatibleArtifact unless ``requires`` (``system``, ``machine``, ``features``) is met."""
    remedy = "compile again for this machine (--target), or load with engine='onnxruntime' or fallback=True"
    what = f"the block {block!r} was compiled by {engine} for"
    for field, here in (("system", sys.platform), ("machine", machine())):
        wanted = requires.get(field, here)
        if wanted != here:
            raise IncompatibleArtifact(f"{what} the {field} {wanted}, and this is {here}: {remedy}")
    found = features()
    wanted = str(requires.get("features", "")).split()
    absent = [] if found is None else sorted(name for name in wanted if known_as(name) not in found)
    if absent:
        raise IncompatibleArtifact(
            f"{what} a processor with {', '.join(absent)}, which this one lacks: {remedy}"
        )
