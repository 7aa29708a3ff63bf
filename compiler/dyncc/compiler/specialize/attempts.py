"""From a model and example arguments to a program: attempts, until one learns nothing new.

Facts only grow and there are finitely many (see ``facts``), so the attempts come to an end.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize.facts import Facts
from dyncc.compiler.specialize.interface.inputs import Method
from dyncc.compiler.specialize.interface.roots import roots_of
from dyncc.compiler.specialize.specializer import Specializer
from dyncc.compiler.specialize.surroundings import undisturbed
from dyncc.compiler.specialize.values import Restart

if TYPE_CHECKING:
    from dyncc.compiler.specialize.specializer import Recorded


MAX_ATTEMPTS = 400


@dataclass(frozen=True)
class Limits:
    """How far to go before a program is refused (DY106)."""

    seconds: float = 90.0
    """Of the processor, for all attempts together."""
    blocks: int = 1500


def specialize_methods(methods: Sequence[Method], name: str, limits: Limits | None = None) -> Recorded:
    """Specialize several methods of one object together: one program, shared state and weights."""
    limits = limits or Limits()
    facts = Facts(deadline=time.process_time() + limits.seconds, most_blocks=limits.blocks)
    roots = roots_of(methods)
    attempt: Specializer | None = None
    with undisturbed(lambda: attempt.heap if attempt is not None else None):
        for _ in range(MAX_ATTEMPTS):
            facts.changed, facts.told_late = False, False
            if attempt is not None:
                attempt.heap.reset()
            attempt = Specializer(methods, roots, facts, name)
            try:
                recorded = attempt.run()
            except Restart:
                continue
            if not facts.changed:
                return recorded
        raise CompileError(
            [
                Diagnostic(
                    "DY105",
                    "the program does not settle: every attempt to specialize it learns something new",
                    None,
                    notes=tuple(facts.log[-5:]),
                )
            ]
        )


def specialize(
    model: Any,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    dynamic_shapes: Any = None,
) -> Recorded:
    """Specialize a module, a bound method or a function on example arguments.

    Only the types and shapes of tensors among the arguments matter. Raises CompileError where the program
    cannot be compiled faithfully.
    """
    function = model.forward if isinstance(model, nn.Module) else model
    name = type(model).__name__ if isinstance(model, nn.Module) else _owner_name(model)
    method = Method(
        getattr(function, "__name__", "forward"), function, tuple(args), dict(kwargs or {}), dynamic_shapes
    )
    return specialize_methods([method], name)


def _owner_name(function: Any) -> str:
    owner = getattr(function, "__self__", None)
    return type(owner).__name__ if owner is not None else getattr(function, "__name__", "program")
