"""Lists of run-time length of dicts, named tuples and texts: filled, read, changed, returned and kept."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from dyncc.compiler import CompileError, compile

NAMES = ["cat", "dog", "cat", "bird"]
VOCABULARY = [f"word{i}" for i in range(40)]
LABELS = {3: "low", 4: "middle", 5: "high"}
Box = namedtuple("Box", ["label", "score", "corner"])


def detections(x: torch.Tensor) -> Any:
    """A list of dicts with texts that data choose; filtered, sorted and cut."""
    found = []
    for i in range(x.shape[0]):
        score = x[i].max().item()
        if score > 0.5:
            label = NAMES[int(x[i].argmax())]
            found.append({"label": label, "row": i, "score": score, "corner": x[i, :2] * 2, "kind": "box"})
    best = [each for each in found if each["score"] > 1 or each["label"] == "dog"]
    ordered = sorted(found, key=lambda each: -each["score"])
    return found, best, ordered[:2], sum(each["row"] for each in found), len(best)


def boxes(x: torch.Tensor) -> Any:
    """Named tuples, and plain ones in them."""
    found = [Box("none", 0.0, x[0])]
    for row in x:
        if row.sum() > 0:
            found.append(Box("some" if row[0] > 0 else "rest", row.sum().item(), row))
    return found, [(box.label, (box.score, "fixed", None)) for box in found if box.score < 2]


def words(x: torch.Tensor) -> Any:
    """Texts: joined, counted, looked for, compared."""
    said = []
    for value in x[:, 0].tolist():
        if value > 0:
            said.append("up" if value > 1 else "level")
        elif value < -0.5:
            said.append("down")
    known = "down" in said
    turns = said.count("up")
    last = said[-1] if said else "nothing"
    return said, " ".join(said), known, turns, last, said == ["up", "up"]


def looked_up(x: torch.Tensor) -> Any:
    ids = (x.abs() * 9).long().clamp(0, 39)
    text = [VOCABULARY[i] for i in ids[:, 0].tolist()]
    label = LABELS[int(ids[0, 1]) % 3 + 3]
    first = VOCABULARY[-1 - int(ids[0, 0])]
    return text, label, first, f"{first} is {label}", "-".join(text), x * 2 if label == "high" else x


def nested(x: torch.Tensor) -> Any:
    """Dicts in dicts, and lists in them."""
    found = []
    for row in x:
        if row[0] > 0:
            found.append(
                {"of": {"name": "row", "best": row.argmax().item()}, "ids": row[:2].long().tolist()}
            )
    total = 0
    for each in found:
        total = total + each["of"]["best"] * len(each["ids"])
    copied = [{**each["of"], "more": each["ids"]} for each in found]
    return found, total, copied


def by_keyword(x: torch.Tensor) -> Any:
    found: list[dict[str, Any]] = []
    for row in x:
        if row.mean() > 0:
            found.append(dict(scale=row.max().item(), name="a"))
        elif row.mean() < -0.2:
            found.append(dict(scale=-row.min().item(), name="b"))

    def scaled(scale: float, name: str) -> torch.Tensor:
        return x.sum() * scale if name == "a" else x.sum() - scale

    total = x.sum() * 0
    for each in found:
        total = total + scaled(**each)
        for key, value in each.items():
            if key == "scale":
                total = total + value
    return total, found[0].get("name", "none") if found else None


def changed_copy(x: torch.Tensor) -> Any:
    """A copy of an element is changed, and put back."""
    found = []
    for row in x:
        if row[0] > 0:
            found.append({"n": 0, "v": row[0].item()})
    for i in range(len(found)):
        one = dict(found[i])
        one["n"] = one["n"] + i
        found[i] = one
    return found


def numbered(x: torch.Tensor) -> Any:
    """``enumerate``, ``zip``, ``map``, ``filter`` and ``reversed`` of such a list; an item replaced."""
    found = []
    for row in x:
        if row[0] > 0:
            found.append({"n": row[0].item(), "row": row})
    total = x.sum() * 0
    for i, each in enumerate(found):
        total = total + each["row"].sum() * i
        if each["n"] > 1:
            found[i] = {**each, "n": each["n"] - 1}
    for each, row in zip(found, x, strict=False):
        total = total + each["n"] * row.max()
    doubled = [*map(lambda each: each["n"] * 2, found)]
    large = [*filter(lambda each: each["n"] > 0.5, found)]
    return total, doubled, len(large), [each["n"] for each in reversed(found)]


def needed_statically(x: torch.Tensor) -> Any:
    """A number of a dict that is needed while compiling: the look-up is a switch."""
    axis = {3: 0, 4: 1, 5: 2}[int(x[0, 0].abs() * 3) % 3 + 3]
    return x.unsqueeze(axis), (1,) * axis


FUNCTIONS = [
    needed_statically,
    detections,
    boxes,
    words,
    looked_up,
    nested,
    by_keyword,
    changed_copy,
    numbered,
]


class Net(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x)


def inputs() -> list[torch.Tensor]:
    """Float32 ``[1 to 6, 4]``, so that lists are empty, short and long."""
    generator = torch.Generator().manual_seed(7)
    sizes = (3, 1, 2, 4, 6, 5, 1, 2, 3, 4)
    return [torch.randn(n, 4, generator=generator) + shift for shift in (0.0, 0.8, -0.8) for n in sizes]


def compiled(function: Callable[[torch.Tensor], Any], folder: Path) -> Any:
    examples = [((x,), {}) for x in inputs()]
    free = ({0: Dim("n")},)
    return compile(
        Net(function), (inputs()[0],), dynamic_shapes=free, examples=examples, output=folder / "n"
    )


def assert_same(got: Any, wanted: Any) -> None:
    """Equal in structure, types, order of keys and values."""
    assert type(got) is type(wanted)
    if isinstance(wanted, dict):
        assert list(got) == list(wanted)
        for key in wanted:
            assert_same(got[key], wanted[key])
    elif isinstance(wanted, (list, tuple)):
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            assert_same(one, other)
    elif isinstance(wanted, (torch.Tensor, float)):
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)
    else:
        assert got == wanted


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_lists_of_dicts(function: Callable[[torch.Tensor], Any], tmp_path: Path) -> None:
    net = compiled(function, tmp_path)
    for x in inputs():
        assert_same(net(x), function(x))


class Diary(nn.Module):
    """What happened is kept from call to call."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.words: list[str] = []

    def forward(self, x: torch.Tensor) -> Any:
        if x.sum() > 0:
            self.events.append({"kind": "up" if x[0] > 0 else "side", "by": x.sum().item()})
            self.words.append("up")
        elif x.sum() < -1:
            self.words.append("down")
        return [*self.events], [*self.words], len(self.events)


def test_a_list_of_dicts_is_kept(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(2)
    calls = [torch.randn(3, generator=generator) for _ in range(12)]
    net = compile(Diary(), (calls[0],), output=tmp_path / "n")
    eager = Diary()
    for x in calls:
        assert_same(net(x), eager(x))


def appended_and_changed(x: torch.Tensor) -> Any:
    found = []
    for row in x:
        made = {"v": row[0].item()}
        if row[0] > 0:
            found.append(made)
        made["v"] = 1.0
    return found


def element_changed(x: torch.Tensor) -> Any:
    found = []
    for row in x:
        if row[0] > 0:
            found.append({"v": row[0].item()})
    for each in found:
        each["v"] = 2.0
    return found


def other_keys(x: torch.Tensor) -> Any:
    found: list[dict[str, float]] = []
    for row in x:
        if row[0] > 0:
            found.append({"v": row[0].item()})
        elif row[1] > 0:
            found.append({"w": row[0].item()})
    return found


@pytest.mark.parametrize(
    ("function", "code"),
    [(appended_and_changed, "DY112"), (element_changed, "DY112"), (other_keys, "DY111")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_is_not_followed_is_refused(
    function: Callable[[torch.Tensor], Any], code: str, tmp_path: Path
) -> None:
    with pytest.raises(CompileError) as raised:
        compiled(function, tmp_path)
    assert raised.value.diagnostics[0].code == code
    assert raised.value.diagnostics[0].span is not None
