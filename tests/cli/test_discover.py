"""Finding the model in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dyncc.compiler.cli.discover import discover, split_arguments
from dyncc.compiler.cli.exits import CliError, Exit
from dyncc.compiler.cli.usercode import split_entry

NET = """
class Net(nn.Module):
    def forward(self, x):
        return x
    def twice(self, x):
        return 2 * x
"""


def test_get_model_comes_first(write: Callable[..., Path]) -> None:
    write(NET + "\nmodel = Net()\ndef get_model():\n    return nn.ReLU()\n")
    target = discover("net.py")
    assert isinstance(target.model, torch.nn.ReLU)
    assert target.found == "`get_model()`"


def test_a_module_level_model_comes_second(write: Callable[..., Path]) -> None:
    write(NET + "\nmodel = nn.Sequential(Net())\n")
    assert isinstance(discover("net.py").model, torch.nn.Sequential)


def test_the_methods_of_a_model(write: Callable[..., Path]) -> None:
    write(NET + "\nnet = Net()\nmodel = {'a': net.forward, 'b': net.twice}\n")
    target = discover("net.py")
    assert isinstance(target.model, dict) and list(target.model) == ["a", "b"]
    assert type(target.network).__name__ == "Net"


def test_kernelbench(write: Callable[..., Path]) -> None:
    write(
        """
        class Model(nn.Module):
            def __init__(self, width):
                super().__init__()
                self.width = width
            def forward(self, x):
                return x
        def get_init_inputs():
            return [7]
        def get_inputs():
            return [torch.zeros(1)]
        """
    )
    assert discover("net.py").network.width == 7
    assert discover("net.py:Model").network.width == 7


def test_the_only_class_that_no_other_uses(write: Callable[..., Path]) -> None:
    write(
        """
        class Part(nn.Module):
            pass
        class Base(nn.Module):
            pass
        def make():
            return Part()
        class Net(Base):
            def __init__(self, depth=2):
                super().__init__()
                self.parts = nn.ModuleList(make() for _ in range(depth))
            def forward(self, x):
                return x
        """
    )
    target = discover("net.py")
    assert type(target.network).__name__ == "Net"
    assert target.found == "the only model class `Net`"


def test_imported_classes_do_not_count(write: Callable[..., Path]) -> None:
    write("from torch.nn import Linear, ReLU\n" + NET)
    assert type(discover("net.py").network).__name__ == "Net"


def test_two_models_are_listed_with_what_to_type(write: Callable[..., Path]) -> None:
    write(NET + "class Other(nn.Module):\n    pass\n")
    error = refused("net.py", Exit.USAGE)
    assert "several models" in error
    assert "dyncc net.py:Net" in error and "dyncc net.py:Other" in error


def test_a_class_with_arguments_shows_get_model(write: Callable[..., Path]) -> None:
    write("class Net(nn.Module):\n    def __init__(self, width, depth=1):\n        super().__init__()\n")
    error = refused("net.py", Exit.USAGE)
    assert "`Net` needs `width`" in error
    assert "return Net(width=…)" in error


def test_a_file_without_models(write: Callable[..., Path]) -> None:
    write("def helper(x):\n    return x\n")
    error = refused("net.py", Exit.USAGE)
    assert "no model found" in error and "`helper`" in error


@pytest.mark.parametrize(
    ("entry", "name"),
    [("Net", "Net"), ("Net.twice", "twice"), ("double", "double"), ("net.twice", "twice")],
)
def test_an_entry_by_name(write: Callable[..., Path], entry: str, name: str) -> None:
    write(NET + "class Other(nn.Module):\n    pass\ndef double(x):\n    return 2 * x\nnet = Net()\n")
    target = discover(f"net.py:{entry}")
    assert getattr(target.model, "__name__", type(target.model).__name__) == name


def test_a_function_without_parameters_builds_the_model(write: Callable[..., Path]) -> None:
    write(NET + "def build():\n    return Net()\n")
    assert type(discover("net.py:build").network).__name__ == "Net"


def test_a_method_of_a_class_that_the_file_builds_itself(write: Callable[..., Path]) -> None:
    write(
        """
        class Net(nn.Module):
            def __init__(self, width):
                super().__init__()
                self.width = width
            def step(self, x):
                return x
        def get_model():
            return Net(3)
        """
    )
    assert discover("net.py:Net.step").network.width == 3


def test_unknown_entries(write: Callable[..., Path]) -> None:
    write(NET)
    assert "has no `Nat`" in refused("net.py:Nat", Exit.USAGE)
    error = refused("net.py:Net.thrice", Exit.USAGE)
    assert "no method `thrice`" in error and "`twice`" in error


def test_a_model_that_is_none(write: Callable[..., Path]) -> None:
    write("def get_model():\n    return 'text'\n")
    assert "is a `str`, not a model" in refused("net.py", Exit.USAGE)


def test_a_file_inside_a_package_imports_relatively(write: Callable[..., Path]) -> None:
    write("", "pack/__init__.py", imports=False)
    write("WIDTH = 5\n", "pack/config.py", imports=False)
    write(
        "from .config import WIDTH\nclass Net(nn.ReLU):\n    width = WIDTH\n",
        "pack/net.py",
    )
    assert discover("pack/net.py").network.width == 5


def test_a_file_named_as_a_library(write: Callable[..., Path]) -> None:
    write(NET, "random.py")
    target = discover("random.py")
    assert type(target.network).__name__ == "Net"
    assert target.module.__name__ == "dyncc_user_random"


def test_neighbours_can_be_imported(write: Callable[..., Path]) -> None:
    write(NET, "neighbour_net.py")
    write("from neighbour_net import Net\nmodel = Net()\n", "main_file.py")
    assert type(discover("main_file.py").network).__name__ == "Net"


def test_an_exception_in_the_constructor_points_at_the_line(write: Callable[..., Path]) -> None:
    write(
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.width = int("wide")
            def forward(self, x):
                return x
        """
    )
    with pytest.raises(CliError) as raised:
        discover("net.py")
    assert raised.value.code is Exit.REFUSED
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.span is not None
    assert (diagnostic.span.line, diagnostic.span.column) == (7, 22)
    assert diagnostic.label.startswith("ValueError: invalid literal")


def test_an_exception_from_a_library_shows_where_it_was_raised(write: Callable[..., Path]) -> None:
    write("nn.Linear('a', 2)\n")
    with pytest.raises(CliError) as raised:
        discover("net.py")
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.span is not None and diagnostic.span.line == 3
    assert diagnostic.related[0].text == "raised here"


def test_a_syntax_error(write: Callable[..., Path]) -> None:
    write("def f(:\n    pass\n")
    with pytest.raises(CliError) as raised:
        discover("net.py")
    (diagnostic,) = raised.value.diagnostics
    assert raised.value.code is Exit.REFUSED
    assert diagnostic.message.startswith("syntax error")
    assert diagnostic.span is not None and (diagnostic.span.line, diagnostic.span.column) == (3, 7)


def test_a_script_that_exits_when_imported(write: Callable[..., Path]) -> None:
    write("import sys\nsys.exit('usage: …')\n")
    error = refused("net.py", Exit.REFUSED)
    assert "__main__" in error


def test_a_missing_package_is_named(write: Callable[..., Path]) -> None:
    write("import no_such_package_of_anyone\n")
    assert "install `no_such_package_of_anyone`" in refused("net.py", Exit.REFUSED)


@pytest.mark.parametrize("path", ["absent.py", "absent.py:Net", ".", "data.txt"])
def test_what_is_no_python_file(write: Callable[..., Path], path: str) -> None:
    write("", "data.txt", imports=False)
    refused(path, Exit.USAGE)


def test_split_entry(write: Callable[..., Path]) -> None:
    write("", "odd:name.py", imports=False)
    assert split_entry("odd:name.py") == (Path("odd:name.py"), "")
    assert split_entry("odd:name.py:Net.f") == (Path("odd:name.py"), "Net.f")
    assert split_entry("a/b.py") == (Path("a/b.py"), "")
    assert split_entry("C:\\nets\\b.py") == (Path("C:\\nets\\b.py"), "")


def test_split_arguments() -> None:
    assert split_arguments(1) == ((1,), {})
    assert split_arguments([1, 2]) == ((1, 2), {})
    assert split_arguments({"x": 1}) == ((), {"x": 1})
    assert split_arguments(([1], {"k": 2})) == ((1,), {"k": 2})


def refused(target: str, code: Exit) -> str:
    """All that is said when ``target`` is refused with ``code``."""
    with pytest.raises(CliError) as raised:
        discover(target)
    assert raised.value.code is code
    return "\n".join(
        "\n".join((diagnostic.message, *diagnostic.notes, *diagnostic.helps))
        for diagnostic in raised.value.diagnostics
    )


def test_a_network_without_forward(write: Callable[..., Path]) -> None:
    file = write(
        """
        import torch

        class Net(torch.nn.Module):
            def encode(self, x):
                return x

            def decode(self, h):
                return h + 1

        def get_model():
            return Net()
        """
    )
    for entry, name in (("", "get_model"), (":Net", "Net")):
        with pytest.raises(CliError) as caught:
            discover(f"{file}{entry}")
        (diagnostic,) = caught.value.diagnostics
        assert diagnostic.message == "`Net` has no `forward`"
        assert "`encode`, `decode`" in diagnostic.notes[0]
        assert f"{file.name}:{name}.encode" in diagnostic.helps[0]
    target = discover(f"{file}:get_model.decode")
    assert target.method == "decode" and type(target.network).__name__ == "Net"


def test_a_class_that_the_file_builds_itself(write: Callable[..., Path]) -> None:
    """Weights that `get_model()` loads are not lost because a method is asked for by its class."""
    net = "import torch\nfrom torch import nn\nclass Net(nn.Module):\n    width = 1\n"
    net += "    def forward(self, x): return x\n    def step(self, x): return x + self.width\n"
    build = "    net = Net()\n    net.width = 7\n    return net\n"
    write(net + "def get_model():\n" + build)
    for entry in ("Net", "Net.step"):
        found = discover(f"net.py:{entry}")
        assert found.network.width == 7 and found.found == f"`{entry}` of `get_model()`"
    write(net + "class Other(Net): pass\ndef get_model(): return Other()\n")
    assert type(discover("net.py:Net.step").network).__name__ == "Net"
