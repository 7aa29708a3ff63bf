"""What PyTorch raises for sizes that are known only when the network runs: as in eager, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dyncc.compiler import compile
from dyncc.compiler.diagnostics import CompileError


def third_or_none(x: torch.Tensor) -> torch.Tensor:
    kept = x[x > 0]
    try:
        return kept[2]
    except IndexError:
        return torch.tensor(-1.0)


def last_or_none(x: torch.Tensor) -> torch.Tensor:
    kept = x[x > 0]
    try:
        return kept[-1] * 2
    except IndexError:
        return torch.tensor(-1.0)


def only_one(x: torch.Tensor) -> float:
    kept = x[x > 0]
    try:
        return kept.item()
    except RuntimeError:
        return -1.0


def only_one_as_truth(x: torch.Tensor) -> int:
    try:
        return 1 if x[x > 1] else 2
    except RuntimeError:
        return 3


def adds_and_multiplies(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    kept = x[x > 0]
    return kept + x[:3], kept * x[:3]


FUNCTIONS: dict[str, Callable[[torch.Tensor], Any]] = {
    "index": third_or_none,
    "index from the end": last_or_none,
    "item": only_one,
    "truth": only_one_as_truth,
    "item, uncaught": lambda x: x[x > 1].item(),
    "float, uncaught": lambda x: float(x[x > 1]),
    "truth, uncaught": lambda x: x if x[x > 1] else -x,
    "range, uncaught": lambda x: [i + x for i in range(x[x > 1].long())],
    "index of a list, uncaught": lambda x: [x, -x, x + 1, x + 2, x + 3][x[x > 1].long()],
    "several, uncaught": lambda x: float(x) if x.sum() > 5 else x,
    "range of a float, uncaught": lambda x: list(range(x[0])) if x.sum() > 5 else x,
    "of two axes": lambda x: x.view(4, 1)[x > 1].item(),
    "float of two axes, uncaught": lambda x: float(x.view(4, 1)[x > 1]),
    "truth of two unknown axes, uncaught": lambda x: x if x[x > 1][:, None] * x[x > 1] else -x,
    "the same size twice": adds_and_multiplies,
}
EXAMPLES = {"the same size twice": [1.0, 2, 3, -1]}
"""What these take; the others take two positive numbers, one of them above one."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_raises_what_eager_raises(name: str, tmp_path: Path) -> None:
    function = FUNCTIONS[name]
    net = compile(
        function, (torch.tensor(EXAMPLES.get(name, [1.0, 2, -1, -1])),), output=tmp_path / "net.dyncc"
    )
    for positive in range(5):
        x = torch.where(torch.arange(4) < positive, 1.0, -1.0) * torch.tensor([1.0, 2, 3, 4])
        try:
            expected = function(x)
        except Exception as error:
            with pytest.raises(type(error) if "uncaught" in name else RuntimeError) as raised:
                net(x)
            if "uncaught" in name:  # (else the engine's own error)
                assert (type(raised.value), str(raised.value)) == (type(error), str(error))
        else:
            torch.testing.assert_close(net(x), expected)


def argmax_of_none(x: torch.Tensor) -> torch.Tensor:
    kept = x[x > 0]
    try:
        return kept.argmax()
    except IndexError:
        return torch.tensor(-1)


def halves(x: torch.Tensor) -> torch.Tensor:
    kept = x[x > 0]
    try:
        return kept.view(2, -1).sum(0)
    except RuntimeError:
        return kept


def added(x: torch.Tensor) -> torch.Tensor:
    kept = x[x > 0]
    try:
        return kept + x[:3]
    except RuntimeError:
        return kept


def best_two(x: torch.Tensor) -> torch.Tensor:
    kept = x[x > 0]
    try:
        return kept.topk(2).values
    except Exception:
        return kept


def by_a_helper(x: torch.Tensor) -> torch.Tensor:
    try:
        return (lambda kept: kept.max())(x[x > 0])
    except RuntimeError:
        return x.max()


def element_of_a_row(x: torch.Tensor) -> torch.Tensor:
    kept = x.view(2, 2)[x[:2] > 0]
    try:
        return kept[1, 0]
    except IndexError:
        return x.max()


def halved_rows(x: torch.Tensor) -> torch.Tensor:
    kept = x[x > 0]
    try:
        return kept.reshape(kept.shape[0] // 2, 2)
    except RuntimeError:
        return kept


def by_a_number(x: torch.Tensor) -> torch.Tensor:
    kept = x[x > 0]
    try:
        return kept.reshape(int(x[0]), -1)
    except RuntimeError:
        return kept


@pytest.mark.parametrize(
    ("function", "call"),
    [
        (halved_rows, "reshape"), (by_a_number, "reshape"),
        (argmax_of_none, "argmax"), (halves, "view"), (added, "add"), (best_two, "topk"),
        (by_a_helper, "max"), (element_of_a_row, "__getitem__"),
    ],
)  # fmt: skip
def test_what_depends_on_a_size_and_may_be_caught_is_refused(
    function: Callable[[torch.Tensor], torch.Tensor], call: str, tmp_path: Path
) -> None:
    with pytest.raises(CompileError) as refused:
        compile(function, (torch.tensor([1.0, 2, 3, -1]),), output=tmp_path / "net.dyncc")
    (found,) = refused.value.diagnostics
    assert found.code == "DY107"
    assert call in found.message


def test_what_no_size_makes_fail_is_compiled(tmp_path: Path) -> None:
    def function(x: torch.Tensor) -> Any:
        kept = x[x > 0]
        try:
            rows = kept.reshape((1, *kept.shape)).view(kept.shape[0], 1)  # of sizes that always fit
            return (
                (kept.relu() + 1).sum(),
                torch.cat([kept, x]),
                kept[:2].mean(),
                kept.sort().values,
                rows.T,
            )
        except RuntimeError:
            return x

    net = compile(function, (torch.tensor([1.0, 2, 3, -1]),), output=tmp_path / "net.dyncc")
    for x in (torch.tensor([-1.0, -1, -1, -1]), torch.tensor([1.0, -1, 2, 0])):
        torch.testing.assert_close(net(x), function(x), equal_nan=True)


def grown_from_nothing(x: torch.Tensor) -> torch.Tensor:
    out, total = torch.empty(0), x.abs().sum()
    while total > 1:
        out = torch.cat([out, x[None]])  # PyTorch passes over what is empty and of one axis
        total = total / 2
    return out


def test_an_empty_tensor_is_concatenated_with_those_of_another_rank(tmp_path: Path) -> None:
    net = compile(grown_from_nothing, (torch.tensor([1.0, 2, 3, -1]),), output=tmp_path / "net.dyncc")
    for scale in (0.01, 0.2, 1, 4):
        x = torch.tensor([1.0, 2, 3, -1]) * scale
        torch.testing.assert_close(net(x), grown_from_nothing(x))


class _Stop(Exception):
    pass


def _in_a_named_handler(x: torch.Tensor, table: torch.Tensor, ids: torch.Tensor) -> Any:
    try:
        if x.sum() > 0:
            raise _Stop("positive")
        return x
    except _Stop as stop:
        return table[ids].sum(0) * len(stop.args)


def _of_other_kinds(x: torch.Tensor, table: torch.Tensor, ids: torch.Tensor) -> Any:
    try:
        if x.sum() > 0:
            raise _Stop
        return table[ids].sum(0)
    except (_Stop, KeyError):
        return x


def _of_its_kind(x: torch.Tensor, table: torch.Tensor, ids: torch.Tensor) -> Any:
    try:
        return table[ids].sum(0)
    except (KeyError, IndexError):
        return x


def _outside_of_a_named_handler(x: torch.Tensor, table: torch.Tensor, ids: torch.Tensor) -> Any:
    try:
        try:
            if x.sum() > 0:
                raise _Stop
            return x
        except _Stop as stop:
            return table[ids].sum(0) * (1 + len(stop.args))
    except IndexError:
        return x


ARGUMENTS = torch.ones(3), torch.randn(4, 3), torch.tensor([1, 2])


@pytest.mark.parametrize("function", [_in_a_named_handler, _of_other_kinds])
def test_what_nothing_here_catches_is_compiled(function: Callable[..., Any], tmp_path: Path) -> None:
    net = compile(function, ARGUMENTS, output=tmp_path / "net.dyncc")
    for x in (torch.ones(3), -torch.ones(3)):
        torch.testing.assert_close(net(x, *ARGUMENTS[1:]), function(x, *ARGUMENTS[1:]))


@pytest.mark.parametrize("function", [_of_its_kind, _outside_of_a_named_handler])
def test_what_may_be_caught_is_refused(function: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="DY107"):
        compile(function, ARGUMENTS, output=tmp_path / "net.dyncc")
