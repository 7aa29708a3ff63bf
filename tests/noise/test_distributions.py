"""The statistical check: what the random operators make of noise is distributed as PyTorch's own draws are.

Seeded, so that a test that passes once passes always.
"""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from dyncc.compiler import drawing

COUNT = 20_000
LEAST = 1e-3
"""The probability of a difference as large as what was found, between samples of one distribution."""

CONTINUOUS: dict[str, Callable[[], torch.Tensor]] = {
    "rand": lambda: torch.rand(COUNT),
    "randn": lambda: torch.randn(COUNT, dtype=torch.float64),
    "rand_like": lambda: torch.rand_like(torch.empty(COUNT)),
    "normal of tensors": lambda: torch.normal(torch.full((COUNT,), 2.0), torch.full((COUNT,), 0.5)),
    "normal of numbers": lambda: torch.normal(-1.0, 3.0, size=(COUNT,)),
    "uniform_": lambda: torch.empty(COUNT).uniform_(-3, 5),
    "normal_": lambda: torch.empty(COUNT).normal_(1.0, 0.1),
    "exponential_": lambda: torch.empty(COUNT).exponential_(0.4),
    "gumbel_softmax": lambda: F.gumbel_softmax(torch.tensor([[0.0, 1.0, -1.0]]).repeat(COUNT, 1), 0.7)[
        :, 1
    ],
    "Normal.rsample": lambda: torch.distributions.Normal(0.5, 2.0).rsample((COUNT,)),
    "Uniform.sample": lambda: torch.distributions.Uniform(-1.0, 4.0).sample((COUNT,)),
}

PROBABILITIES = torch.tensor([0.5, 0.0, 0.3, 0.15, 0.05])

DISCRETE: dict[str, Callable[[], torch.Tensor]] = {
    "bernoulli": lambda: torch.bernoulli(torch.full((COUNT,), 0.3)),
    "bernoulli(p)": lambda: torch.bernoulli(torch.zeros(COUNT), 0.8),
    "bernoulli_": lambda: torch.zeros(COUNT).bernoulli_(0.1),
    "multinomial, one": lambda: torch.multinomial(PROBABILITIES.repeat(COUNT, 1), 1),
    "multinomial, a pair in its order": lambda: _code(torch.multinomial(PROBABILITIES.repeat(COUNT, 1), 2)),
    "multinomial, replaced": lambda: _code(torch.multinomial(PROBABILITIES.repeat(COUNT, 1), 2, True)),
    "randint": lambda: torch.randint(-2, 5, (COUNT,)),
    "randint_like": lambda: torch.randint_like(torch.zeros(COUNT), 6),
    "random_": lambda: torch.zeros(COUNT).random_(3, 7),
    "randperm": lambda: (
        torch.stack([torch.randperm(3) for _ in range(COUNT // 10)]) @ torch.tensor([9, 3, 1])
    ),
    "dropout": lambda: F.dropout(torch.ones(COUNT), 0.3),
    "dropout2d": lambda: F.dropout2d(torch.ones(COUNT, 1, 2, 2), 0.6)[:, 0, 1, 1],
    "gumbel_softmax, hard": lambda: F.gumbel_softmax(
        PROBABILITIES.log().repeat(COUNT, 1), hard=True
    ).argmax(-1),
    "Categorical": lambda: torch.distributions.Categorical(PROBABILITIES).sample((COUNT,)),
}


def _code(pairs: torch.Tensor) -> torch.Tensor:
    return pairs @ torch.tensor([10, 1])


def both(draw: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """PyTorch's own sample, and one of noise."""
    torch.manual_seed(1)
    theirs = draw().flatten()
    with drawing(1):
        ours = draw().flatten()
    assert ours.dtype == theirs.dtype and not torch.equal(ours, theirs)
    return theirs, ours


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_continuous_distribution_is_that_of_pytorch(name: str) -> None:
    theirs, ours = both(CONTINUOUS[name])
    assert stats.ks_2samp(theirs.numpy(), ours.numpy()).pvalue > LEAST


@pytest.mark.parametrize("name", DISCRETE)
def test_a_discrete_distribution_is_that_of_pytorch(name: str) -> None:
    theirs, ours = both(DISCRETE[name])
    values = sorted({*theirs.tolist(), *ours.tolist()})
    counts = [[int((sample == value).sum()) for value in values] for sample in (theirs, ours)]
    assert min(map(len, counts)) > 1
    assert stats.chi2_contingency(counts).pvalue > LEAST


def test_the_statistics_would_show_a_difference() -> None:
    with drawing(1):
        assert stats.ks_2samp(torch.rand(COUNT).numpy(), torch.rand(COUNT).pow(1.05).numpy()).pvalue < LEAST


def test_noise_in_half_precision_stays_below_one() -> None:
    with drawing(0):
        for dtype in (torch.float16, torch.bfloat16):
            drawn = torch.rand(COUNT, dtype=dtype)
            assert drawn.dtype is dtype and drawn.min() >= 0 and drawn.max() < 1


def test_what_has_no_chance_is_not_chosen() -> None:
    with drawing(0):
        chosen = torch.multinomial(torch.tensor([0.0, 1.0, 0.0]).repeat(COUNT, 1), 1)
    assert chosen.unique().tolist() == [1]


def test_each_channel_is_dropped_as_a_whole() -> None:
    with drawing(0):
        for drop, shape in (
            (F.dropout1d, (8, 50, 6)),
            (F.dropout2d, (8, 50, 3, 3)),
            (F.dropout3d, (8, 50, 2, 2, 2)),
            (F.dropout1d, (50, 6)),
            (F.dropout3d, (50, 2, 2, 2)),
        ):
            y = drop(torch.ones(shape), 0.5)
            flat = y.flatten(2 if len(shape) != 2 and shape[0] == 8 else 1)
            assert (flat == flat[..., :1]).all() and 0.3 < (flat == 0).float().mean() < 0.7


def test_a_draw_from_a_generator_of_ones_own_is_left_alone() -> None:
    plain = torch.rand(3, generator=torch.Generator().manual_seed(4))
    with drawing(0):
        assert torch.equal(torch.rand(3, generator=torch.Generator().manual_seed(4)), plain)


def test_dropout_that_is_off_draws_nothing() -> None:
    x = torch.arange(5.0)
    with drawing(0):
        assert torch.equal(F.dropout(x, 0.5, training=False), x)
        after = torch.rand(2)
    with drawing(0):
        assert torch.equal(torch.rand(2), after)
    assert math.isfinite(float(after.sum()))
