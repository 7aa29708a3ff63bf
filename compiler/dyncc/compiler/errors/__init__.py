"""The codes of diagnostics: one line each here, one page each in ``pages/``.

The hundreds group them: 1 the program cannot be specialized, 2 the example inputs, 3 a check failed,
4 lowering to ONNX, 9 a fault of dyncc itself. A code is never given another meaning.
"""

from __future__ import annotations

from importlib import resources

CODES: dict[str, str] = {
    "DY101": "this Python construct is not supported",
    "DY102": "the source of a function that decides is not available",
    "DY103": "a decision is made inside native code",
    "DY104": "the text of a tensor's value is used to decide",
    "DY105": "the limit of recursion or unrolling is reached",
    "DY106": "the program has too many blocks",
    "DY107": "an exception that PyTorch raises on data may be caught",
    "DY110": "a value known only at run time is needed at compile time",
    "DY111": "a variable has types that cannot be merged",
    "DY112": "an object cannot be followed across a decision",
    "DY120": "random numbers are drawn in a way that is not known here",
    "DY121": "an effect can be neither repeated nor undone",
    "DY130": "an operation cannot be recorded",
    "DY131": "a condition on a size cannot be decided",
    "DY140": "an argument has a type that is not supported",
    "DY150": "the program raises whatever its input",
    "DY201": "the example inputs do not fit the program",
    "DY301": "the compiled program differs from the original",
    "DY401": "an operator cannot be converted",
    "DY402": "the exporter narrowed a size",
    "DY901": "internal error",
}
"""Every code with its one-line meaning."""


class UnknownCodeError(LookupError):
    """No such code; ``str()`` is the code that was asked for."""


def normalize(code: str) -> str:
    """``dy103``, ``103`` and ``DY103`` are all ``DY103``. Raises :class:`UnknownCodeError`."""
    digits = code.strip().upper().removeprefix("DY")
    name = f"DY{digits}"
    if name not in CODES:
        raise UnknownCodeError(code)
    return name


def page(code: str) -> str:
    """The page of a code as Markdown: explanation, a failing and a repaired program."""
    return resources.files(__name__).joinpath("pages", f"{normalize(code)}.md").read_text(encoding="utf-8")
