"""Programs around models of installed libraries, compiled and compared with eager on several inputs."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from samples.evaluation import Result, differences
from tests.prune import zoo

from dyncc.compiler import compile

HERE = Path(__file__).parents[2] / "samples" / "libraries"
Inputs = Callable[[torch.Generator], tuple[Any, ...]]


def tokens(most: int, length: int) -> Inputs:
    return lambda generator: (torch.randint(2, most, (1, length), generator=generator),)


def masked_tokens(dtype: torch.dtype) -> Inputs:
    def make(generator: torch.Generator) -> tuple[Any, ...]:
        mask = torch.ones(1, 8, dtype=dtype)
        mask[:, int(torch.randint(3, 9, (), generator=generator)) :] = 0
        return torch.randint(0, 60, (1, 8), generator=generator), mask

    return make


def pictures(generator: torch.Generator) -> tuple[Any, ...]:
    colour, contrast = torch.randn(2, 1, 3, 1, 1, generator=generator) * 2
    return (torch.randn(1, 3, 32, 32, generator=generator) * contrast + colour,)


PROGRAMS: dict[str, tuple[str, Inputs]] = {
    "bert_early_exit": ("transformers", masked_tokens(torch.float32)),
    "bert_whole": ("transformers", masked_tokens(torch.int64)),
    "gpt2_greedy": ("transformers", tokens(40, 4)),
    "mixtral_hf": ("transformers", tokens(40, 4)),
    "timm_gated": ("timm", pictures),
    "timm_vit_gate": ("timm", pictures),
    "torchvision_gated": ("torchvision", pictures),
}
"""The library that each needs, and what makes its inputs."""


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"dyncc_library_{name}", HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def operators() -> Iterator[None]:
    """torchvision's operators are declared, so that a build for another torch can be imported."""
    library = zoo.declare_operators()
    yield
    library._destroy()


@pytest.mark.slow
@pytest.mark.zoo
@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.usefixtures("operators")
def test_a_program_on_a_library_agrees_with_eager(name: str, tmp_path: Path) -> None:
    library, inputs = PROGRAMS[name]
    try:
        __import__(library)
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"{library} cannot be imported: {error}")
    from dyncc.runtime import Path as Trace

    program = load(name)
    model = program.get_model()
    net = compile(model, program.example_inputs(), output=tmp_path / "x.dyncc", threads=1, verify=False)
    generator = torch.Generator().manual_seed(0)
    result, ways = Result(name, 20, len(net.program.blocks)), set()
    for i in range(20):
        args = inputs(generator)
        with torch.no_grad():
            expected = model(*args)
        trace = Trace()
        actual = net(*args, trace=trace)
        ways.add(tuple(trace.decisions(net.program)))
        result.wrong += differences(actual, expected, f"input {i}", result)
    assert result.wrong == []
    assert len(ways) >= 2


def test_every_program_on_a_library_is_tested() -> None:
    assert {path.stem for path in HERE.glob("*.py")} == set(PROGRAMS)
