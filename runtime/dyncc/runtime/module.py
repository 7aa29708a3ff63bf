"""From a program to the class of its host: generate, compile, and nothing read from ``host.py``."""

from __future__ import annotations

import linecache
import threading
from collections.abc import Mapping
from typing import Any

from dyncc.runtime import program as p
from dyncc.runtime.host import HostSource, Origin, generate
from dyncc.runtime.records import frozen


@frozen
class HostModule:
    """A compiled host: its source, the file name that its frames have, and its class."""

    source: HostSource
    filename: str
    cls: type


class HostModules:
    """The plain host of a program, and the traced one, which is made when it is first asked for."""

    def __init__(
        self, program: p.Program[Any], sources: Mapping[str, Mapping[int, str]], origin: Origin, path: str
    ) -> None:
        self.program = program
        self.sources = sources
        self.origin = origin
        self.path = path
        self.lock = threading.Lock()
        self.plain = self._make(traced=False)
        self._traced: HostModule | None = None

    @property
    def traced(self) -> HostModule:
        with self.lock:
            if self._traced is None:
                self._traced = self._make(traced=True)
            return self._traced

    def _make(self, traced: bool) -> HostModule:
        source = generate(self.program, sources=self.sources, origin=self.origin, traced=traced)
        filename = f"<dyncc {self.path}{' traced' if traced else ''}>"
        namespace: dict[str, Any] = {"__name__": f"dyncc_host.{source.class_name}"}
        exec(compile(source.text, filename, "exec"), namespace)
        lines = source.text.splitlines(keepends=True)
        linecache.cache[filename] = (len(source.text), None, lines, filename)
        return HostModule(source, filename, namespace[source.class_name])
