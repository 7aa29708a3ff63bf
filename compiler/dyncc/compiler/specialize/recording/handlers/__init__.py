"""PyTorch calls that are not simply recorded, by family. Importing a family registers its handlers."""

from dyncc.compiler.specialize.recording.handlers import (
    attributes,
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
    "attributes",
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
