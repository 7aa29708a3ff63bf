"""Numbers as people read them."""

from __future__ import annotations


def amount(number: float) -> str:
    """``740``, ``1.2 k``, ``83 M``: three digits at most."""
    value = float(number)
    for unit in ("", " k", " M", " G", " T"):
        if abs(value) < 999.5:
            return f"{value:.0f}{unit}" if not unit or abs(value) >= 9.95 else f"{value:.1f}{unit}"
        value /= 1000
    return f"{value:.3g} P"


def flops_text(number: float, free: bool = False) -> str:
    """``1.2 MFLOPs``; with ``free``, the least that it can be: free sizes were counted as 1."""
    text = amount(number)
    joined = f"{text}FLOPs" if " " in text else f"{text} FLOPs"
    return f"≥ {joined}" if free and number else joined


def count(number: int, noun: str) -> str:
    """``1 block``, ``2 blocks``, ``2 branches``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural(noun)}"


def plural(noun: str) -> str:
    return f"{noun}es" if noun.endswith(("ch", "s")) else f"{noun}s"


def share(part: float, whole: float) -> str:
    """A part in percent; ``<1 %`` and ``>99 %`` where rounding would say none or all."""
    if not whole:
        return ""
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "<1 %"
    if 99 < percent < 100:
        return ">99 %"
    return f"{percent:.0f} %"


def shortened(text: str, width: int) -> str:
    """``text`` on one line of at most ``width`` characters."""
    text = " ".join(text.split())
    return text if len(text) <= width else text[: max(1, width - 1)].rstrip() + "…"


def listed(items: list[str], most: int = 3) -> str:
    """``a, b and c``; of many the first ones ``and 4 more``."""
    shown = items if len(items) <= most else [*items[: most - 1], f"{len(items) - most + 1} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
