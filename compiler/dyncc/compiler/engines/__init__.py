"""The development side of engines: what makes artifacts of blocks, and which block goes where."""

from dyncc.compiler.engines.base import (
    COMPILERS_GROUP,
    BlockCompiler,
    BlockSource,
    Built,
    EngineOptions,
    Unable,
    block_compiler,
)
from dyncc.compiler.engines.plan import AUTO, EnginePlan, plan_engines, require_engine

__all__ = [
    "AUTO",
    "COMPILERS_GROUP",
    "BlockCompiler",
    "BlockSource",
    "Built",
    "EngineOptions",
    "EnginePlan",
    "Unable",
    "block_compiler",
    "plan_engines",
    "require_engine",
]
