"""Running the user's own code: importing the file, calling constructors, loading weights.

Whatever it raises becomes a diagnostic at the user's line, and what it prints goes to stderr, since
stdout belongs to the product.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, ModuleType

from dyncc.compiler.cli.exits import CliError, Exit, absent, usage
from dyncc.compiler.diagnostics import Diagnostic, Label
from dyncc.compiler.diagnostics_render import display_path
from dyncc.compiler.traces import frame_span, frames
from dyncc.runtime.bundle import MANIFEST
from dyncc.runtime.program import Span


@contextlib.contextmanager
def user_code(doing: str, file: Path) -> Iterator[None]:
    """Run a block of the user's code; ``doing`` says what for (``importing model.py``).

    Raises :class:`CliError` with exit code 1 for any exception in it.
    """
    with contextlib.redirect_stdout(sys.stderr):
        try:
            yield
        except CliError:
            raise
        except SyntaxError as error:
            raise CliError(Exit.REFUSED, [_syntax_error(error)]) from error
        except (Exception, SystemExit) as error:
            raise CliError(Exit.REFUSED, [_raised(doing, file, error)]) from error


def split_entry(text: str) -> tuple[Path, str]:
    """``FILE[:ENTRY]``; a colon in the path of an existing file, or after a drive, belongs to the path."""
    path, colon, entry = text.rpartition(":")
    if not colon or Path(text).exists() or not re.fullmatch(r"[\w.]+", entry):
        return Path(text), ""
    return Path(path), entry


def python_file(file: Path) -> Path:
    """``file`` itself. Raises a usage error unless it is a Python file."""
    if file.is_dir():
        if (file / MANIFEST).is_file():
            helps = (f"dyncc run {file} runs it", "dyncc FILE.py compiles a model")
            raise usage(f"{file} is a bundle, compiled already", *helps)
        raise usage(f"{file} is a folder", "name the Python file that defines the model")
    if not file.is_file():
        raise absent(file, suffix=".py")
    if file.suffix != ".py":
        raise usage(f"{file} is not a Python file", "dyncc FILE.py, or dyncc FILE.py:ENTRY")
    return file


def import_file(file: Path) -> ModuleType:
    """Import a Python file as Python would when it is run from its folder, or as part of its package.

    Raises a usage error where there is no such file, and exit code 1 for what the import raises.
    """
    file = python_file(file).resolve()
    root, parts = _package_of(file)
    sys.path.insert(0, str(root))
    with user_code(f"importing {display(file)}", file):
        return importlib.import_module(".".join(parts)) if len(parts) > 1 else _import_alone(file)


def display(path: Path) -> str:
    """The path as the user would write it: relative where it lies below the working directory."""
    return display_path(str(path))


def _package_of(file: Path) -> tuple[Path, list[str]]:
    """The folder to put on the path, and the parts of the module's name: more than one inside a package,
    where relative imports then work."""
    root, parts = file.parent, [file.stem]
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    return root, parts


def _import_alone(file: Path) -> ModuleType:
    """Import under the file's own name, or another where that name is taken (``random.py``)."""
    name = re.sub(r"\W", "_", file.stem)
    if name in sys.modules or name in sys.stdlib_module_names or _origin(name) not in (None, file):
        name = f"dyncc_user_{name}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None  # a .py file always has a loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _origin(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).resolve() if spec and spec.origin else None


def _syntax_error(error: SyntaxError) -> Diagnostic:
    if error.filename is None or error.lineno is None:
        return Diagnostic("", f"syntax error: {error.msg}", None)
    column = max(error.offset or 1, 1)
    end = error.end_offset if error.end_lineno == error.lineno and error.end_offset else 0
    span = Span(error.filename, error.lineno, column, error.lineno, max(end, column + 1))
    return Diagnostic("", f"syntax error: {error.msg}", span, helps=_python_help())


def _python_help() -> tuple[str, ...]:
    version = ".".join(map(str, sys.version_info[:2]))
    return (f"dyncc reads the file with the Python that it runs on, {version}",)


def _raised(doing: str, file: Path, error: BaseException) -> Diagnostic:
    """A diagnostic at the deepest line of the user's file, with where the exception came from."""
    message = "".join(traceback.format_exception_only(error)).strip() or type(error).__name__
    entries = list(frames(error.__traceback__))
    own = [index for index, (frame, _) in enumerate(entries) if _is_file(frame, file)]
    if not own:
        return Diagnostic("", f"{doing} raised an exception", None, notes=(message,), helps=_help(error))
    span = frame_span(*entries[own[-1]])
    label = _first_line(message)
    related: tuple[Label, ...] = ()
    deepest = frame_span(*entries[-1])
    if own[-1] != len(entries) - 1 and not deepest.path.startswith("<"):
        related = (Label(deepest, "raised here"),)
    notes = (message,) if "\n" in message else ()
    return Diagnostic("", f"{doing} raised an exception", span, label, related, notes, _help(error))


def _help(error: BaseException) -> tuple[str, ...]:
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return (f"install `{package}` in the environment that dyncc runs in ({sys.prefix})",)
    if isinstance(error, SystemExit):
        return ("put what only a script should do under `if __name__ == '__main__':`",)
    return ("-v shows the traceback",)


def _first_line(text: str) -> str:
    return text.splitlines()[0]


def _is_file(frame: FrameType, file: Path) -> bool:
    return frame.f_code.co_filename == str(file)
