"""The report of a compile: ``report.html`` for people, ``report.json`` for ``dyncc inspect``.

In the order in which data passes: :mod:`~dyncc.compiler.report.observe` runs calls,
:mod:`~dyncc.compiler.report.collect` makes the facts, :mod:`~dyncc.compiler.report.page` shows them, its
picture laid out by :mod:`~dyncc.compiler.report.layout`. This module imports neither onnx nor torch.
"""

from __future__ import annotations

REPORT = "report.html"
FACTS = "report.json"
