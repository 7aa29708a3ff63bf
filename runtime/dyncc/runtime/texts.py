"""Texts with numbers in them: what the instruction ``text`` makes of a template, and when two agree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

Piece: TypeAlias = "str | tuple[str, str]"
"""Literal text, or the conversion and the format of the next value."""

NO_FORMAT = frozenset("{}'\"\\\n")
"""What the format of a value has none of."""


def pieces(template: str) -> Iterator[Piece]:
    """Those of a template as ``str.format`` takes it. Raises ValueError where a field is no plain one."""
    from string import Formatter  # half a millisecond, and most programs have no text

    for literal, field, spec, conversion in Formatter().parse(template):
        if literal:
            yield literal
        if field is None:
            continue
        if field or conversion not in (None, "r", "s", "a") or NO_FORMAT & {*(spec or "")}:
            raise ValueError(f"{template!r} is no template")
        yield conversion or "", spec or ""


def template_of(parts: Iterator[Piece]) -> str:
    """The inverse of :func:`pieces`."""
    made: list[str] = []
    for part in parts:
        if isinstance(part, str):
            made.append(part.replace("{", "{{").replace("}", "}}"))
            continue
        conversion, spec = part
        made.append(f"{{{'!' * bool(conversion)}{conversion}{':' * bool(spec)}{spec}}}")
    return "".join(made)


_NUMBER = re.compile(r"([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)")


def agree(expected: str, actual: str, atol: float, rtol: float) -> bool:
    """Whether two texts are one, but for numbers with a point that differ by so much.

    Or by one in their last digit, from two digits behind the point on: what is rounded may be on the edge.
    """
    if expected == actual:
        return True
    one, other = _NUMBER.split(expected), _NUMBER.split(actual)
    if [*map(str.strip, one[::2])] != [*map(str.strip, other[::2])]:
        return False
    pairs = zip(one[1::2], other[1::2], strict=True)
    return all(left == right or _close(left, right, atol, rtol) for left, right in pairs)


def _close(expected: str, actual: str, atol: float, rtol: float) -> bool:
    whole = [text.lstrip("-+").isdecimal() for text in (expected, actual)]
    number = float(expected)
    error = abs(float(actual) - number)
    return not all(whole) and error <= max(_last_digit(expected, actual), atol + rtol * abs(number))


def _last_digit(expected: str, actual: str) -> float:
    """A bit more than what one in the last digit makes."""
    places = {len(text.lower().partition("e")[0].partition(".")[2]) for text in (expected, actual)}
    exponents = {text.lower().partition("e")[2] for text in (expected, actual)}
    if len(places) != 1 or len(exponents) != 1 or max(places) < 2:
        return 0.0
    return 1.001 * float(f"1e{int(exponents.pop() or 0) - places.pop()}")
