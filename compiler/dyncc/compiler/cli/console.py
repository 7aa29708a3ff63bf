"""What the commands say: the product on stdout, talk on stderr, ``--json`` for machines."""

from __future__ import annotations

import contextlib
import errno
import json
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import rich.console

from dyncc.compiler.cli.exits import CliError, Exit
from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.diagnostics_render import rich_text


@dataclass(frozen=True)
class Console:
    """``verbosity`` is -1 (quiet), 0 or 1 (verbose); ``as_json`` makes stdout one JSON document."""

    verbosity: int = 0
    as_json: bool = False

    def say(self, text: str) -> None:
        """A line of talk, unless quiet."""
        if self.verbosity >= 0:
            _stderr().print(text, markup=False, highlight=False, soft_wrap=True)

    def detail(self, text: str) -> None:
        """A line of talk under ``-v``."""
        if self.verbosity > 0:
            self.say(text)

    @contextlib.contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int, str], None]]:
        """A function that is told how many of how many are done, and which is next: a bar on a terminal.

        The bar is there from the first time that it is told of one until all are done. Under ``-v`` each is
        a line; otherwise, and where stderr is no terminal, nothing is shown.
        """
        from rich.progress import Progress

        bar: Progress | None = None

        def told(done: int, total: int, name: str) -> None:
            nonlocal bar
            if done < total:
                self.detail(f"{what:9} {done + 1}/{total} {name}")
            if self.verbosity != 0 or not _stderr().is_terminal:
                return
            if bar is None and done < total:
                bar = Progress(console=_stderr(), transient=True)
                bar.add_task(what)
                bar.start()
            if bar is not None:
                bar.update(bar.task_ids[0], completed=done, total=total, description=f"{what} {name}")
            if bar is not None and done >= total:
                bar.stop()
                bar = None

        try:
            yield told
        finally:
            if bar is not None:
                bar.stop()

    def show(self, diagnostics: Sequence[Diagnostic]) -> None:
        """Diagnostics; warnings and notes are left out when quiet."""
        shown = [d for d in diagnostics if d.severity == "error" or self.verbosity >= 0]
        if shown:
            _stderr().print(rich_text(shown), soft_wrap=True)

    def product(self, text: str, data: Any) -> None:
        """The result of the command: ``text``, or ``data`` as JSON."""
        sys.stdout.write((json_text(data) if self.as_json else text) + "\n")

    @contextlib.contextmanager
    def reporting(self) -> Iterator[None]:
        """Run a command: what it raises is shown, and becomes SystemExit with the documented code."""
        try:
            yield
        except CliError as error:
            self._fail(error.code, error.diagnostics, error.__cause__)
        except CompileError as error:
            self._fail(exit_of(error), error.diagnostics, error)
        except KeyboardInterrupt:
            self.say("interrupted; nothing was written")
            raise SystemExit(130) from None
        except BrokenPipeError:
            raise
        except Exception as error:
            self._fail(*_classify(error), error)

    def _fail(self, code: Exit, diagnostics: Sequence[Diagnostic], cause: BaseException | None) -> None:
        if self.verbosity > 0 and cause is not None:
            sys.stderr.write("".join(traceback.format_exception(cause)) + "\n")
        self.show(diagnostics)
        errors = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
        if errors > 1:
            self.say(f"\n{errors} errors; nothing was written")
        if self.as_json:
            self.product("", {"exit": int(code), "diagnostics": [asdict(d) for d in diagnostics]})
        raise SystemExit(int(code))


def json_text(data: Any, indent: str = "") -> str:
    """``data`` as JSON, indented, but a list of numbers or texts on one line."""
    items = data.values() if isinstance(data, dict) else data if isinstance(data, list | tuple) else ()
    nested = any(isinstance(item, dict | list | tuple) for item in items)
    if not items or not (nested or isinstance(data, dict)):
        return json.dumps(data, default=str, allow_nan=False)
    deeper = f"{indent}  "
    if isinstance(data, dict):
        lines = [f"{json.dumps(str(key))}: {json_text(item, deeper)}" for key, item in data.items()]
    else:
        lines = [json_text(item, deeper) for item in data]
    open, close = "{}" if isinstance(data, dict) else "[]"
    joined = f",\n{deeper}".join(lines)
    return f"{open}\n{deeper}{joined}\n{indent}{close}"


def exit_of(error: CompileError) -> Exit:
    """3 where every error is a failed check (``DY3``), else 1."""
    codes = [d.code for d in error.diagnostics if d.severity == "error"]
    failed = bool(codes) and all(code.startswith("DY3") for code in codes)
    return Exit.CHECK_FAILED if failed else Exit.REFUSED


def _classify(error: Exception) -> tuple[Exit, list[Diagnostic]]:
    """An exception that is no diagnostic: the runtime's errors, a missing package, or our own fault."""
    from dyncc.compiler.cli.bundles import runtime_failure

    failure = runtime_failure(error)
    if failure is not None:
        return failure
    if isinstance(error, OSError):
        return Exit.USAGE, [_file_trouble(error)]
    if isinstance(error, ModuleNotFoundError) and error.name:
        helps = ("pip install 'dyncc[compiler,cpu]'",)
        return Exit.MISSING, [Diagnostic("", f"the package `{error.name}` is missing", None, helps=helps)]
    note = traceback.format_exception_only(error)[-1].strip()
    helps = ("-v shows the traceback; please report it with the model",)
    return Exit.REFUSED, [Diagnostic("DY901", "internal error", None, notes=(note,), helps=helps)]


def _file_trouble(error: OSError) -> Diagnostic:
    """A file or folder that cannot be written or read: the disk is full, there is no permission."""
    reason = error.strerror or str(error)
    text = f"{reason[:1].lower()}{reason[1:]}" + (f": {error.filename}" if error.filename else "")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        folder = tempfile.gettempdir()
        helps = (f"make room where the bundle goes, and in {folder} (TMPDIR names another)",)
    else:
        helps = ("-o names another place to write to; -v shows the traceback",)
    return Diagnostic("", text, None, helps=helps)


def _stderr() -> rich.console.Console:
    # made anew each time: stderr may be redirected between calls
    return rich.console.Console(stderr=True)
