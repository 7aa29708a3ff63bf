"""SHA-256 of a bundle's files.

``hashlib`` loads OpenSSL, which takes 2 ms (a fiftieth of the time from the start of a process to its first
answer) and hashes six times as fast as the module of CPython's that ``hashlib`` falls back on without it:
that one does for what is small.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

SMALL = 1 << 19
"""Bytes that CPython's own module hashes in the time that OpenSSL takes to load."""


def sha256(size: int) -> Any:
    """An object as ``hashlib.sha256`` gives, for about ``size`` bytes."""
    if size <= SMALL and "hashlib" not in sys.modules:
        for name in ("_sha2", "_sha256"):  # since Python 3.12, until 3.11
            try:
                return import_module(name).sha256()
            except (ImportError, AttributeError):
                continue
    return import_module("hashlib").sha256()


def digest(data: bytes) -> str:
    """The digest of ``data``, in hexadecimal."""
    made = sha256(len(data))
    made.update(data)
    return made.hexdigest()
