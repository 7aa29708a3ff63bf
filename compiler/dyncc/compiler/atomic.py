"""A directory that appears as a whole or not at all.

The new contents are written to a directory beside the target, made durable, and exchanged with the
target in one step where the system can (``renameat2`` on Linux), else by two renames, of which a failure is
undone. So whoever opens the target finds the old or the new contents, and an interrupt leaves the old ones.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_NEW, _OLD = "new", "old"


@contextlib.contextmanager
def replaced_directory(target: Path) -> Iterator[Path]:
    """Write a directory's contents into the path that this yields; they become ``target`` at the end.

    When the body raises (KeyboardInterrupt as well), ``target`` is as it was. What earlier processes left
    behind when they were killed is cleared away first.
    """
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    _recover(target)
    work = Path(tempfile.mkdtemp(prefix=_prefix(target, _NEW), dir=target.parent))
    lock = _lock(work)
    try:
        work.chmod(0o777 & ~_umask())
        yield work
        _make_durable(work)
        if target.exists():
            _swap(work, target)
        else:
            work.rename(target)
        _sync_directory(target.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)  # the old contents, or new ones that are not wanted
        if lock is not None:
            os.close(lock)


def _prefix(target: Path, kind: str) -> str:
    return f".{target.name}.{kind}-"


def _swap(work: Path, target: Path) -> None:
    """Exchange two directories."""
    if _exchange(work, target):
        return
    aside = Path(tempfile.mkdtemp(prefix=_prefix(target, _OLD), dir=target.parent))
    lock = _lock(aside)
    try:
        target.rename(aside / target.name)
        try:
            work.rename(target)
        except BaseException:
            (aside / target.name).rename(target)
            raise
        (aside / target.name).rename(work)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths in one step; False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0


def _recover(target: Path) -> None:
    """Put back a directory that a killed process had moved aside; delete what it was writing."""
    for left in sorted(target.parent.glob(f"{_glob_escaped(_prefix(target, _OLD))}*")):
        if _abandoned(left):
            if not target.exists() and (left / target.name).exists():
                (left / target.name).rename(target)
            shutil.rmtree(left, ignore_errors=True)
    for left in target.parent.glob(f"{_glob_escaped(_prefix(target, _NEW))}*"):
        if _abandoned(left):
            shutil.rmtree(left, ignore_errors=True)


def _glob_escaped(text: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in text)


def _lock(path: Path) -> int | None:
    """Hold a lock on a directory while this process lives. None where the system has no such locks."""
    try:
        import fcntl  # POSIX only
    except ImportError:
        return None
    handle = os.open(path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def _abandoned(path: Path) -> bool:
    """Whether no process holds the lock on a directory; False where that cannot be told."""
    try:
        import fcntl  # POSIX only
    except ImportError:
        return False
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _make_durable(folder: Path) -> None:
    """Write every file and directory below ``folder`` through to the disk."""
    for directory, _, files in os.walk(folder):
        for name in files:
            with open(Path(directory, name), "rb+") as file:
                os.fsync(file.fileno())
        _sync_directory(Path(directory))


def _sync_directory(path: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
