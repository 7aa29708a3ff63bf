"""The page of ``dyncc bench --report``: plots of the figures, and nothing that could run or load."""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from dyncc.compiler.bench.figures import Ratio, Spread
from dyncc.compiler.bench.page import page
from dyncc.compiler.bench.render import text
from dyncc.compiler.bench.results import Benchmark, Row, Standing
from dyncc.compiler.cli.app import app


def standing(name: str, failed: str = "") -> Standing:
    return Standing(name, failed, 1.5, 3.0, 0.1, 70e6, 1 << 20, {})


def row(name: str, calls: int, gain: float, stalls: float = 1.0) -> Row:
    """``stalls``: how many times its 10th percentile the median of a call of eager is."""
    spreads = {
        "eager": Spread(
            1e-3 * gain, 9e-4 * gain, 1e-3 * gain, 1.2e-3 * gain, 2e-3 * gain, 1e-3 * gain / stalls
        ),
        "dyncc": Spread(1e-3, 9e-4, 1e-3, 1.1e-3, 2e-3, 9e-4),
    }
    return Row(name, calls, 2.0, spreads, {"eager": Ratio(gain, gain * 0.9, gain * 1.1, stalls > 3)})


def benchmark(paths: int = 2, threads: int = 1, stalls: float = 1.0, on_path: float = 1.0) -> Benchmark:
    return Benchmark(
        "a <b> & c",
        threads,
        7,
        (standing("eager"), standing("dyncc"), standing("oracle", "it <cannot>")),
        row("all calls", 10, 4.0, stalls),
        tuple(row(f"{number}: 01", 5, 3.0 + number, on_path) for number in range(paths)),
        {"python": "3.11"},
    )


def test_it_shows_each_contender_and_each_path() -> None:
    html = page(benchmark())
    assert html.count("<svg") == html.count("</svg>") == 2
    assert "A call takes 1 ms, and 4.0 times as long in eager." in html
    assert html.count('class="bar own"') == 1
    assert "4.00 (3.60–4.40)" in html and "1: 01 (5 calls)" in html
    assert "oracle does not take part: it &lt;cannot&gt;" in html


def test_ratios_of_unsteady_times_are_marked_and_warned_of() -> None:
    found = benchmark(threads=2, stalls=500)
    (warning,) = found.warnings
    assert warning == (
        "eager: the median of a call, 4 ms, is 500 times its 10th percentile, 8 µs (all calls): something "
        "else is running, or threads wait for each other. Do not rely on the ratios marked !: time again "
        "with `--threads 1`, or on a quieter machine"
    )
    assert found.json()["warnings"] == [warning]
    assert found.json()["mix"]["gains"]["eager"]["unsteady"] is True
    shown = " ".join(text(found).split())
    assert f"! {warning}" in shown and "4.00 (3.60–4.40) !" in shown and "3.00 (2.70–3.30) !" not in shown
    html = page(found)
    assert warning in html and "4.00 (3.60–4.40) !" in html and "see above" in html
    assert "times as long in eager" not in html  # no headline of it


def test_a_path_alone_may_be_unsteady() -> None:
    found = benchmark(on_path=4)
    (warning,) = found.warnings
    assert "(0: 01): something else is running. Do not" in warning and "--threads" not in warning
    assert "3.00 (2.70–3.30) !" in text(found) and "4.00 (3.60–4.40) !" in page(found)


def test_steady_times_are_not_warned_of() -> None:
    found = benchmark()
    assert found.warnings == () and found.json()["warnings"] == []
    assert "!" not in text(found) and "see above" not in page(found)


def test_names_are_text_and_nothing_is_loaded() -> None:
    html = page(benchmark())
    assert "a &lt;b&gt; &amp; c" in html and "<b> & c" not in html
    assert "<script" not in html and not re.search(r"(src|href)=", html)
    assert "default-src 'none'" in html


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
