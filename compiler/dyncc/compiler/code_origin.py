"""Whose code it is: told by its file."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

import torch


def _folder(path: str | Path) -> str:
    return os.path.join(os.path.abspath(path), "")


_OWN = _folder(Path(__file__).parent)
_TORCH = _folder(Path(torch.__file__).parent)
_PACKAGES = tuple(_folder(sysconfig.get_path(name)) for name in ("purelib", "platlib"))
_STANDARD = tuple(_folder(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))


def is_users(filename: str) -> bool:
    """Whether code is neither of the standard library, nor installed, nor of this compiler."""
    if filename.startswith("<frozen"):
        return False
    return not os.path.abspath(filename).startswith((_OWN, _TORCH, *_PACKAGES, *_STANDARD))


def is_of_packages(filename: str) -> bool:
    """Whether code is of an installed package other than PyTorch."""
    return filename.startswith(_PACKAGES) and not filename.startswith((_OWN, _TORCH))
