"""The kinds of dynamic networks, compiled, against eager on many inputs over several paths."""

from pathlib import Path

import pytest
import torch
from samples.evaluation import KINDS, load_sample, measure

from dyncc.compiler import compile

QUICK = frozenset(
    {
        "branchynet",
        "jei_dnn",
        "batch_exit",
        "act",
        "pondernet",
        "streaming",
        "deq",
        "flow_sampler",
        "cascade",
    }
)
"""Kinds that compile within a few seconds."""

INPUTS = 30


@pytest.mark.parametrize(
    "name", [pytest.param(k, marks=() if k in QUICK else pytest.mark.slow) for k in KINDS]
)
def test_a_kind_agrees_with_eager_on_inputs_that_take_different_paths(name: str, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    sample = load_sample(name)
    net = compile(
        sample.model.get_model(),
        sample.model.example_inputs(),
        output=tmp_path / f"{name}.dyncc",
        threads=1,
        verify=False,
    )
    result = measure(sample, net, n=INPUTS)
    assert result.wrong == []
    assert result.in_threads == []
    assert len(result.near_ties) <= 2
    assert len(result.decisions) >= 3
