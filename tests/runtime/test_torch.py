"""torch tensors as arguments: taken without a copy, given back as torch tensors."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch
from tests.runtime.cases import FOLDER, read_case
from tests.runtime.fake_engine import fake_net

from dyncc.runtime import InputError, Net
from dyncc.runtime import program as p
from dyncc.runtime.values import narrow_to_bfloat16, widen_bfloat16


def identity_net(dtype: str = "float32", written: bool = False) -> Net:
    """``forward(x)`` returns x, f(x) and the number in its first element; f is ``double``."""
    of = p.TensorType(dtype, ("s0",))
    one = p.TensorType(dtype, ())
    block = p.Block(
        "b",
        (p.Value("x", of),),
        (
            p.Compute("double", (p.Ref("x"),), (p.Value("y", of), p.Value("first", one))),
            p.HostOp("item", (p.Ref("first"),), p.Value("n", p.ScalarType("float"))),
        ),
        p.Return(
            p.Node("tuple", (p.Leaf(p.Ref("x")), p.Leaf(p.Ref("y")), p.Leaf(p.Ref("n")))),
            (p.Write("x", p.Ref("y")),) if written else (),
        ),
    )
    parameter = p.Parameter("x", "positional", p.Input("x", of))
    method = p.Method("forward", (parameter,), (p.Entry("b", ("x",)),))
    program = p.Program("Net", {"forward": method}, (p.State(),), {"b": block}, {"double": "double"})
    return fake_net(program, {"double": double_bfloat16 if dtype == "bfloat16" else double})


def double(x: np.ndarray) -> Any:
    return x * 2, x[0]


def double_bfloat16(x: np.ndarray) -> Any:
    assert x.dtype == np.uint16
    return narrow_to_bfloat16(widen_bfloat16(x) * 2), x[:1].reshape(())


def test_torch_in_torch_out() -> None:
    x = torch.arange(4.0)
    same, y, n = identity_net()(x)
    assert isinstance(y, torch.Tensor)
    assert torch.equal(y, x * 2)
    assert same.data_ptr() == x.data_ptr()
    assert n == 0.0
    assert type(n) is float


def test_numpy_stays_numpy() -> None:
    _, y, _ = identity_net()(np.arange(4, dtype=np.float32))
    assert type(y) is np.ndarray


def test_views_and_strides() -> None:
    x = torch.arange(8.0)[::2]
    _, y, _ = identity_net()(x)
    assert torch.equal(y, x * 2)


def test_gradients() -> None:
    net = identity_net()
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(InputError, match=r"'x' requires a gradient.*torch.no_grad\(\).*x.detach\(\)"):
        net(x)
    with torch.no_grad():
        _, y, _ = net(x)
    assert not y.requires_grad
    net(x.detach())


def test_other_tensors() -> None:
    net = identity_net()
    with pytest.raises(InputError, match=r"is on meta, where the program does not run"):
        net(torch.ones(3, device="meta"))
    with pytest.raises(InputError, match=r"pass x\.to_dense\(\)"):
        net(torch.ones(3).to_sparse())
    with pytest.raises(
        InputError, match=r"expected float32\[s0\], got torch float64\[3\]: pass x.to\(torch"
    ):
        net(torch.ones(3, dtype=torch.float64))


def test_conjugates_are_resolved() -> None:
    x = torch.tensor([1 + 2j, 3 - 1j]).conj()
    same, y, n = identity_net("complex64")(x)
    assert torch.equal(y, x * 2)
    assert torch.equal(same, x)
    assert n == 1 - 2j


def test_writes_reach_the_tensor() -> None:
    base = torch.zeros(6)
    x = base[::2]
    x += torch.arange(1.0, 4.0)
    old, y, _ = identity_net(written=True)(x)
    assert torch.equal(base, torch.tensor([2.0, 0, 4, 0, 6, 0]))
    assert torch.equal(old, torch.arange(1.0, 4.0))
    assert torch.equal(y, x)


def test_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ml_dtypes", raising=False)
    net = identity_net("bfloat16")
    x = torch.tensor([1.5, 2.25, -3.0], dtype=torch.bfloat16)
    same, y, n = net(x)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, x * 2)
    assert torch.equal(same, x)
    assert n == 1.5
    bits = x.view(torch.int16).numpy().view(np.uint16)
    _, array, n = net(bits)
    assert array.dtype == np.uint16
    assert n == 1.5
    with pytest.raises(InputError, match="expected bfloat16"):
        net(torch.ones(3))


def test_bfloat16_of_ml_dtypes() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = np.array([1.5, 2.25], ml_dtypes.bfloat16)
    _, y, n = identity_net("bfloat16")(x)
    assert y.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(y.astype(np.float32), [3.0, 4.5])
    assert n == 1.5


def test_bfloat16_is_rounded_as_torch_rounds() -> None:
    x = torch.cat([torch.randn(1000), torch.tensor([torch.inf, -torch.inf, 0.0, 3.4e38, 1e-40])])
    ours = narrow_to_bfloat16(x.numpy())
    theirs = x.to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(widen_bfloat16(ours), x.to(torch.bfloat16).float().numpy())
    assert np.isnan(widen_bfloat16(narrow_to_bfloat16(np.array([np.nan], np.float32)))).all()


def test_lists_and_numbers_pass_through() -> None:
    net = fake_net(read_case(FOLDER / "decode.program"), DECODE)
    ids = net(torch.zeros(1, 3, 8, 8), 3)
    assert torch.equal(ids, torch.tensor([[7], [7], [7]]))
    with pytest.raises(ValueError, match="nothing to say"):
        net(torch.zeros(1, 3, 8, 8), 0)


DECODE = {
    "encode": lambda image: (np.zeros((1, 64), np.float32), np.array([1])),
    "step": lambda h, token: (h, np.array([7])),
}
