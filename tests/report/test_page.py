"""The page: whole, offline, escaped, the same each time, and never in the way of a compile."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from tests.report.chains import exits, gates
from tests.report.hostile import Hostile
from tests.report.nets import Exits

from dyncc.compiler import compile
from dyncc.compiler.report import FACTS, REPORT, write
from dyncc.compiler.report.facts import CheckFacts, Facts, Fixed, NotChecked, PassFacts
from dyncc.compiler.report.page import page
from dyncc.runtime import load

VOID = {"meta", "input", "br", "img", "link", "hr"}


class Balance(HTMLParser):
    """Collects tags, and what is closed that is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.faults: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(text: str) -> Balance:
    parser = Balance()
    parser.feed(text)
    parser.close()
    return parser


def compiled(model: torch.nn.Module, folder: Path, **options: object) -> Path:
    path = folder / "net.dyncc"
    compile(model.eval(), (torch.full((1, 4), -1.0),), output=path, **options)  # type: ignore[arg-type]
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(Exits(), tmp_path_factory.mktemp("page"))


@pytest.mark.parametrize("facts", [gates(54), exits(9)], ids=["gates", "exits"])
def test_tags_are_balanced(facts: Facts) -> None:
    found = read(page(facts))
    assert found.faults == [] and found.open == []


def test_the_page_of_a_compile(bundle: Path) -> None:
    text = (bundle / REPORT).read_text()
    found = read(text)
    assert found.faults == [] and found.open == []
    shown = "".join(found.text)
    for part in (
        "if x[0, 0] > 0",
        "true · never",
        "return self.first(x), 0",
        "What a path costs",
        "onnxruntime",
    ):
        assert part in shown
    assert "Never taken" in shown


def test_nothing_is_loaded_from_elsewhere(bundle: Path) -> None:
    text = (bundle / REPORT).read_text()
    assert not re.search(r"https?://|url\(|@import|<link", text)
    assert not {"src", "href", "srcset", "action", "data"} & {name for name, _ in read(text).attributes}
    assert "default-src 'none'" in text


def test_what_passes_checks_and_fixed_values_say() -> None:
    facts = replace(
        gates(2),
        passes=(PassFacts("fold-it", True, ("graph `a<b`: 3 → 2",)), PassFacts("idle", False, ())),
        fixed=(Fixed("`self.mode`", "'<i>'", "net.py:2"),),
        checks=CheckFacts(
            5, 6, (NotChecked("net.py:3", "when it is <true>", "no & way"),), 1e-6, ("a tie",)
        ),
        pruning=("4 of 8 weights are left",),
    )
    found = read(page(facts))
    shown = "".join(found.text)
    assert found.faults == []
    for part in (
        "fold-it",
        "a<b",
        "Nothing to do for idle",
        "'<i>'",
        "when it is <true>",
        "no & way",
        "a tie",
    ):
        assert part in shown
    assert "5 of 6 ways" in shown and "1.0e-06" in shown and "4 of 8 weights are left" in shown


def test_no_path_of_the_machine(bundle: Path) -> None:
    for name in (REPORT, FACTS):
        text = (bundle / name).read_text()
        assert str(Path(__file__).parent) not in text and str(bundle.parent) not in text


def test_what_the_user_wrote_is_escaped(tmp_path: Path) -> None:
    path = compiled(Hostile(), tmp_path, command="dyncc '<script>alert(5)</script>'")
    found = read((path / REPORT).read_text())
    assert found.faults == [] and found.open == []
    assert found.tags.count("script") == 1 and "img" not in found.tags and found.tags.count("title") >= 1
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    shown = "".join(found.text)
    for number in (1, 3, 4, 5):
        assert f"<script>alert({number})</script>" in shown


def test_the_same_program_gives_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    again = compiled(Exits(), tmp_path)
    for name in (REPORT, FACTS):
        assert (again / name).read_bytes() == (bundle / name).read_bytes()


def test_a_chain_of_54_gates_is_small(tmp_path: Path) -> None:
    assert len(page(gates(54))) < 600_000


def test_the_runtime_does_not_look_at_it(tmp_path: Path) -> None:
    path = compiled(Exits(), tmp_path)
    (path / REPORT).write_text("edited")
    (path / FACTS).unlink()
    _, index = load(path)(torch.full((1, 4), -1.0))
    assert index == 2


def test_it_can_be_left_out(tmp_path: Path) -> None:
    path = compiled(Exits(), tmp_path, report=False)
    assert not (path / REPORT).exists() and not (path / FACTS).exists()
    compiled(Exits(), tmp_path)  # over the one without
    assert (path / REPORT).exists()


def _broken(facts: Facts) -> str:
    raise RuntimeError("no page today")


def test_a_page_that_fails_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "page", _broken)
    monkeypatch.delenv(write.STRICT)
    net = compile(Exits().eval(), (torch.zeros(1, 4),), output=tmp_path / "net.dyncc")
    assert [each.message for each in net.report.warnings] == [
        "the report could not be made (RuntimeError: no page today); the bundle is whole without it"
    ]
    assert not (tmp_path / "net.dyncc" / FACTS).exists()
    assert load(tmp_path / "net.dyncc")(torch.ones(1, 4))[1] == 0


def test_in_tests_it_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "page", _broken)
    with pytest.raises(RuntimeError, match="no page today"):
        compile(Exits().eval(), (torch.zeros(1, 4),), output=tmp_path / "net.dyncc")
    assert not (tmp_path / "net.dyncc").exists()
