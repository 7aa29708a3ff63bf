"""``bisect`` by decisions: the comparisons of CPython's C code, in its order."""

from __future__ import annotations

from typing import Any


def place_after(items: Any, x: Any, lo: Any = 0, hi: Any = None, *, key: Any = None) -> Any:
    """``bisect_right``"""
    if lo < 0:
        raise ValueError("lo must be non-negative")
    if hi is None or hi == -1:  # (to CPython they are one)
        hi = len(items)
    while lo < hi:
        middle = (lo + hi) // 2
        item = items[middle]
        if key is not None:
            item = key(item)
        if x < item:
            hi = middle
        else:
            lo = middle + 1
    return lo


def place_before(items: Any, x: Any, lo: Any = 0, hi: Any = None, *, key: Any = None) -> Any:
    """``bisect_left``"""
    if lo < 0:
        raise ValueError("lo must be non-negative")
    if hi is None or hi == -1:  # (to CPython they are one)
        hi = len(items)
    while lo < hi:
        middle = (lo + hi) // 2
        item = items[middle]
        if key is not None:
            item = key(item)
        if item < x:
            lo = middle + 1
        else:
            hi = middle
    return lo


def inserted_after(items: Any, x: Any, lo: Any = 0, hi: Any = None, *, key: Any = None) -> None:
    """``insort_right``"""
    found = place_after(items, x if key is None else key(x), lo, hi, key=key)
    items.insert(found, x)


def inserted_before(items: Any, x: Any, lo: Any = 0, hi: Any = None, *, key: Any = None) -> None:
    """``insort_left``"""
    found = place_before(items, x if key is None else key(x), lo, hi, key=key)
    items.insert(found, x)


DECIDING = (place_after, place_before, inserted_after, inserted_before)
"""What is only called where an item may decide."""
