"""``dyncc verify BUNDLE``: the examples kept in a bundle, run again without torch."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from dyncc.compiler.cli.bundles import existing
from dyncc.compiler.cli.console import Console
from dyncc.compiler.cli.exits import CliError, Exit
from dyncc.compiler.diagnostics import Diagnostic
from dyncc.compiler.report.words import count
from dyncc.runtime import Outcome, replay


def verify_bundle(bundle: Path, console: Console, **options: Any) -> None:
    """The whole command; ``options`` are those of :func:`dyncc.runtime.load`.

    Raises CliError (exit code 3) where an example differs or there is none.
    """
    outcomes = replay(existing(bundle), **options)
    if not outcomes:
        text = f"{bundle} keeps no examples (it was compiled with --no-verify, or its example calls raise)"
        raise CliError(Exit.CHECK_FAILED, [Diagnostic("", text, None)])
    failed = [outcome for outcome in outcomes if not outcome.passed]
    for outcome in outcomes:
        console.detail(line_of(outcome))
    if failed:
        if console.as_json:
            console.product("", [asdict(outcome) for outcome in outcomes])
        raise CliError(Exit.CHECK_FAILED, [_difference(outcome) for outcome in failed])
    largest = max(outcome.error for outcome in outcomes)
    console.product(
        f"{count(len(outcomes), 'example')} as expected, largest difference {largest:.1e}",
        [asdict(outcome) for outcome in outcomes],
    )


def line_of(outcome: Outcome) -> str:
    """One line about an example."""
    state = "as expected" if outcome.passed else "differs"
    return f"example {outcome.index} of {outcome.method}: {state}, largest difference {outcome.error:.1e}"


def _difference(outcome: Outcome) -> Diagnostic:
    message = f"example {outcome.index} of `{outcome.method}` differs"
    return Diagnostic("DY301", message, None, notes=outcome.messages)
