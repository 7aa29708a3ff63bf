"""The page of ``dyncc bench --report``: plots of the figures, and nothing that could run or load."""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from dyncc.compiler.bench.figures import Ratio, Spread
from dyncc.compiler.bench.page import page
from dyncc.compiler.bench.results import Benchmark, Row, Standing
from dyncc.compiler.cli.app import app


def standing(name: str, failed: str = "") -> Standing:
    return Standing(name, failed, 1.5, 3.0, 0.1, 70e6, 1 << 20, {})


def row(name: str, calls: int, gain: float) -> Row:
    spreads = {
        "eager": Spread(1e-3 * gain, 9e-4 * gain, 1e-3 * gain, 1.2e-3 * gain, 2e-3 * gain),
        "dyncc": Spread(1e-3, 9e-4, 1e-3, 1.1e-3, 2e-3),
    }
    return Row(name, calls, 2.0, spreads, {"eager": Ratio(gain, gain * 0.9, gain * 1.1)})


def benchmark(paths: int = 2) -> Benchmark:
    return Benchmark(
        "a <b> & c",
        1,
        7,
        (standing("eager"), standing("dyncc"), standing("oracle", "it <cannot>")),
        row("all calls", 10, 4.0),
        tuple(row(f"{number}: 01", 5, 3.0 + number) for number in range(paths)),
        {"python": "3.11"},
    )


def test_it_shows_each_contender_and_each_path() -> None:
    text = page(benchmark())
    assert text.count("<svg") == text.count("</svg>") == 2
    assert "A call takes 1 ms, and 4.0 times as long in eager." in text
    assert text.count('class="bar own"') == 1
    assert "4.00 (3.60–4.40)" in text and "1: 01 (5 calls)" in text
    assert "oracle does not take part: it &lt;cannot&gt;" in text


def test_names_are_text_and_nothing_is_loaded() -> None:
    text = page(benchmark())
    assert "a &lt;b&gt; &amp; c" in text and "<b> & c" not in text
    assert "<script" not in text and not re.search(r"(src|href)=", text)
    assert "default-src 'none'" in text


def test_rare_paths_are_counted() -> None:
    assert "3 rarer paths are not shown." in page(benchmark(15))


def test_bars_end_inside_of_the_picture() -> None:
    widths = [float(width) for width in re.findall(r'<rect[^>]* width="([\d.]+)"', page(benchmark(5)))]
    assert widths and max(widths) <= 560


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    model = tmp_path / "model.py"
    model.write_text("import torch\nmodel = torch.nn.Linear(2, 2)\nexample_inputs = (torch.ones(1, 2),)\n")
    result = CliRunner().invoke(app, ["bench", str(model), "--report", str(tmp_path / "no" / "b.html")])
    assert result.exit_code == 2 and "there is no folder" in result.output
