"""Operations that need a least size, on sizes that data decide.

While compiling a small number stands for such a size. That the operation raises for it says nothing of
others: the program raises there where eager does, or it is refused, but never for all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from dyncc.compiler.check.compare import REFERENCE, compare_outcomes, outcome
from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import specialize

NEED_FORTY: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "topk": lambda s: s.topk(40)[0],
    "kthvalue": lambda s: s.kthvalue(40)[0],
    "narrow": lambda s: s.narrow(0, 10, 30),
    "unfold": lambda s: s.unfold(0, 40, 1),
    "average pool": lambda s: F.avg_pool1d(s[None, None], 40, 1),
    "largest pool": lambda s: F.max_pool1d(s[None, None], 40, 1),
    "largest pool, dilated": lambda s: F.max_pool1d(s[None, None], 4, 1, dilation=13),
    "convolution, dilated": lambda s: F.conv1d(s[None, None], torch.ones(1, 1, 4), dilation=13),
    "convolution": lambda s: F.conv1d(s[None, None], torch.ones(1, 1, 40)),
    "index": lambda s: s[39],
    "view of a slice": lambda s: s[:40].view(8, 5),
    "reflection": lambda s: F.pad(s[None], (39, 0), mode="reflect"),
    "negative padding": lambda s: F.pad(s, (-39, 0)),
    "split": lambda s: s.split([40, s.shape[0] - 40])[1],
    "sum with a tensor": lambda s: s[:40] + torch.ones(40),
}
REFUSED = {"largest pool", "largest pool, dilated", "negative padding"}
"""Their kernels take numbers alone for sizes."""


def program(operation: Callable[[torch.Tensor], torch.Tensor], guarded: bool) -> Callable[[Any], Any]:
    def if_long(x: torch.Tensor) -> torch.Tensor:
        kept = x[x > 0.0]
        if len(kept) > 40:
            kept = operation(kept)
        return kept * 2

    def anyhow(x: torch.Tensor) -> torch.Tensor:
        kept = x[x > 0.0]
        if x.sum() > 1000:
            kept = kept * 2
        return operation(kept) * 2

    return if_long if guarded else anyhow


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("name", NEED_FORTY)
def test_it_raises_where_eager_does(name: str, guarded: bool) -> None:
    function = program(NEED_FORTY[name], guarded)
    sizes = ({0: torch.export.Dim("n", min=1, max=500)},)
    try:
        recorded = specialize(function, (torch.linspace(-1, 1, 8),), dynamic_shapes=sizes)
    except CompileError as error:
        assert error.diagnostics[0].code == "DY131"
        assert not guarded or name in REFUSED
        return
    interpreter = Interpreter(recorded.program, recorded.weights)
    (method,) = recorded.program.methods
    for count in (4, 20, 82, 84, 100, 300):
        call = torch.linspace(-1, 1, count)
        expected = outcome(function, (call,), {})
        found = outcome(lambda x: interpreter.run(method, x), (call.clone(),), {})
        assert not compare_outcomes(expected, found, REFERENCE).differences, count
