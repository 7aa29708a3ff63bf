"""Linear algebra that raises on data: the operator that gives ``info``, and a decision on that.

What PyTorch raises where a matrix is singular, or not positive-definite, is raised by these definitions,
in the same words, so that the program can catch it. In eager the checks put them in the place of PyTorch's
functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from dyncc.compiler.specialize.values import is_scalar


def failed(info: Any, name: Any, raising: Any) -> Any:
    """Raise what PyTorch raises for LAPACK's ``info`` of one matrix or of several."""
    if info.dim() == 0:
        number = info.item()
        if number != 0:
            raising(name, number)
    elif (info != 0).any():
        # without looking anything up, or the maximum of what may be nothing: that could raise
        numbers = info.reshape(-1)
        found = (numbers != 0).to(torch.int64).cumsum(0)
        number = torch.where((found == 1) & (numbers != 0), numbers, 0).sum()
        raising(f"{name}: (Batch element {(found == 0).sum().item()})", number.item())


def no_inverse(name: Any, number: Any) -> Any:
    raise torch.linalg.LinAlgError(
        f"{name}: The diagonal element {number} is zero, the inversion could not be completed because the "
        "input matrix is singular."
    )


def no_solution(name: Any, number: Any) -> Any:
    raise torch.linalg.LinAlgError(f"{name}: The solver failed because the input matrix is singular.")


def not_definite(name: Any, number: Any) -> Any:
    raise torch.linalg.LinAlgError(
        f"{name}: The factorization could not be completed because the input is not positive-definite (the "
        f"leading minor of order {number} is not positive-definite)."
    )


def no_factors(name: Any, number: Any) -> Any:
    raise RuntimeError(
        f"{name}: U[{number},{number}] is zero and using it on lu_solve would result in a division by "
        "zero. If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
        "linalg.lu_factor_ex(A, pivot)"
    )


def solve(A: Any, B: Any, *, left: Any = True) -> Any:
    result, info = torch.linalg.solve_ex(A, B, left=left)
    failed(info, "torch.linalg.solve", no_solution)
    return result


def solve_ex(A: Any, B: Any, *, left: Any = True, check_errors: Any = False) -> Any:
    found = torch.linalg.solve_ex(A, B, left=left)
    failed(found.info, "torch.linalg.solve_ex", no_solution)
    return found


def tensorsolve(A: Any, B: Any, dims: Any = None) -> Any:
    if dims is not None:
        for axis in sorted(dim % A.dim() for dim in dims):
            A = A.movedim(axis, -1)
    shape = A.shape[B.dim() :]
    return solve(A.reshape(B.numel(), -1), B.reshape(-1)).reshape(shape)


def inv(A: Any) -> Any:
    result, info = torch.linalg.inv_ex(A)
    failed(info, "linalg.inv", no_inverse)
    return result


def old_inverse(input: Any) -> Any:
    return inv(input)


def inv_ex(A: Any, *, check_errors: Any = False) -> Any:
    found = torch.linalg.inv_ex(A)
    failed(found.info, "linalg.inv_ex", no_inverse)
    return found


def tensorinv(A: Any, ind: Any = 2) -> Any:
    shape = A.shape[ind:] + A.shape[:ind]
    result, info = torch.linalg.inv_ex(A.reshape(A.shape[:ind].numel(), -1))
    failed(info, "inv", no_inverse)
    return result.reshape(shape)


def cholesky(A: Any, *, upper: Any = False) -> Any:
    result, info = torch.linalg.cholesky_ex(A, upper=upper)
    failed(info, "linalg.cholesky", not_definite)
    return result


def old_cholesky(input: Any, upper: Any = False) -> Any:
    result, info = torch.linalg.cholesky_ex(input.mT if upper else input)
    failed(info, "cholesky", not_definite)
    return result.mT if upper else result


def cholesky_ex(A: Any, *, upper: Any = False, check_errors: Any = False) -> Any:
    found = torch.linalg.cholesky_ex(A, upper=upper)
    failed(found.info, "linalg.cholesky_ex", not_definite)
    return found


def lu_factor(A: Any, *, pivot: Any = True) -> Any:
    LU, pivots, info = torch.linalg.lu_factor_ex(A, pivot=pivot)
    failed(info, "torch.linalg.lu_factor", no_factors)
    return torch.return_types.linalg_lu_factor((LU, pivots))


def lu_factor_ex(A: Any, *, pivot: Any = True, check_errors: Any = False) -> Any:
    found = torch.linalg.lu_factor_ex(A, pivot=pivot)
    failed(found.info, "torch.linalg.lu_factor_ex", no_factors)
    return found


def matrix_power(A: Any, n: Any) -> Any:
    return torch.linalg.matrix_power(inv(A), -n)


def old_matrix_power(input: Any, n: Any) -> Any:
    return matrix_power(input, n)


_LINALG = torch.linalg
_TENSOR = torch.Tensor
_ALWAYS: dict[Any, Callable[..., Any]] = {
    _LINALG.solve: solve, _LINALG.tensorsolve: tensorsolve, _LINALG.tensorinv: tensorinv,
    _LINALG.inv: inv, torch.inverse: old_inverse, _TENSOR.inverse: old_inverse,
    _LINALG.cholesky: cholesky, torch.cholesky: old_cholesky, _TENSOR.cholesky: old_cholesky,
    _LINALG.lu_factor: lu_factor,
}  # fmt: skip
_CHECKED: dict[Any, Callable[..., Any]] = {
    _LINALG.solve_ex: solve_ex, _LINALG.inv_ex: inv_ex, _LINALG.cholesky_ex: cholesky_ex,
    _LINALG.lu_factor_ex: lu_factor_ex,
}  # fmt: skip
"""Functions that raise where they are told to check."""
_POWERS: dict[Any, Callable[..., Any]] = {
    _LINALG.matrix_power: matrix_power, torch.matrix_power: old_matrix_power,
    _TENSOR.matrix_power: old_matrix_power,
}  # fmt: skip
FUNCTIONS = frozenset((*_ALWAYS, *_CHECKED, *_POWERS))
"""The functions of PyTorch that have a definition here, at least for some arguments."""
METHODS = {name: getattr(_TENSOR, name) for name in ("inverse", "cholesky", "matrix_power")}
"""Those that are methods of tensors."""
INTERPRETED = (
    failed, no_inverse, no_solution, not_definite, no_factors, *_ALWAYS.values(), *_CHECKED.values(),
    *_POWERS.values(),
)  # fmt: skip
"""What decides, and what gives the text of a number."""
GIVING_INFO = frozenset(_CHECKED)
"""What the definitions call."""


def definition(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[..., Any] | None:
    """What stands for a call of one of ``FUNCTIONS``; None where it is recorded as it is."""
    if kwargs.get("out") is not None:
        return None
    if func in _CHECKED:
        return _CHECKED[func] if kwargs.get("check_errors") else None
    if func in _POWERS:
        power = kwargs.get("n", args[1] if len(args) > 1 else None)
        return _POWERS[func] if not is_scalar(power) and isinstance(power, int) and power < 0 else None
    return _ALWAYS.get(func)
