"""``dyncc explain CODE``: the page of a diagnostic."""

from __future__ import annotations

import sys

from dyncc.compiler.cli.console import Console
from dyncc.compiler.cli.exits import usage
from dyncc.compiler.errors import CODES, UnknownCodeError, normalize, page


def explain(code: str | None, console: Console) -> None:
    """Print a page, as Markdown where stdout is no terminal; without a code, the list of them."""
    if code is None:
        listing = "\n".join(f"{name}  {title}" for name, title in CODES.items())
        console.product(f"{listing}\n\ndyncc explain CODE shows a page", CODES)
        return
    try:
        name = normalize(code)
    except UnknownCodeError:
        raise usage(f"there is no code `{code}`", "dyncc explain lists them") from None
    text = page(name)
    if sys.stdout.isatty() and not console.as_json:
        from rich.console import Console as Terminal
        from rich.markdown import Markdown

        Terminal().print(Markdown(text))
        return
    console.product(text.rstrip("\n"), {"code": name, "title": CODES[name], "page": text})
