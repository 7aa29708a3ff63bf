"""The command ``dyncc``. Importing it loads neither torch nor a terminal library."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line. Ends with SystemExit; the codes are :class:`dyncc.compiler.cli.exits.Exit`."""
    try:
        _main(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:  # while modules were imported: a command says it by itself
        sys.stderr.write("interrupted; nothing was written\n")
        raise SystemExit(130) from None


def _main(arguments: list[str]) -> None:
    try:
        from dyncc.compiler.cli.app import run_app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.stderr.write(
            f"error: the command line needs the package `{error.name}`\n"
            "help: pip install 'dyncc[cli]' to run bundles, or 'dyncc[compiler,cpu]' to compile\n"
        )
        raise SystemExit(4) from None
    if isinstance(sys.stdout, io.TextIOWrapper):
        # an output that is no UTF-8 (a pipe on Windows) shows an arrow by its code, and is no error
        sys.stdout.reconfigure(errors="backslashreplace")
    run_app(arguments)
