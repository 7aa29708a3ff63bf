"""Linear algebra on small matrices, and what PyTorch raises where they are singular."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from dyncc.compiler import compile
from dyncc.compiler.diagnostics import CompileError

Function = Callable[..., Any]
COUNT = 20


def regular(batch: tuple[int, ...], size: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(*batch, size, size, dtype=dtype) + 2 * size**0.5 * torch.eye(size, dtype=dtype)


def definite(batch: tuple[int, ...], size: int, dtype: torch.dtype) -> torch.Tensor:
    half = torch.randn(*batch, size, size, dtype=dtype)
    return half @ half.mT + torch.eye(size, dtype=dtype)


def of_any(a: torch.Tensor, b: torch.Tensor) -> list[Any]:
    """What takes any regular matrix."""
    linalg = torch.linalg
    LU, pivots = linalg.lu_factor(a)
    solved = [linalg.solve(a, b), linalg.solve(a, b[..., 0]), linalg.solve(a, b.mT, left=False)]
    solved += [linalg.lu_solve(LU, pivots, b), torch.lu_solve(b, LU, pivots)]
    inverses = [linalg.inv(a), torch.inverse(a), a.inverse(), linalg.matrix_power(a, -2)]
    factors = [LU, pivots, *linalg.lu(a), *torch.lu_unpack(LU, pivots)]
    powers = [linalg.matrix_power(a / 4, 3), a.matrix_power(0)]
    determinants = [linalg.det(a), *linalg.slogdet(a), *torch.slogdet(-a), torch.logdet(a)]
    tried = [*linalg.solve_ex(a, b), *linalg.inv_ex(a), *linalg.lu_factor_ex(a)]
    return [*solved, *inverses, *factors, *powers, *determinants, *tried]


def of_definite(a: torch.Tensor, b: torch.Tensor) -> list[Any]:
    linalg = torch.linalg
    lower, upper = linalg.cholesky(a), linalg.cholesky(a, upper=True)
    solved = [torch.cholesky_solve(b, lower), torch.cholesky_solve(b, upper, upper=True)]
    solved += [
        linalg.solve_triangular(lower, b, upper=False),
        linalg.solve_triangular(upper, b, upper=True),
    ]
    solved += [linalg.solve_triangular(upper, b.mT, upper=True, left=False)]
    solved += [linalg.solve_triangular(lower / 2, b, upper=False, unitriangular=True)]
    return [lower, upper, *solved, *linalg.cholesky_ex(a), torch.cholesky(a), a.cholesky(upper=True)]


@pytest.mark.filterwarnings("ignore:.*deprecated:UserWarning")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["f32", "f64"])
@pytest.mark.parametrize("batch", [(), (3,)], ids=["one", "batch"])
@pytest.mark.parametrize(("function", "draw"), [(of_any, regular), (of_definite, definite)])
def test_gives_what_eager_gives(
    function: Function, draw: Function, batch: tuple[int, ...], dtype: torch.dtype, tmp_path: Path
) -> None:
    torch.manual_seed(0)

    def inputs() -> tuple[torch.Tensor, torch.Tensor]:
        return draw(batch, 4, dtype), torch.randn(*batch, 4, 2, dtype=dtype)

    net = compile(function, inputs(), output=tmp_path / "net.dyncc")
    for _ in range(COUNT):
        args = inputs()
        for got, expected in zip(net(*args), function(*args), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4, equal_nan=True)


def one_and_several() -> Iterator[tuple[torch.Tensor, ...]]:
    """Matrices by kind: regular, singular by a zero or by rounding, indefinite; alone and in a batch."""
    rank_two = torch.tensor([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    thirds = torch.tensor([[3.0, 1, 2], [1, 2, 1], [5, 5, 4]])
    kinds = [torch.eye(3), torch.diag(torch.tensor([1.0, 0, 2])), rank_two, thirds, -torch.eye(3)]
    kinds += [torch.zeros(3, 3), torch.tensor([[1.0, 2, 0], [2, 1, 0], [0, 0, 1]])]
    for kind in kinds:
        yield kind, torch.stack([torch.eye(3), kind, kind])


def outcome(function: Function, *args: torch.Tensor) -> Any:
    try:
        return function(*args)
    except RuntimeError as error:
        return type(error).__name__, str(error)


RAISING: dict[str, Function] = {
    "solve": lambda a: torch.linalg.solve(a, a),
    "inv": lambda a: torch.linalg.inv(a),
    "inverse": lambda a: a.inverse(),
    "power": lambda a: torch.linalg.matrix_power(a, -1),
    "lu_factor": lambda a: torch.linalg.lu_factor(a)[0],
    "cholesky": lambda a: torch.linalg.cholesky(a),
    "old cholesky": lambda a: torch.cholesky(a),
    "inv_ex": lambda a: torch.linalg.inv_ex(a, check_errors=True)[0],
    "cholesky_ex": lambda a: torch.linalg.cholesky_ex(a, check_errors=True)[0],
    "solve_ex": lambda a: torch.linalg.solve_ex(a, a, check_errors=True)[0],
    "tensorinv": lambda a: torch.linalg.tensorinv(a, ind=1) if a.dim() == 2 else torch.linalg.inv(a),
    "tensorsolve": lambda a: torch.linalg.tensorsolve(a, a[0]) if a.dim() == 2 else torch.linalg.inv(a),
}


@pytest.mark.filterwarnings("ignore:.*deprecated:UserWarning")
@pytest.mark.parametrize("several", [False, True], ids=["one", "batch"])
@pytest.mark.parametrize("name", RAISING)
def test_raises_what_eager_raises(name: str, several: bool, tmp_path: Path) -> None:
    function = RAISING[name]
    cases = [case[several] for case in one_and_several()]
    net = compile(function, (cases[0] * 2,), output=tmp_path / "net.dyncc")
    raised = 0
    for case in cases:
        got, expected = outcome(net, case), outcome(function, case)
        if isinstance(expected, tuple):
            raised += 1
            assert got == expected
        elif torch.linalg.cond(case).max() > 1e6:  # not exactly singular: both give what rounding leaves
            assert not isinstance(got, tuple)
        else:
            torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4)
    assert raised >= 2


def caught_by_its_class(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    try:
        return torch.linalg.solve(a, b)
    except torch.linalg.LinAlgError:
        return torch.linalg.solve(a + torch.eye(3), b)


def caught_as_any(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    jitter = 1e-6
    while jitter < 100:
        try:
            factor = torch.linalg.cholesky(a + jitter * torch.eye(3))
        except RuntimeError:
            jitter = jitter * 10
        else:
            return torch.cholesky_solve(b, factor)
    return b


def by_a_helper(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    def inverses() -> list[torch.Tensor]:
        return [torch.linalg.inv(m) for m in (a, a + 1)]

    try:
        return sum(inverses()) @ b
    except RuntimeError:
        return b


def not_caught_by_another_class(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    try:
        return torch.linalg.inv(a) @ b
    except ValueError:
        return b


def told_by_info(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    factor, info = torch.linalg.cholesky_ex(a)
    return torch.cholesky_solve(b, factor) if info == 0 else torch.where(info == 2, b, -b)


def decided_on_the_result(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    found = torch.linalg.solve(a, b)
    return found * 2 if found.sum() > 0 else found - 1


CAUGHT = [
    caught_by_its_class, caught_as_any, by_a_helper, not_caught_by_another_class, told_by_info,
    decided_on_the_result,
]  # fmt: skip


@pytest.mark.parametrize("function", CAUGHT)
def test_a_program_can_catch_it(function: Function, tmp_path: Path) -> None:
    torch.manual_seed(0)
    right = torch.randn(3, 2)
    net = compile(function, (2 * torch.eye(3), right), output=tmp_path / "net.dyncc")
    for case, _ in one_and_several():
        for sign in (1, -1):
            got, expected = outcome(net, case, sign * right), outcome(function, case, sign * right)
            if isinstance(expected, tuple):
                assert got == expected
            elif torch.linalg.cond(case) < 1e6 or function is told_by_info:
                torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["f32", "f64"])
@pytest.mark.parametrize("size", [2, 3, 4, 7])
def test_singular_matrices_of_small_numbers_are_told_as_in_eager(
    size: int, dtype: torch.dtype, tmp_path: Path
) -> None:
    """Whether a pivot is exactly zero depends on the order and dtype of all roundings."""
    torch.manual_seed(size)

    def function(a: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.linalg.inv_ex(a).info, torch.linalg.lu_factor(a.mT + 40 * torch.eye(size)).pivots

    matrices = torch.randint(-4, 5, (200, size, size)).to(dtype)
    matrices[::2, -1] = 2 * matrices[::2, 0] - matrices[::2, size // 2]
    net = compile(function, (matrices,), output=tmp_path / "net.dyncc")
    for got, expected in zip(net(matrices), function(matrices), strict=True):
        assert torch.equal(got, expected)


class Kalman(torch.nn.Module):
    """A filter over a sequence; a measurement far from the prediction is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("F", torch.tensor([[1.0, 0.1], [0.0, 1.0]]))
        self.register_buffer("H", torch.tensor([[1.0, 0.0]]))
        self.register_buffer("Q", torch.eye(2) * 0.01)
        self.register_buffer("R", torch.eye(1) * 0.1)

    def forward(self, measured: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
        state, covariance, left_out = torch.zeros(2), torch.eye(2), 0
        for value in measured:
            state = self.F @ state
            covariance = self.F @ covariance @ self.F.T + self.Q
            innovation = value - self.H @ state
            spread = self.H @ covariance @ self.H.T + self.R
            if innovation @ torch.linalg.solve(spread, innovation) > 9:
                left_out += 1
                continue
            gain = covariance @ self.H.T @ torch.linalg.inv(spread)
            state = state + gain @ innovation
            covariance = (torch.eye(2) - gain @ self.H) @ covariance
        return state, covariance, left_out


def test_a_kalman_filter(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Kalman().eval()
    steps = torch.export.Dim("steps", min=2, max=64)
    net = compile(
        model, (torch.randn(8, 1),), dynamic_shapes={"measured": {0: steps}}, output=tmp_path / "net.dyncc"
    )
    for length in (2, 5, 8, 30):
        measured = torch.randn(length, 1).cumsum(0) * 2
        for got, expected in zip(net(measured), model(measured), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4)


def anderson(layer: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, int]:
    """As in the tutorial on deep equilibrium models: the mixture is solved for in every step."""
    batch, size, window = x.shape[0], x.shape[1], 4

    def step(z: torch.Tensor) -> torch.Tensor:
        return torch.tanh(z @ layer + x)

    X, F = torch.zeros(batch, window, size), torch.zeros(batch, window, size)
    X[:, 0], F[:, 0] = torch.zeros_like(x), step(torch.zeros_like(x))
    X[:, 1], F[:, 1] = F[:, 0], step(F[:, 0])
    H, y = torch.zeros(batch, window + 1, window + 1), torch.zeros(batch, window + 1, 1)
    H[:, 0, 1:] = H[:, 1:, 0] = 1
    y[:, 0] = 1
    turns = 2
    for turn in range(2, 12):
        n = min(turn, window)
        G = F[:, :n] - X[:, :n]
        H[:, 1 : n + 1, 1 : n + 1] = torch.bmm(G, G.transpose(1, 2)) + 1e-3 * torch.eye(n)[None]
        alpha = torch.linalg.solve(H[:, : n + 1, : n + 1], y[:, : n + 1])[:, 1 : n + 1, 0]
        X[:, turn % window] = (alpha[:, None] @ F[:, :n])[:, 0]
        F[:, turn % window] = step(X[:, turn % window])
        turns += 1
        difference = F[:, turn % window - 1] - X[:, turn % window - 1]
        if difference.norm() < 1e-2 * F[:, turn % window - 1].norm():
            break
    return X[:, turn % window], turns


def test_anderson_acceleration(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layer = torch.randn(6, 6) * 0.3
    net = compile(anderson, (layer, torch.randn(3, 6)), output=tmp_path / "net.dyncc")
    for scale in (0.1, 0.5, 1.0, 2.0):
        x = torch.randn(3, 6) * scale
        for got, expected in zip(net(layer, x), anderson(layer, x), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4)


def test_a_batch_of_free_size(tmp_path: Path) -> None:
    def function(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.linalg.solve(a, b), torch.linalg.solve(a[0], b), torch.linalg.inv(a)

    torch.manual_seed(0)
    count = torch.export.Dim("count", min=1, max=50)
    net = compile(
        function,
        (regular((4,), 3, torch.float32), torch.randn(4, 3, 2)),
        dynamic_shapes={"a": {0: count}, "b": {0: count}},
        output=tmp_path / "net.dyncc",
    )
    for number in (1, 2, 7):
        args = regular((number,), 3, torch.float32), torch.randn(number, 3, 2)
        for got, expected in zip(net(*args), function(*args), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4)
    singular = torch.stack([torch.eye(3), torch.eye(3), torch.zeros(3, 3)])
    assert outcome(net, singular, torch.ones(3, 3, 2)) == outcome(function, singular, torch.ones(3, 3, 2))


def test_what_is_too_large_is_refused_with_the_limit(tmp_path: Path) -> None:
    with pytest.raises(CompileError) as refused:
        compile(lambda a: torch.linalg.inv(a), (torch.eye(65) * 2,), output=tmp_path / "net.dyncc")
    (found,) = refused.value.diagnostics
    assert found.code == "DY401"
    assert re.search("up to 64 rows", str(found.notes))
