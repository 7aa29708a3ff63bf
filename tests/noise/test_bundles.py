"""Bundles of programs that draw: seeds, sessions, examples, and what eager draws beside them."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dyncc.compiler import CompileError, compile, drawing
from dyncc.runtime import load
from dyncc.runtime.noise import Noise
from dyncc.runtime.replay import replay


class Sampler(nn.Module):
    """Adds noise, draws until a number comes, remembers how often."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = 0

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        y = F.dropout(x + torch.randn_like(x), 0.2, training=True)
        while torch.multinomial(x.softmax(-1), 1).item() != 2:
            self.drawn += 1
            y = y + torch.rand(4)
        return y, self.drawn


X = torch.tensor([0.5, 1.0, 0.1, -1.0])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("noise") / "net.dyncc"
    report = compile(Sampler().eval(), (X,), output=path).report
    assert report.paths > 5 and not report.unchecked
    return path


def same(one: tuple[torch.Tensor, int], other: tuple[torch.Tensor, int]) -> bool:
    return one[1] == other[1] and np.allclose(one[0], other[0], atol=1e-6)


def test_a_seed_gives_the_numbers_that_eager_draws_with_it(path: Path) -> None:
    net = load(path)
    for seed in range(5):
        net.seed(seed)
        net.reset()
        model = Sampler().eval()
        with drawing(seed), torch.no_grad():
            for _ in range(4):
                assert same(net(X), model(X))


def test_without_a_seed_every_call_and_every_session_draws_others(path: Path) -> None:
    net = load(path)
    results = [net(X), net(X), net.session()(X), load(path)(X)]
    assert not any(same(results[i], results[j]) for i in range(4) for j in range(i))


def test_a_seed_belongs_to_its_session(path: Path) -> None:
    net = load(path)
    one, other = net.session(), net.session()
    one.seed(1)
    other.seed(1)
    first = one(X)
    assert same(first, other(X)) and not same(first, one(X))


def test_reset_begins_with_the_seed_again_and_restore_goes_on(path: Path) -> None:
    session = load(path).session()
    session.seed(3)
    first, saved = session(X), session.save()
    second = session(X)
    session.reset()
    assert same(session(X), first)
    session.restore(saved)
    assert same(session(X), second)


def test_the_examples_are_replayed_with_their_noise(path: Path) -> None:
    outcomes = replay(path)
    assert outcomes and all(outcome.passed for outcome in outcomes)


def test_the_host_shows_where_it_draws(path: Path) -> None:
    text = (path / "host.py").read_text()
    assert 'self.noise("normal", "float32", 4)' in text and "self.noise = Noise()" in text


def test_a_program_that_draws_nothing_has_no_noise_and_takes_a_seed(tmp_path: Path) -> None:
    net = compile(nn.Linear(4, 2).eval(), (X,), output=tmp_path / "net.dyncc")
    net.seed(0)
    assert "noise" not in (tmp_path / "net.dyncc" / "host.py").read_text()


class Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(x) if x.sum() > 0 else x


def test_dropout_in_training_mode_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        compile(Dropping(), (X,), output=tmp_path / "net.dyncc")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "DY120" and "model.eval()" in diagnostic.helps[0]
    compile(Dropping().eval(), (X,), output=tmp_path / "net.dyncc")


class Seeding(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.helper(x) if x.sum() > 0 else x

    def helper(self, x: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)
        return x + torch.rand(4)


def test_a_program_that_seeds_pytorch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        compile(Seeding().eval(), (X,), output=tmp_path / "net.dyncc")
    assert caught.value.diagnostics[0].code == "DY121"


def test_noise_is_of_its_kind_and_its_seed() -> None:
    for kind in ("uniform", "normal", "exponential"):
        drawn = Noise(1)(kind, "float32", 2, 3)
        assert (drawn.dtype, drawn.shape) == (np.float32, (2, 3))
        assert np.array_equal(drawn, Noise(1)(kind, "float32", 2, 3))
        scalar = Noise(1)(kind, "float64")
        assert isinstance(scalar, np.ndarray) and scalar.shape == ()
    with pytest.raises(ValueError, match="cauchy"):
        Noise(1)("cauchy", "float32", 2)
