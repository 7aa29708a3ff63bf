"""The samples, compiled, against eager on 100 inputs each: outputs, paths, consistency."""

from pathlib import Path
from typing import Any

import pytest
import torch
from samples.evaluation import SUBJECTS, Result, load_sample, measure
from samples.tables import summary

from dyncc.compiler import compile

PATHS = {
    "sdn_mobilenet": 4,
    "sdn_vgg": 5,
    "sdn_resnet": 5,
    "sdn_wideresnet": 4,
    "skipnet_ff": 16,
    "skipnet_rnn": 16,
    "blockdrop": 16,
    "captioner": 5,
    "translator": 8,
}
"""How many paths the inputs of a sample take at least: all exits, many gate patterns, many lengths."""

QUICK = "captioner"
"""The sample of the quick suite."""


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBJECTS)
def test_a_sample_agrees_with_eager_on_every_input(name: str, tmp_path: Path) -> None:
    sample = load_sample(name)
    model, example = sample.model.get_model(), sample.model.example_inputs()
    net = compile(model, example, output=tmp_path / f"{name}.dyncc", threads=1)
    result = measure(sample, net)
    print(summary([result]), "near ties:", result.near_ties)
    assert result.wrong == []
    assert result.in_threads == []
    assert result.inconsistent == []
    assert len(result.near_ties) <= 2
    assert len(result.decisions) >= PATHS[name]


def test_a_sample_agrees_with_eager_on_a_few_inputs(tmp_path: Path) -> None:
    sample = load_sample(QUICK)
    model, example = sample.model.get_model(), sample.model.example_inputs()
    net = compile(model, example, output=tmp_path / f"{QUICK}.dyncc", threads=1, verify=False)
    result = measure(sample, net, n=8)
    assert result.wrong == []
    assert result.in_threads == []
    assert result.inconsistent == []
    assert len(result.decisions) >= 2


def test_a_wrong_output_is_noticed() -> None:
    from samples.evaluation import differences

    result = Result("x", 1, 1)
    expected = {"y": torch.ones(2), "n": [1, 2.0]}
    near = {"y": torch.ones(2) + 1e-4, "n": [1, 2.0]}
    assert list(differences(near, expected, "output", result)) == []
    assert result.largest_error == pytest.approx(1e-4, rel=0.01)
    for wrong in (
        {"y": torch.ones(2) + 0.01, "n": [1, 2.0]},
        {"y": torch.ones(2), "n": [2, 2.0]},
        {"y": torch.ones(2), "n": [1, 2]},
        {"y": torch.ones(2), "n": [1]},
        {"y": torch.ones(1, 2), "n": [1, 2.0]},
        {"n": [1, 2.0], "y": torch.ones(2)},
    ):
        assert list(differences(wrong, expected, "output", result))
