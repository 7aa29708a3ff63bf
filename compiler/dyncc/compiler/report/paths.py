"""Lines through points as SVG paths."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from dyncc.compiler.report.layout import Point


def rounded(points: Sequence[Point], radius: float = 8.0) -> str:
    """An SVG path along ``points`` at right angles, its corners rounded."""
    parts = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        start, end = _towards(corner, before, radius), _towards(corner, after, radius)
        parts.append(
            f"L{_n(start[0])} {_n(start[1])}Q{_n(corner[0])} {_n(corner[1])} {_n(end[0])} {_n(end[1])}"
        )
    parts.append(f"L{_n(points[-1][0])} {_n(points[-1][1])}")
    return "".join(parts)


def curved(points: Sequence[Point]) -> str:
    """An SVG path along ``points`` downwards: straight where it is straight, else an S."""
    parts = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for (x, y), (to_x, to_y) in pairwise(points):
        if abs(x - to_x) < 0.5:
            parts.append(f"L{_n(to_x)} {_n(to_y)}")
        else:
            middle = (y + to_y) / 2
            parts.append(f"C{_n(x)} {_n(middle)} {_n(to_x)} {_n(middle)} {_n(to_x)} {_n(to_y)}")
    return "".join(parts)


def _towards(point: Point, other: Point, distance: float) -> Point:
    across, down = other[0] - point[0], other[1] - point[1]
    length = max((across**2 + down**2) ** 0.5, 1e-9)
    part = min(distance, length / 2) / length
    return point[0] + across * part, point[1] + down * part


def _n(value: float) -> str:
    """A coordinate, short: ``12`` or ``12.5``."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
