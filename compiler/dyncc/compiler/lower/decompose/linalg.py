"""Linear algebra on small matrices: written out over their size, for a whole batch at once.

LU with partial pivoting and the triangular solves are those of Golub and Van Loan, *Matrix Computations*
(4th ed.), algorithms 3.4.1 and 3.1.2; Cholesky is 4.2.1, by columns. Roundings are made where LAPACK makes
them (in the dtype of the input, without fused operations, multiplied by the pivot's reciprocal): whether a
pivot is exactly zero, which is what PyTorch raises on, depends on that. Whether a matrix is
positive-definite is a comparison of floats like any other: where rounding alone decides it, LAPACK may find
otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from dyncc.compiler.lower.decompose.registry import LIMITED, decomposes, equal

aten = torch.ops.aten
MAX_SIZE = 64
"""Above this many rows a matrix is left alone, and refused: a row takes 17 operators, and 5 to solve."""
_DIVIDED = 4
"""Up to this many rows the last multiplier is a quotient (MKL's small kernels), above all are products."""


def _is_small(self: torch.Tensor) -> bool:
    """Whether a matrix is written out: square, real, of a size that is known and not too large."""
    rows, columns = self.shape[-2:]
    if not isinstance(rows, int) or not isinstance(columns, int) or self.dtype.is_complex:
        return False
    return rows == columns and 0 < rows <= MAX_SIZE


def _places(count: int, self: torch.Tensor) -> torch.Tensor:
    """0, 1, 2, … as a column."""
    return torch.arange(count, device=self.device).unsqueeze(-1)


def _first(bad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """LAPACK's ``info``: the number from 1 of the first that is true in the last axis, 0 for none."""
    found = bad.any(-1)
    return torch.where(found, bad.to(torch.int32).argmax(-1) + 1, 0).to(torch.int32), found


def broadcast(self: torch.Tensor, other: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both with the batch of both."""
    if all(map(equal, self.shape[:-2], other.shape[:-2])) and self.dim() == other.dim():
        return self, other
    batch: list[Any] = []
    for place in range(max(self.dim(), other.dim()) - 2, 0, -1):
        sizes = [m.shape[-2 - place] for m in (self, other) if m.dim() - 2 >= place]
        batch.append(next((size for size in sizes if not equal(size, 1)), 1))
    return self.expand(*batch, *self.shape[-2:]), other.expand(*batch, *other.shape[-2:])


# ------------------------------------------------------------------------------------------ triangular


def substituted(
    rows: Sequence[torch.Tensor], right: Sequence[torch.Tensor], unit: bool = False
) -> torch.Tensor:
    """The X of U X = B: ``rows`` are those of U from its diagonal on (…, 1, n - j), ``right`` are B's."""
    found: torch.Tensor | None = None
    for row, value in zip(reversed(rows), reversed(right), strict=True):
        if found is not None:
            value = value - row[..., 1:] @ found
        if not unit:
            value = value / row[..., :1]
        found = value if found is None else torch.cat([value, found], -2)
    assert found is not None
    return found


def _upper_solved(upper: torch.Tensor, right: torch.Tensor, unit: bool) -> torch.Tensor:
    count = upper.shape[-1]
    rows = [upper[..., j : j + 1, j:] for j in range(count)]
    return substituted(rows, [right[..., j : j + 1, :] for j in range(count)], unit)


def triangular(matrix: torch.Tensor, right: torch.Tensor, upper: bool, unit: bool = False) -> torch.Tensor:
    """The X of T X = B; a lower triangle, read from its last row and column, is an upper one."""
    matrix, right = broadcast(matrix, right)
    if upper:
        return _upper_solved(matrix, right, unit)
    return _upper_solved(matrix.flip(-2, -1), right.flip(-2), unit).flip(-2)


@decomposes(aten.linalg_solve_triangular.default)
def solve_triangular(
    self: torch.Tensor, B: torch.Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Any:
    if not _is_small(self):
        return NotImplemented
    if left:
        return triangular(self, B, upper, unitriangular)
    return triangular(self.mT, B.mT, not upper, unitriangular).mT


@decomposes(aten.triangular_solve.default)
def old_solve_triangular(
    self: torch.Tensor,
    A: torch.Tensor,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
) -> Any:
    if not _is_small(A):
        return NotImplemented
    matrix, above = (A.mT, not upper) if transpose else (A, upper)
    return triangular(matrix, self, above, unitriangular), A.clone()


# -------------------------------------------------------------------------------------------------- LU


def _eliminated(
    self: torch.Tensor, rest: torch.Tensor | None, keep: bool
) -> tuple[list[torch.Tensor], list[torch.Tensor], torch.Tensor]:
    """Gauss' elimination of [A | rest], with partial pivoting: of equal candidates the first.

    The rows of U, each from its diagonal on and continued in ``rest`` (after the row of L where ``keep``);
    how far the pivots were below the diagonal (…, 1, 1); the diagonal (…, n).
    """
    count = self.shape[-1]
    active = self if rest is None else torch.cat([self, rest], -1)
    rows, pivots, diagonal = list[torch.Tensor](), list[torch.Tensor](), list[torch.Tensor]()
    for step in range(count):
        left = count - step
        at = step if keep else 0
        column = active[..., at : at + 1]
        if left == 1:
            pivots.append(torch.zeros_like(column, dtype=torch.int64))
            rows.append(active)
            diagonal.append(column)
            break
        pivot = column.abs().argmax(-2, keepdim=True)
        chosen = _places(left, self) == pivot
        row = torch.where(chosen, active, 0).sum(-2, keepdim=True)
        below = torch.where(chosen, active[..., :1, :], active)[..., 1:, :]
        head = row[..., at : at + 1]
        divisor = torch.where(head == 0, 1, head)  # then all that is below is zero too
        under = below[..., at : at + 1]
        divided = left == 2 and count <= _DIVIDED
        factor = under / divisor if divided else under * divisor.reciprocal()
        changed = below[..., at + 1 :] - factor * row[..., at + 1 :]
        active = torch.cat([below[..., :at], factor, changed], -1) if keep else changed
        rows.append(row)
        pivots.append(pivot)
        diagonal.append(head)
    return rows, pivots, torch.cat(diagonal, -1).squeeze(-2)


def _solved(self: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The X of A X = B, both matrices, and LAPACK's ``info`` of A."""
    if self.dim() == 2 and right.dim() > 2:  # one elimination serves all
        wide = right.movedim(-2, 0)
        found, info = _solved(self, wide.reshape(wide.shape[0], -1))
        return found.reshape(wide.shape).movedim(0, -2), info
    batch = self.shape[:-2]
    wide, right = broadcast(self, right)
    rows, _, diagonal = _eliminated(wide, right, keep=False)
    count = self.shape[-1]
    widths = [count - j for j in range(count)]
    parts = [(row[..., :width], row[..., width:]) for row, width in zip(rows, widths, strict=True)]
    found = substituted([row for row, _ in parts], [value for _, value in parts])
    bad = diagonal == 0
    for _ in range(bad.dim() - 1 - len(batch)):
        bad = bad[0]
    for axis, size in enumerate(batch):
        if equal(size, 1) and not equal(bad.shape[axis], 1):
            bad = bad.narrow(axis, 0, 1)
    return found, _first(bad)[0]


@decomposes(aten.linalg_solve_ex.default)
def solve(self: torch.Tensor, B: torch.Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    if check_errors or not _is_small(self):
        return NotImplemented
    vector = B.dim() == 1 or (B.dim() == self.dim() - 1 and all(map(equal, B.shape, self.shape[:-1])))
    right = B.unsqueeze(-1) if vector else B
    if left or vector:
        found, info = _solved(self, right)
    else:
        found, info = _solved(self.mT, right.mT)
        found = found.mT
    return found.squeeze(-1) if vector else found, info


@decomposes(aten.linalg_inv_ex.default)
def inverse(self: torch.Tensor, *, check_errors: bool = False) -> Any:
    if check_errors or not _is_small(self):
        return NotImplemented
    one = torch.eye(self.shape[-1], dtype=self.dtype, device=self.device)
    return _solved(self, one)


@decomposes(aten.linalg_lu_factor_ex.default)
def lu_factor(self: torch.Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    if check_errors or not pivot or not _is_small(self):
        return NotImplemented
    rows, pivots, diagonal = _eliminated(self, None, keep=True)
    count = self.shape[-1]
    places = torch.cat(pivots, -2).squeeze(-1) + torch.arange(count, device=self.device)
    return torch.cat(rows, -2), (places + 1).to(torch.int32), _first(diagonal == 0)[0]


def _triangle(self: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The diagonal of U, and the determinant of the exchanges."""
    self = self.mT if self.is_contiguous() else self  # as PyTorch does for determinants, to save a copy
    _, pivots, diagonal = _eliminated(self, None, keep=False)
    exchanges = (torch.cat(pivots, -2) != 0).to(self.dtype).sum((-2, -1))
    return diagonal, 1 - 2 * torch.remainder(exchanges, 2)


@decomposes(aten.linalg_det.default, aten.det.default)
def det(self: torch.Tensor) -> Any:
    """Of float64, for which ONNX Runtime's operator has no kernel."""
    if self.dtype is not torch.float64 or not _is_small(self):
        return NotImplemented
    diagonal, sign = _triangle(self)
    return diagonal.prod(-1) * sign


@decomposes(aten.linalg_slogdet.default, aten.slogdet.default)
def slogdet(self: torch.Tensor) -> Any:
    if not _is_small(self):
        return NotImplemented
    diagonal, sign = _triangle(self)
    return diagonal.sign().prod(-1) * sign, diagonal.abs().log().sum(-1)


@decomposes(aten.logdet.default)
def logdet(self: torch.Tensor) -> Any:
    found = slogdet(self)
    if found is NotImplemented:
        return NotImplemented
    sign, size = found
    return torch.where(sign == -1, float("nan"), size)


def _order(pivots: torch.Tensor) -> torch.Tensor:
    """Which row each row was before the exchanges, from LAPACK's numbers of those (…, n)."""
    count = pivots.shape[-1]
    numbers = torch.arange(count, device=pivots.device)
    order = numbers.expand(pivots.shape)
    for step in range(count):
        there = numbers == (pivots[..., step : step + 1] - 1)
        here = numbers == step
        moved = torch.where(there, order, 0).sum(-1, keepdim=True)
        stayed = order[..., step : step + 1]
        order = torch.where(here, moved, torch.where(there, stayed, order))
    return order


def _permutation(order: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The matrix that brings rows into an order."""
    return (order.unsqueeze(-1) == torch.arange(order.shape[-1], device=order.device)).to(dtype)


def _parts(LU: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    one = torch.eye(LU.shape[-1], dtype=LU.dtype, device=LU.device)
    return LU.tril(-1) + one, LU.triu()


@decomposes(aten.lu_unpack.default)
def lu_unpack(
    LU_data: torch.Tensor, LU_pivots: torch.Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    if not (unpack_data and unpack_pivots) or not _is_small(LU_data):
        return NotImplemented
    lower, upper = _parts(LU_data)
    return _permutation(_order(LU_pivots), LU_data.dtype).mT, lower, upper


@decomposes(aten.linalg_lu.default)
def lu(self: torch.Tensor, *, pivot: bool = True) -> Any:
    found = lu_factor(self, pivot=pivot)
    return NotImplemented if found is NotImplemented else lu_unpack(found[0], found[1])


@decomposes(aten.linalg_lu_solve.default)
def lu_solve(
    LU: torch.Tensor, pivots: torch.Tensor, B: torch.Tensor, *, left: bool = True, adjoint: bool = False
) -> Any:
    if not _is_small(LU) or not left:
        return NotImplemented
    order = _permutation(_order(pivots), LU.dtype)
    if adjoint:
        return order.mT @ triangular(LU.mT, triangular(LU.mT, B, upper=False), upper=True, unit=True)
    return triangular(LU, triangular(LU, order @ B, upper=False, unit=True), upper=True)


@decomposes(aten.lu_solve.default)
def old_lu_solve(self: torch.Tensor, LU_data: torch.Tensor, LU_pivots: torch.Tensor) -> Any:
    return lu_solve(LU_data, LU_pivots, self)


@decomposes(aten.linalg_matrix_power.default, aten.matrix_power.default)
def matrix_power(self: torch.Tensor, n: int) -> Any:
    """By squaring. (One with a negative exponent is recorded as that of the inverse.)"""
    if n < 0:
        return NotImplemented
    if n == 0:
        one = torch.eye(self.shape[-1], dtype=self.dtype, device=self.device)
        return one.expand(self.shape)
    result: torch.Tensor | None = None
    square = self
    while n:
        if n % 2:
            result = square if result is None else result @ square
        n //= 2
        square = square @ square if n else square
    assert result is not None
    return result.clone() if result is self else result


# -------------------------------------------------------------------------------------------- Cholesky


@decomposes(aten.linalg_cholesky_ex.default)
def cholesky(self: torch.Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """By columns. From the first minor that is not positive on, the matrix is left as it was."""
    if check_errors or not _is_small(self):
        return NotImplemented
    if upper:
        found, info = cholesky(self.mT)
        return found.mT, info
    count = self.shape[-1]
    done: torch.Tensor | None = None
    rows, squares = list[torch.Tensor](), list[torch.Tensor]()
    for step in range(count):
        column = self[..., step:, step : step + 1]
        if done is not None:
            column = column - done @ done[..., :1, :].mT
        square = column[..., :1, :]
        root = square.sqrt()
        row = root if done is None else torch.cat([done[..., :1, :], root], -1)
        rows.append(torch.nn.functional.pad(row, (0, count - step - 1)))
        squares.append(square)
        if step + 1 < count:
            new = column[..., 1:, :]
            new = new / root if count == 2 else new * root.reciprocal()
            done = new if done is None else torch.cat([done[..., 1:, :], new], -1)
    diagonal = torch.cat(squares, -1)  # (…, 1, n)
    bad = ~(diagonal > 0)
    info, failed = _first(bad.squeeze(-2))
    numbers = torch.arange(count, device=self.device)
    first = torch.where(failed, info - 1, count).unsqueeze(-1).unsqueeze(-1)
    kept = torch.where((numbers == first) & (_places(count, self) == numbers), diagonal, self.tril())
    return torch.where(numbers < first, torch.cat(rows, -2), kept), info


@decomposes(aten.cholesky_solve.default)
def cholesky_solve(self: torch.Tensor, input2: torch.Tensor, upper: bool = False) -> Any:
    if not _is_small(input2):
        return NotImplemented
    lower = input2.mT if upper else input2
    return triangular(lower.mT, triangular(lower, self, upper=False), upper=True)


LIMITED.update(
    dict.fromkeys(
        (
            *(aten.linalg_solve_ex, aten.linalg_inv_ex, aten.linalg_cholesky_ex, aten.linalg_lu_factor_ex),
            *(aten.linalg_solve_triangular, aten.triangular_solve, aten.cholesky_solve),
            *(aten.linalg_slogdet, aten.slogdet, aten.logdet, aten.linalg_lu, aten.lu_unpack),
            *(aten.linalg_lu_solve, aten.lu_solve),
        ),
        f"only square matrices of up to {MAX_SIZE} rows, of real numbers and a known size, are written out",
    )
)
