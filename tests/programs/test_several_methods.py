"""Several methods of one module in one bundle: they share weights and state."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from dyncc.compiler import compile
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import Method, specialize_methods


class Dialogue(nn.Module):
    """Encodes a context once, then answers step by step; ``reset`` forgets."""

    def __init__(self, dim: int = 4) -> None:
        super().__init__()
        self.encoder = nn.Linear(dim, dim)
        self.cell = nn.GRUCell(dim, dim)
        self.context: torch.Tensor | None = None
        self.turns = 0

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.tanh(self.encoder(x))
        self.context = h if h.sum() > 0 else -h
        self.turns = 0
        return self.context

    def step(self, x: torch.Tensor) -> Any:
        if self.context is None:
            return None
        self.context = self.cell(x, self.context)
        self.turns += 1
        if self.context.norm() > 1.2:
            self.reset()
            return "full", x
        return "next", self.context * self.turns

    def reset(self) -> int:
        self.context = None
        turns, self.turns = self.turns, 0
        return turns


def dialogue() -> Dialogue:
    torch.manual_seed(0)
    return Dialogue().eval()


def calls() -> list[tuple[str, tuple[torch.Tensor, ...]]]:
    """A sequence of calls that meets every state: steps before and after a context, resets, fillings."""
    generator = torch.Generator().manual_seed(0)

    def x(scale: float) -> tuple[torch.Tensor]:
        return (scale * torch.randn(1, 4, generator=generator),)

    names = ["step", "encode", "step", "step", "encode", "step", "reset", "step", "reset", "encode"]
    steps = [("step", x(5.0)) for _ in range(8)]
    return [(name, () if name == "reset" else x(1.0)) for name in names] + steps


def same(actual: Any, expected: Any) -> bool:
    if isinstance(expected, torch.Tensor):
        return torch.allclose(actual, expected, rtol=1e-3, atol=1e-4)
    if isinstance(expected, tuple):
        return all(same(a, e) for a, e in zip(actual, expected, strict=True))
    return type(actual) is type(expected) and actual == expected


@torch.no_grad()
def expected_results() -> list[Any]:
    model = dialogue()
    results = [getattr(model, name)(*args) for name, args in calls()]
    kinds = {
        r if r is None or isinstance(r, int) else r[0] if isinstance(r, tuple) else "encoded"
        for r in results
    }
    assert kinds >= {None, "full", "next", "encoded", 0, 1}
    return results


def test_the_specialized_methods_share_their_state() -> None:
    model, x = dialogue(), torch.ones(1, 4)
    methods = [
        Method("encode", model.encode, (x,), {}, None),
        Method("step", model.step, (x,), {}, None),
        Method("reset", model.reset, (), {}, None),
    ]
    recorded = specialize_methods(methods, "Dialogue")
    assert model.context is None and model.turns == 0
    compiled = Interpreter(recorded.program, recorded.weights)
    for (name, args), expected in zip(calls(), expected_results(), strict=True):
        assert same(compiled.run(name, *args), expected), name


def test_the_bundle_shares_its_state_and_a_session_has_its_own(tmp_path: Path) -> None:
    model, x = dialogue(), torch.ones(1, 4)
    methods = {"encode": (model.encode, (x,)), "step": (model.step, (x,)), "reset": (model.reset, ())}
    net = compile(methods, output=tmp_path / "dialogue.dyncc", threads=1)
    other = net.session()
    other.encode(torch.ones(1, 4))
    for (name, args), expected in zip(calls(), expected_results(), strict=True):
        assert same(net.method(name)(*args), expected), name
    assert other.step(torch.ones(1, 4)) is not None
