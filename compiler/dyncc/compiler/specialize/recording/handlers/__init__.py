"""PyTorch calls that are not simply recorded, by family. Importing a family registers its handlers."""

from dyncc.compiler.specialize.recording.handlers import (
    constructors,
    linalg,
    metadata,
    noise,
    norms,
    packed,
    reads,
    subscripts,
    uniques,
    unrecorded,
)

__all__ = [
    "constructors",
    "linalg",
    "metadata",
    "noise",
    "norms",
    "packed",
    "reads",
    "subscripts",
    "uniques",
    "unrecorded",
]
