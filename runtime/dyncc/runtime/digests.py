"""SHA-256 of a bundle's files.

``hashlib`` loads OpenSSL, which takes 2 ms (a fiftieth of the time from the start of a process to its first
answer) and hashes six times as fast as the module of CPython's that ``hashlib`` falls back on without it:
that one does for what is small.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

SMALL = 1 << 18
"""Bytes that CPython's own module hashes in the time that OpenSSL takes to load."""


def sha256(size: int) -> Any:
    """An object as ``hashlib.sha256`` gives, for about ``size`` bytes."""
    if size <= SMALL and "hashlib" not in sys.modules:
        with suppress(ImportError, AttributeError):  # a Python built without it
            return import_module("_sha2" if sys.version_info >= (3, 12) else "_sha256").sha256()
    return import_module("hashlib").sha256()


def digest(data: bytes) -> str:
    """The digest of ``data``, in hexadecimal."""
    made = sha256(len(data))
    made.update(data)
    return made.hexdigest()
