"""What goes: ratios, scopes, budgets, minima, multiples, patterns; and what cannot be asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from tests.prune.nets import net

from dyncc.passes.prune.errors import OptionError, PruneError
from dyncc.passes.prune.groups import weights_of
from dyncc.passes.prune.importance import CRITERIA, GRADIENT, Importance
from dyncc.passes.prune.latency import Timed
from dyncc.passes.prune.model import Pruned, Pruning
from dyncc.passes.prune.selection import Selection


def chain(**arrays: np.ndarray):
    text = (
        "(float[1, 3, 4, 4] x) => (float[1, 2, 4, 4] y) { h = Conv(x, a) "
        "s = BatchNormalization(h, g, o, m, v) "
        "i = Relu(s)  j = Conv(i, b)  k = Relu(j)  y = Conv(k, c) }"
    )
    weights = {"a": (16, 3, 1, 1), "b": (12, 16, 1, 1), "c": (2, 12, 1, 1)}
    norms = {"g": np.linspace(1, 2, 16), "o": np.zeros(16), "m": np.zeros(16), "v": np.ones(16)}
    return net(text, {**weights, **norms, **arrays})


def run(model, *, importance: Importance | None = None, **options: object) -> Pruned:
    return Pruning(Selection(**options), importance or Importance()).run(model)  # type: ignore[arg-type]


def kept(result: Pruned) -> dict[str, int]:
    return {group.name: group.kept for group in result.report.groups}


def test_ratio_minimum_multiple_keep() -> None:
    assert kept(run(chain(), ratio=0.5)) == {"a": 8, "b": 6}
    assert kept(run(chain(), ratio=0.9, minimum=3)) == {"a": 3, "b": 3}
    assert kept(run(chain(), ratio=0.99)) == {"a": 1, "b": 1}
    assert kept(run(chain(), ratio=0.6, multiple=4)) == {"a": 8, "b": 8}
    assert kept(run(chain(), ratio=0.5, keep=("c",))) == {"a": 8, "b": 12}
    assert kept(run(chain(), ratio=0.0)) == {"a": 16, "b": 12}


def test_budgets() -> None:
    for options in ({"flops": 0.4}, {"parameters": 0.4}, {"flops": 0.6, "parameters": 0.5}):
        report = run(chain(), **options).report
        if "flops" in options:
            assert report.after.flops <= options["flops"] * report.before.flops
        if "parameters" in options:
            assert report.after.parameters <= options["parameters"] * report.before.parameters
    assert kept(run(chain(), flops=1.0)) == {"a": 16, "b": 12}
    with pytest.raises(PruneError, match="the budget cannot be met"):
        run(chain(), flops=0.001)


def test_a_budget_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is measured on the pruned graph itself; here it is the share of numbers in its weights."""

    def measured(whole: Sequence[Timed], smaller: Sequence[Timed]) -> float:
        (one,), (other,) = whole, smaller
        assert one.feeds is other.feeds and one.run() > 0 and other.run() > 0
        sizes = [sum(w.const_value.size for w in weights_of([each.model.graph])) for each in (one, other)]  # type: ignore[union-attr]
        tried.append(sizes[1] / sizes[0])
        return tried[-1]

    tried: list[float] = []
    monkeypatch.setattr("dyncc.passes.prune.model.relative", measured)
    report = run(chain(), latency=0.4).report
    assert 0.3 < report.after.parameters / report.before.parameters < 0.45 and len(tried) > 4
    assert report.time == tried[-1] <= 0.4
    # beside another budget both hold
    both = run(chain(), latency=0.4, parameters=0.2).report
    assert both.after.parameters <= 0.2 * both.before.parameters


def test_time_that_cannot_be_met() -> None:
    with pytest.raises(PruneError, match=r"the budget cannot be met.*of the time"):
        run(chain(), latency=1e-4)


def test_global_scope_takes_the_weakest_wherever_they_are() -> None:
    weak = np.ones((12, 16, 1, 1)) * 0.001
    model = chain(b=weak, c=np.ones((2, 12, 1, 1)) * 0.001)
    result = run(model, ratio=0.4, scope="global", importance=Importance(normalize="none"))
    counts = kept(result)
    assert counts["b"] < 12 * 0.6 < 16 * 0.6 < counts["a"]


def test_l1_and_norm_scale_remove_the_smallest() -> None:
    random = np.random.default_rng(0)
    size = np.arange(1, 17) / 8
    a = random.choice([-1.0, 1.0], (16, 3, 1, 1)) * size[:, None, None, None]
    flat = {"b": np.ones((12, 16, 1, 1)), "g": np.ones(16)}
    result = run(chain(a=a, **flat), ratio=0.5)
    left = result.model.graph.initializers["a"].const_value.numpy()
    assert np.allclose(np.abs(left[:, 0, 0, 0]), size[8:])
    scales = random.permutation(np.linspace(1, 2, 16))
    result = run(chain(g=scales), ratio=0.5, importance=Importance("bn-scale"))
    assert np.allclose(result.model.graph.initializers["g"].const_value.numpy(), scales[scales > 1.5])


@pytest.mark.parametrize("aggregate", ["sum", "mean", "max", "prod"])
@pytest.mark.parametrize("normalize", ["none", "sum", "mean", "max", "standard"])
def test_every_aggregate_and_norm(aggregate: str, normalize: str) -> None:
    for criterion in ("l1", "l2", "random"):
        importance = Importance(criterion, aggregate, normalize)  # type: ignore[arg-type]
        assert kept(run(chain(), ratio=0.5, importance=importance)) == {"a": 8, "b": 6}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "how much to prune is not said"),
        ({"ratio": 1.0}, r"the ratio 1.0 is not in \[0, 1\)"),
        ({"ratio": -0.1}, r"the ratio -0.1 is not in \[0, 1\)"),
        ({"ratio": float("nan")}, "the ratio nan"),
        ({"flops": 0.0}, "the share of flops 0.0"),
        ({"ratio": 0.5, "flops": 0.5}, "contradict"),
        ({"ratio": 0.5, "scope": "all"}, "no scope `all`"),
        ({"ratio": 0.5, "minimum": 0}, "at least 1"),
    ],
)
def test_bad_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Selection(**options)  # type: ignore[arg-type]


def test_bad_importance() -> None:
    with pytest.raises(OptionError, match="no criterion `l3`"):
        Importance("l3")
    for criterion in set(CRITERIA) & set(GRADIENT):
        with pytest.raises(OptionError, match="needs gradients"):
            Importance(criterion)
    with pytest.raises(PruneError, match="matches no weight"):
        run(chain(), ratio=0.5, keep=("nothing*",))
