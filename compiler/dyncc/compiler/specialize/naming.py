"""How things are called where the user reads of them: places, cells of the state, exceptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution.frames import Frame


def cell_path(path: tuple[Any, ...]) -> str:
    if path[0] == "cell":
        return f"self.{path[1]}" if not str(path[1]).startswith("self") else str(path[1])
    text = str(path[1])
    for accessor in path[2:]:
        if isinstance(accessor, str):
            text += f".{accessor.lstrip('.')}"
        else:  # (of a text the place of a part)
            text += f"[{accessor if isinstance(accessor, int) else accessor[1]!r}]"
    return text


def described(error: BaseException) -> str:
    """An exception of the program in words; its message may hold numbers that are not known."""
    text = next((arg for arg in error.args if type(arg) is str), "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def user_frame(frames: Sequence[Frame]) -> Frame:
    """The innermost frame of the user's own code."""
    return next(
        (f for f in reversed(frames) if f.function.code.co_filename not in prelude.FILES), frames[-1]
    )


def line_of(frame: Frame) -> int:
    block = frame.block
    if frame.index < len(block.instructions):
        return block.instructions[frame.index].span.line
    return block.terminator.span.line
