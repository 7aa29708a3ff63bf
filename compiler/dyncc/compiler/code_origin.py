"""Whose code it is: told by its file."""

from __future__ import annotations

import functools
import os
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import torch

import dyncc
from dyncc.runtime.program import Span


def _folder(path: str | Path) -> str:
    return os.path.join(os.path.abspath(path), "")


_OWN = tuple(_folder(path) for path in dyncc.__path__)
_TORCH = _folder(Path(torch.__file__).parent)
_PACKAGES = tuple(_folder(sysconfig.get_path(name)) for name in ("purelib", "platlib"))
_STANDARD = tuple(_folder(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))


def is_own(filename: str) -> bool:
    """Whether code is of this compiler, in any of the folders that make up its package."""
    return filename.startswith(_OWN)


@functools.lru_cache(maxsize=4096)
def is_users(filename: str) -> bool:
    """Whether code is neither of the standard library, nor installed, nor of this compiler."""
    if filename.startswith("<frozen"):
        return False
    return not os.path.abspath(filename).startswith((*_OWN, _TORCH, *_PACKAGES, *_STANDARD))


def is_of_packages(filename: str) -> bool:
    """Whether code is of an installed package other than PyTorch."""
    return filename.startswith(_PACKAGES) and not filename.startswith((*_OWN, _TORCH))


def users_first(spans: Iterable[Span]) -> list[Span]:
    """``spans``, those in the user's own files first: a decorator of PyTorch's around a method, say, is not
    what a reader looks for. The order is otherwise left."""
    return sorted(spans, key=lambda span: not is_users(span.path))
