"""From a program to the class of its host: generate, compile, and nothing read from ``host.py``."""

from __future__ import annotations

import linecache
import threading
from collections.abc import Callable, Mapping
from types import CodeType
from typing import TYPE_CHECKING, Any

from dyncc.runtime import host_cache
from dyncc.runtime.host_cache import KeptHost
from dyncc.runtime.program import Span

if TYPE_CHECKING:
    from dyncc.runtime.host import HostSource

Generate = Callable[[bool], "HostSource"]
"""Makes the source of the traced host, or of the plain one."""


class HostModule:
    """A compiled host: its text, the file name that its frames have, its class, its cells' names."""

    def __init__(self, kept: KeptHost, filename: str, spans: Callable[[], Mapping[int, Span]]) -> None:
        self.text = kept.text
        self.cells = kept.cells
        self.filename = filename
        self._find_spans = spans
        self._spans: Mapping[int, Span] | None = None
        namespace: dict[str, Any] = {"__name__": f"dyncc_host.{kept.class_name}"}
        exec(renamed(kept.code, filename), namespace)
        self.cls: type = namespace[kept.class_name]
        lines = kept.text.splitlines(keepends=True)
        linecache.cache[filename] = (len(kept.text), None, lines, filename)

    @property
    def spans(self) -> Mapping[int, Span]:
        """Line of the text → place in the user's source."""
        if self._spans is None:
            self._spans = self._find_spans()
        return self._spans


def renamed(code: CodeType, filename: str) -> CodeType:
    """``code`` and the code in it as if it came from the file ``filename``."""
    if code.co_filename == filename:
        return code
    inner = (renamed(item, filename) if isinstance(item, CodeType) else item for item in code.co_consts)
    return code.replace(co_filename=filename, co_consts=tuple(inner))


class HostModules:
    """The plain host of a program, and the traced one, which is made when it is first asked for.

    ``path`` is what their frames are called; ``digest``, of ``program.json``, lets the plain one be kept
    for the next process.
    """

    def __init__(self, generate: Generate, path: str, digest: str | None = None) -> None:
        self.generate = generate
        self.path = path
        self.lock = threading.Lock()
        self.plain = self._plain(digest)
        self._traced: HostModule | None = None

    @property
    def traced(self) -> HostModule:
        with self.lock:
            if self._traced is None:
                self._traced = self._make(f"<dyncc {self.path} traced>", traced=True)[0]
            return self._traced

    def _plain(self, digest: str | None) -> HostModule:
        filename = f"<dyncc {self.path}>"
        if digest is None:
            return self._make(filename)[0]
        name = host_cache.name_of(digest)
        kept = host_cache.read(name)
        if kept is not None:
            return HostModule(kept, filename, lambda: self.generate(False).spans)
        module, made = self._make(filename)
        host_cache.write(name, made)
        return module

    def _make(self, filename: str, traced: bool = False) -> tuple[HostModule, KeptHost]:
        source = self.generate(traced)
        code = compile(source.text, filename, "exec")
        made = KeptHost(source.text, source.class_name, source.cells, code)
        return HostModule(made, filename, lambda: source.spans), made
