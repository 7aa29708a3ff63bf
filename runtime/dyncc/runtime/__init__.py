"""Runs what ``dyncc`` compiled, with NumPy and an engine, without torch.

>>> from dyncc.runtime import load                                                   # doctest: +SKIP
>>> net = load("model.dyncc"); net(x)                                                # doctest: +SKIP
"""

from dyncc.runtime.bundle import BundleInfo, load, read_bundle
from dyncc.runtime.errors import (
    BundleError,
    DamagedBundle,
    DigestMismatch,
    DynccError,
    EngineError,
    EngineMissing,
    IncompatibleArtifact,
    IndexOutOfRange,
    InputError,
    NewerBundle,
    StepLimit,
    Timeout,
)
from dyncc.runtime.examples import Outcome
from dyncc.runtime.limits import Path, Step
from dyncc.runtime.net import Net, SessionNet
from dyncc.runtime.replay import replay

__all__ = [
    "BundleError",
    "BundleInfo",
    "DamagedBundle",
    "DigestMismatch",
    "DynccError",
    "EngineError",
    "EngineMissing",
    "IncompatibleArtifact",
    "IndexOutOfRange",
    "InputError",
    "Net",
    "NewerBundle",
    "Outcome",
    "Path",
    "SessionNet",
    "Step",
    "StepLimit",
    "Timeout",
    "load",
    "read_bundle",
    "replay",
]
