"""Bundles as the commands see them: opening one, its inputs, and what can go wrong with it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from dyncc.compiler.cli.exits import CliError, Exit, absent, usage
from dyncc.compiler.cli.usercode import split_entry
from dyncc.compiler.diagnostics import Diagnostic
from dyncc.compiler.traces import frame_span, frames
from dyncc.runtime import errors
from dyncc.runtime.bundle import HOST, MANIFEST
from dyncc.runtime.places import lines_text

CODES: tuple[tuple[type[Exception], Exit], ...] = (
    (errors.BundleError, Exit.DAMAGED),
    (errors.EngineMissing, Exit.MISSING),
    (errors.InputError, Exit.USAGE),
    (errors.DynccError, Exit.REFUSED),
)
"""The exit code of each error of the runtime; the first that matches."""


def runtime_failure(error: Exception) -> tuple[Exit, list[Diagnostic]] | None:
    """The exit code and the message for an error of the runtime; None for any other exception."""
    if isinstance(error, errors.EngineError) and error.spans:
        return Exit.REFUSED, [engine_failure(error)]
    for kind, code in CODES:
        if isinstance(error, kind):
            return code, [Diagnostic("", str(error), None)]
    return None


def engine_failure(error: errors.EngineError) -> Diagnostic:
    """A failure of the engine in a call, at the operator that failed or the block that it is in."""
    index = isinstance(error, errors.IndexOutOfRange)
    message = "an index is out of range" if index else "the engine failed while the network ran"
    notes = [f"in the block `{error.graph}`"]
    if error.spans[1:]:
        notes = [
            f"the block `{error.graph}` comes from {lines_text(error.spans)}; any of these may be meant"
        ]
    if index:
        helps = ("PyTorch refuses such an index too: look at the inputs",)
    else:
        helps = ("-v shows the engine's own words; `dyncc verify` runs the examples kept in the bundle",)
    return Diagnostic(
        "", message, next(iter(error.spans), None), error.reason, notes=tuple(notes), helps=helps
    )


def raised(error: BaseException, paths: Collection[str]) -> Diagnostic:
    """An exception that the program raises by itself, at the deepest line of it in the files ``paths``."""
    message = f"the program raised {type(error).__name__}" + (f": {error}" if str(error) else "")
    own = [entry for entry in frames(error.__traceback__) if entry[0].f_code.co_filename in paths]
    if not own:
        return Diagnostic("", message, None, helps=("-v shows where",))
    return Diagnostic("", message, frame_span(*own[-1]))


def existing(path: Path) -> Path:
    """``path`` itself, if it is a bundle as far as one sees from outside.

    Raises a usage error where it is none, and leaves a damaged one to who reads it.
    """
    source = path if path.suffix == ".py" else split_entry(str(path))[0]
    if source.suffix == ".py" and source.is_file():
        raise _not_compiled(path, source)
    if not path.exists():
        raise absent(path, "dyncc FILE.py makes one", what="bundle")
    if not path.is_dir():
        raise usage(f"{path} is a file; a bundle is a folder", "dyncc FILE.py makes one")
    names = {entry.name for entry in path.iterdir()}
    if not names & {MANIFEST, HOST, "blocks"}:
        inside = sorted(name for name in names if (path / name / MANIFEST).is_file())
        helps = [f"it holds a bundle: {path / inside[0]}"] if inside else ["dyncc FILE.py makes one"]
        raise usage(f"{path} is a folder, but no bundle: there is no {MANIFEST} in it", *helps)
    return path


def _not_compiled(path: Path, source: Path) -> CliError:
    """A command for bundles was given the Python file of a model."""
    bundle = source.with_suffix(".dyncc")
    made = (bundle / MANIFEST).is_file()
    helps = [f"compile it first: dyncc {path}"]
    if made:
        helps = [f"the bundle beside it: {bundle}", f"or compile it anew: dyncc {path}"]
    return usage(f"{path} is a Python file; this command takes a compiled bundle", *helps)
