"""Hosts that a process before this one made, as Python keeps the bytecode of modules.

A bundle's host is made from ``program.json`` whenever it is loaded, since nothing of a bundle is ever run.
That takes 4 to 70 ms, by the size of the program. What was made is kept in the user's folder for caches,
never in a bundle; an entry's name is a digest of all that it depends on: ``program.json``, the files of
this runtime, and Python. So a bundle cannot bring an entry, and what has changed is made anew.

``DYNCC_CACHE`` names another folder; where it is empty nothing is kept or read. A folder that others may
write to is not trusted; where Python writes no bytecode (``-B``, ``PYTHONDONTWRITEBYTECODE``), no entry is
written.
"""

from __future__ import annotations

import marshal
import os
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import CodeType

from dyncc.runtime.digests import digest
from dyncc.runtime.records import frozen
from dyncc.runtime.version import VERSION

VARIABLE = "DYNCC_CACHE"
MOST = 256
"""Entries that are kept. Of more, the older half is removed."""
_DIGEST = 64


@frozen
class KeptHost:
    """A host as it is kept: all of a generated module but the map from its lines, and its code."""

    text: str
    class_name: str
    cells: tuple[Mapping[str, str], ...]
    code: CodeType


def folder() -> str | None:
    """Where hosts are kept; None where they are not."""
    given = os.environ.get(VARIABLE)
    if given is not None:
        return given or None
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "dyncc", "hosts") if os.path.isabs(base) else None


def name_of(program: str) -> str:
    """The name of the entry for the ``program.json`` of that digest."""
    parts = (VERSION, sys.implementation.cache_tag, sys.version, program, *_runtime_files())
    return digest(repr(parts).encode("utf-8", "surrogatepass"))


def _runtime_files() -> list[tuple[str, int, int]]:
    """The files of this runtime as they are now; nothing where they are in an archive."""
    here = os.path.dirname(os.path.abspath(__file__))
    found: list[tuple[str, int, int]] = []
    with suppress(OSError):
        for place in (here, os.path.join(here, "host")):
            with os.scandir(place) as files:
                for file in files:
                    if file.name.endswith(".py"):
                        status = file.stat()
                        found.append((file.name, status.st_mtime_ns, status.st_size))
    return sorted(found)


def read(name: str) -> KeptHost | None:
    """The entry of that name, if there is one and it is whole."""
    place = folder()
    if place is None or not _is_trusted(place):
        return None
    try:
        with open(os.path.join(place, name), "rb") as file:
            data = file.read()
        if digest(data[_DIGEST:]).encode() != data[:_DIGEST]:
            return None
        return KeptHost(*marshal.loads(data[_DIGEST:]))
    except (OSError, ValueError, TypeError, EOFError):
        return None


def write(name: str, host: KeptHost) -> None:
    """Keep a host under that name, if there is where to."""
    place = folder()
    if place is None or sys.dont_write_bytecode:
        return
    cells = tuple(dict(cells) for cells in host.cells)
    data = marshal.dumps((host.text, host.class_name, cells, host.code))
    path = os.path.join(place, name)
    draft = f"{path}.{os.getpid()}.{threading.get_ident()}"
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        if not _is_trusted(place):
            return
        with open(draft, "xb") as file:
            file.write(digest(data).encode() + data)
        os.replace(draft, path)
        _make_room(place)
    except OSError:  # a full or read-only disk: the next process makes the host again
        with suppress(OSError):
            os.remove(draft)


def _is_trusted(place: str) -> bool:
    """Whether nobody but this user (and the administrator) can put an entry there."""
    if not hasattr(os, "getuid"):
        return True  # Windows: the folder has the rights of the user's others
    try:
        status = os.stat(place)
    except OSError:
        return False
    return status.st_uid in (os.getuid(), 0) and not status.st_mode & 0o022


def _make_room(place: str) -> None:
    with os.scandir(place) as files:
        entries = [(file.stat().st_mtime_ns, file.path) for file in files]
    if len(entries) > MOST:
        for _, path in sorted(entries)[: len(entries) - MOST // 2]:
            with suppress(OSError):
                os.remove(path)
