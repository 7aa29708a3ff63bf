"""Weights, example inputs and dynamic sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dyncc.compiler.cli.discover import discover
from dyncc.compiler.cli.exits import CliError, Exit
from dyncc.compiler.cli.prepare import dynamic_shapes, example_call
from dyncc.compiler.cli.weights import load_weights

NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)
    def forward(self, x, k=2, *, mask=None):
        return self.layer(x)
"""


def test_example_inputs_of_the_file(write: Callable[..., Path]) -> None:
    write(NET + "def example_inputs():\n    return (torch.ones(2),), {'k': 3}\n")
    call = example_call(discover("net.py"), [], None)
    assert (len(call.args), call.kwargs, call.found) == (1, {"k": 3}, "`example_inputs()`")


def test_the_command_line_goes_first_and_is_put_in_order(write: Callable[..., Path]) -> None:
    write(NET + "def get_inputs():\n    return [torch.ones(2)]\n")
    call = example_call(discover("net.py"), ["k=5", "x=1x2:bf16", "mask=true"], None)
    tensor, k = call.args
    assert (tensor.shape, tensor.dtype, k, call.kwargs) == ((1, 2), torch.bfloat16, 5, {"mask": True})
    call = example_call(discover("net.py"), [], None)
    assert call.found == "`get_inputs()`"


def test_inputs_that_do_not_fit_the_signature(write: Callable[..., Path]) -> None:
    write(NET)
    with pytest.raises(CliError, match="unexpected keyword argument 'y'") as raised:
        example_call(discover("net.py"), ["x=1x2:f32", "y=3"], None)
    assert raised.value.code is Exit.USAGE
    assert "`(x, k=2, *, mask=None)`" in raised.value.diagnostics[0].notes[0]


def test_no_inputs_at_all_names_the_parameters(write: Callable[..., Path]) -> None:
    write(NET)
    with pytest.raises(CliError, match="no example inputs") as raised:
        example_call(discover("net.py"), [], None)
    assert "--input x=" in raised.value.diagnostics[0].helps[0]


def test_the_inputs_of_several_methods(write: Callable[..., Path]) -> None:
    write(
        NET
        + "net = Net()\nmodel = {'run': net.forward}\n"
        + "def example_inputs():\n    return {'run': (torch.ones(2),)}\n"
    )
    call = example_call(discover("net.py"), [], None)
    assert list(call.args) == ["run"] and call.kwargs == {"run": {}}
    with pytest.raises(CliError, match="several methods"):
        example_call(discover("net.py"), ["x=2:f32"], None)


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights(write: Callable[..., Path], tmp_path: Path, suffix: str, wrapped: bool) -> None:
    write(NET)
    state = {"layer.weight": torch.full((1, 2), 3.0), "layer.bias": torch.zeros(1)}
    file = tmp_path / f"w{suffix}"
    if suffix == ".safetensors":
        save_file(state, file)
    else:
        torch.save({"state_dict": state} if wrapped else state, file)
    target = discover("net.py")
    load_weights(target, file)
    assert target.network is not None
    assert target.network.get_parameter("layer.weight").tolist() == [[3.0, 3.0]]


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"layer.weight": torch.zeros(1, 2), "other": torch.zeros(1)}, ("`layer.bias`", "`other`")),
        ({"layer.weight": torch.zeros(5, 2), "layer.bias": torch.zeros(1)}, ("layer.weight", "5, 2")),
    ],
)
def test_weights_that_do_not_fit(
    write: Callable[..., Path], tmp_path: Path, state: dict[str, torch.Tensor], says: tuple[str, ...]
) -> None:
    write(NET)
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(CliError, match="do not fit `Net`") as raised:
        load_weights(discover("net.py"), tmp_path / "w.pt")
    assert raised.value.code is Exit.REFUSED
    assert all(text in str(raised.value.diagnostics[0].notes) for text in says)


class Payload:
    """An object that only pickle could bring back."""


def test_pickled_objects_are_not_loaded(write: Callable[..., Path], tmp_path: Path) -> None:
    write(NET)
    torch.save({"layer.weight": Payload()}, tmp_path / "w.pt")
    with pytest.raises(CliError, match="cannot read the weights") as raised:
        load_weights(discover("net.py"), tmp_path / "w.pt")
    assert raised.value.code is Exit.USAGE


def test_dynamic_sizes(write: Callable[..., Path]) -> None:
    write("def f(x, y, k=1):\n    return x\n")
    target = discover("net.py:f")
    call = example_call(target, ["x=2x3:f32", "y=2x3:f32"], None)
    assert dynamic_shapes(target, call, []) is None
    shapes = dynamic_shapes(target, call, ["x=0:batch,1", "y=0:batch"])
    assert shapes is not None and list(shapes) == ["x", "y"]
    assert shapes["x"][0].__name__ == shapes["y"][0].__name__ == "batch"
    assert shapes["x"][1] is torch.export.Dim.DYNAMIC
    shapes = dynamic_shapes(target, call, ["x=0:rows:1-8,1:columns:3-"])
    assert shapes is not None
    assert (shapes["x"][0].min, shapes["x"][0].max, shapes["x"][1].min) == (1, 8, 3)


@pytest.mark.parametrize("spec", ["x", "x=", "x=a", "z=0", "x=0:1b", "x=2", "x=-3", "x=0:n:8-3", "x=0:n:3"])
def test_dynamic_sizes_that_cannot_be_read(write: Callable[..., Path], spec: str) -> None:
    write("def f(x):\n    return x\n")
    target = discover("net.py:f")
    with pytest.raises(CliError) as raised:
        dynamic_shapes(target, example_call(target, ["x=2x3:f32"], None), [spec])
    assert raised.value.code is Exit.USAGE


def test_dynamic_sizes_of_the_file(write: Callable[..., Path]) -> None:
    """Where the command line has none; what it has goes first."""
    text = "from torch.export import Dim\ndef f(x):\n    return x\n"
    write(text + 'def dynamic_shapes():\n    return {"x": {0: Dim("batch")}}\n')
    target = discover("net.py:f")
    call = example_call(target, ["x=2x3:f32"], None)
    assert list(dynamic_shapes(target, call, [])["x"]) == [0]
    assert list(dynamic_shapes(target, call, ["x=1"])["x"]) == [1]
    write(text + "dynamic_shapes = ({1: Dim.AUTO},)\n")
    assert list(dynamic_shapes(discover("net.py:f"), call, [])[0]) == [1]
    write(text + "def dynamic_shapes():\n    return 3\n")
    with pytest.raises(CliError, match="must return what"):
        dynamic_shapes(discover("net.py:f"), call, [])
