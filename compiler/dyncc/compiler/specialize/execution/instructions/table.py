"""The executor of each instruction and terminator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dyncc.compiler.frontend import cfg
from dyncc.compiler.specialize.execution.frames import Frame
from dyncc.compiler.specialize.execution.instructions.access import ACCESS
from dyncc.compiler.specialize.execution.instructions.control import CONTROL
from dyncc.compiler.specialize.execution.instructions.expressions import EXPRESSIONS
from dyncc.compiler.specialize.execution.instructions.names import NAMES

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


TERMINATORS = (cfg.Goto, cfg.If, cfg.ForNext, cfg.Return, cfg.Raise, cfg.Reraise)
EXECUTE: dict[type, Callable[[Machine, Frame, Any], None]] = {**NAMES, **ACCESS, **EXPRESSIONS, **CONTROL}
