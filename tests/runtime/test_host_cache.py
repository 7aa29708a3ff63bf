"""Hosts kept for the next process: the same answers, and nothing believed that may not be."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.runtime.bundles import LINES, write_walk

from dyncc.runtime import EngineError, host, host_cache, load

X = np.full((2, 4), 9, np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_walk(tmp_path / "walk.dyncc")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where hosts are kept: not there yet."""
    monkeypatch.setenv(host_cache.VARIABLE, str(tmp_path / "kept"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path / "kept"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The classes of the hosts that are generated."""
    found: list[str] = []
    generate = host.generate

    def noted(*args: object, **options: object) -> host.HostSource:
        source = generate(*args, **options)  # type: ignore[arg-type]
        found.append(source.class_name)
        return source

    monkeypatch.setattr(host, "generate", noted)
    yield found


def entries(kept: Path) -> list[Path]:
    return sorted(kept.iterdir()) if kept.exists() else []


def test_is_made_once(folder: Path, kept: Path, made: list[str]) -> None:
    first = load(folder, threads=1)
    assert made == ["Walk"] and len(entries(kept)) == 1
    second = load(folder, threads=1)
    assert made == ["Walk"] and len(entries(kept)) == 1
    assert first(X)["steps"] == second(X)["steps"] == 4
    np.testing.assert_array_equal(second.total(X), first.total(X))
    assert second.host_source == first.host_source == (folder / "host.py").read_text(encoding="utf-8")
    assert second.session().save().keys() == first.session().save().keys()


def test_tracebacks_point_at_the_source(folder: Path, kept: Path, made: list[str]) -> None:
    load(folder, threads=1)
    with pytest.raises(ValueError, match="too many: 014") as caught:
        load(folder, threads=1)(X * 1000)
    text = "".join(traceback.format_exception(caught.value))
    assert 'File "walk.py", line 8, in forward' in text and LINES[8].strip() in text
    assert made == ["Walk", "Walk"]  # the map of lines is made when it is asked for


@pytest.mark.parametrize("size", [0, 40, 64, 300, -1])
def test_a_damaged_entry_is_made_anew(folder: Path, kept: Path, made: list[str], size: int) -> None:
    load(folder, threads=1)
    (entry,) = entries(kept)
    whole = entry.read_bytes()
    entry.write_bytes(whole[:size])
    assert load(folder, threads=1)(X)["steps"] == 4
    assert len(made) == 2 and entry.read_bytes() == whole


def test_a_changed_byte_is_noticed(folder: Path, kept: Path, made: list[str]) -> None:
    load(folder, threads=1)
    (entry,) = entries(kept)
    data = bytearray(entry.read_bytes())
    data[len(data) // 2] ^= 1
    entry.write_bytes(bytes(data))
    assert load(folder, threads=1)(X)["steps"] == 4
    assert len(made) == 2


def test_what_it_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    name = host_cache.name_of("d1")
    assert name == host_cache.name_of("d1")
    others = [host_cache.name_of("d2")]
    monkeypatch.setattr(host_cache, "_runtime_files", lambda: [("structure.py", 1, 2)])
    others.append(host_cache.name_of("d1"))
    monkeypatch.undo()
    monkeypatch.setattr(host_cache, "VERSION", "0.0.0")
    others.append(host_cache.name_of("d1"))
    assert len({name, *others}) == 4


def test_a_bundle_that_was_moved(folder: Path, kept: Path, made: list[str]) -> None:
    load(folder, threads=1)
    net = load(folder.rename(folder.parent / "moved.dyncc"), threads=1)
    assert made == ["Walk"]
    with pytest.raises(EngineError, match="failed in the block 'above'") as caught:
        net._session.run_inputs("forward", {"x": np.zeros((2, 0, 3), np.float32)})
    files = {entry.filename for entry in traceback.extract_tb(caught.value.__traceback__)}
    assert "walk.py" in files and not any("walk.dyncc" in name for name in files)
    code = net._machine.modules.plain.cls.forward.__code__  # type: ignore[attr-defined]
    assert code.co_filename == f"<dyncc {folder.parent / 'moved.dyncc' / 'host.py'}>"


def test_the_files_that_make_hosts_are_among_them() -> None:
    names = {name for name, _, _ in host_cache._runtime_files()}
    assert {"structure.py", "joins.py", "methods.py", "hostops.py", "program.py", "module.py"} <= names


def test_a_program_that_changed_is_made_anew(folder: Path, kept: Path, made: list[str]) -> None:
    load(folder, threads=1)
    path = folder / "program.json"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    load(folder, threads=1)
    assert len(made) == 2 and len(entries(kept)) == 2


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="rights of POSIX")
def test_a_folder_that_others_write_to_is_not_trusted(folder: Path, kept: Path, made: list[str]) -> None:
    load(folder, threads=1)
    for mode in (0o777, 0o770, 0o702):
        kept.chmod(mode)
        load(folder, threads=1)
    assert len(made) == 4
    kept.chmod(0o700)
    load(folder, threads=1)
    assert len(made) == 4
    kept.rename(kept.parent / "other")
    kept.mkdir(0o777)
    kept.chmod(0o777)
    load(folder, threads=1)
    assert not entries(kept)


def test_where_nothing_is_to_be_kept(
    folder: Path, kept: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    load(folder, threads=1)
    assert not kept.exists()
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setenv(host_cache.VARIABLE, "")
    load(folder, threads=1)
    assert not kept.exists() and len(made) == 2


def test_a_folder_that_cannot_be(folder: Path, made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setenv(host_cache.VARIABLE, str(folder / "program.json"))
    before = sorted(folder.iterdir())
    assert load(folder, threads=1)(X)["steps"] == 4
    assert sorted(folder.iterdir()) == before


def test_a_bundle_brings_no_entry(folder: Path, kept: Path, made: list[str]) -> None:
    """What lies in the bundle under the names of entries is not read."""
    load(folder, threads=1)
    (entry,) = entries(kept)
    for place in (folder, folder / "__pycache__", folder / "dyncc" / "hosts"):
        place.mkdir(parents=True, exist_ok=True)
        (place / entry.name).write_bytes(entry.read_bytes())
    entry.unlink()
    load(folder, threads=1)
    assert len(made) == 2


def test_old_entries_make_room(folder: Path, kept: Path, made: list[str]) -> None:
    load(folder, threads=1)
    (entry,) = entries(kept)
    for index in range(host_cache.MOST):
        old = kept / f"old{index}"
        old.write_bytes(b"")
        os.utime(old, (index, index))
    entry.unlink()
    load(folder, threads=1)
    names = [path.name for path in entries(kept)]
    assert len(names) == host_cache.MOST // 2 and entry.name in names and "old0" not in names


def test_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(host_cache.VARIABLE, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert host_cache.folder() == str(tmp_path / "dyncc" / "hosts")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert host_cache.folder() is None
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert host_cache.folder() == str(tmp_path / ".cache" / "dyncc" / "hosts")
