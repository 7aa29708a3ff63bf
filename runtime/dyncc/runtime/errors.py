"""What the runtime raises of its own.

::

    DynccError
    ├── BundleError              the bundle cannot be used
    │   ├── DamagedBundle        a file is missing, cut short, or does not say what it must
    │   ├── NewerBundle          written by a later schema than this runtime reads
    │   ├── DigestMismatch       a file is not the one that was written (or not the one that was pinned)
    │   └── IncompatibleArtifact a block was compiled for another processor or version than is here
    ├── InputError               the call does not fit the compiled program (a TypeError and a ValueError)
    ├── EngineMissing            the engine is not installed, or lacks the device (an ImportError)
    ├── EngineError              the engine refused or failed to run a block (a RuntimeError)
    │   └── IndexOutOfRange      an index that the data give is out of range (an IndexError too)
    ├── StepLimit                a call took more steps than ``max_steps`` (a RuntimeError)
    └── Timeout                  a call took longer than ``timeout`` (a TimeoutError)

Every message names the thing and, where there is one, the remedy. What the user's program raises is
not here: it leaves the program as the exception that the program's author wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dyncc.runtime.program import Span


class DynccError(Exception):
    """Base of all errors of the runtime."""


class BundleError(DynccError):
    """The bundle cannot be used."""


class DamagedBundle(BundleError):
    """A file of the bundle is missing, cut short, or does not say what it must."""


class NewerBundle(BundleError):
    """The bundle was written with a later schema than this runtime reads."""


class DigestMismatch(BundleError):
    """A file is not the one that the compiler wrote, or the bundle not the one that was pinned."""


class IncompatibleArtifact(BundleError):
    """A block was compiled for another processor, system or engine version than is here."""


class InputError(DynccError, TypeError, ValueError):
    """An argument is missing, superfluous, or not what the program was compiled for."""


class EngineMissing(DynccError, ImportError):
    """The engine that the bundle needs is not installed, or has no such device here."""


class EngineError(DynccError, RuntimeError):
    """The engine refused a block or failed while it ran one.

    Of a failure in a call, ``graph`` is what ran, ``reason`` what the engine says of it in one line, and
    ``spans`` are the places in the user's source that it comes from: the one operator where the engine
    names it, else all that are in the block.
    """

    graph: str = ""
    node: str = ""
    """The engine's name of the operator that failed."""
    reason: str = ""
    spans: tuple[Span, ...] = ()


class IndexOutOfRange(EngineError, IndexError):
    """An operator was given an index that its table does not have.

    Eager raises an IndexError or a RuntimeError for it, depending on the operator; this is both.
    """


class StepLimit(DynccError, RuntimeError):
    """A call took more steps than its ``max_steps``."""


class Timeout(DynccError, TimeoutError):
    """A call took longer than its ``timeout``."""
