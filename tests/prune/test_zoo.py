"""The architectures of the coverage table, where the libraries that have them are installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.prune import zoo
from tests.prune.coverage import rows


@pytest.fixture
def operators() -> Iterator[None]:
    """torchvision's operators are declared, so that a build for another torch can be imported."""
    library = zoo.declare_operators()
    yield
    library._destroy()


@pytest.mark.zoo
@pytest.mark.slow
@pytest.mark.parametrize("name", [*zoo.STATIC, *zoo.DYNAMIC])
@pytest.mark.usefixtures("operators")
def test_architecture(name: str) -> None:
    for package in ("torchvision", "timm", "transformers"):
        pytest.importorskip(package)
    ((_, report, _),) = rows([name])
    assert report.error is not None and report.error < 1e-4
    assert report.after.parameters < 0.5 * report.before.parameters
