"""Symbolic sizes: their symbols, substitution and unification."""

from __future__ import annotations

import pytest

from dyncc.ir import Dim, ListType, ScalarType, TensorType
from dyncc.ir.symbols import substitute, substitute_dim, symbols_of, unify


def tensor(*shape: Dim) -> TensorType:
    return TensorType("float32", shape)


def test_symbols_in_order() -> None:
    type_ = ListType(tensor(3, "s1 + 2*s0", "Max(1, s12)", "s1"))
    assert list(symbols_of(type_)) == ["s1", "s0", "s12", "s1"]
    assert list(symbols_of(ScalarType("int"))) == []


@pytest.mark.parametrize(
    ("dim", "symbols", "result"),
    [
        ("s0", {"s0": 3}, 3),
        ("s0", {"s0": "s1 + 1"}, "s1 + 1"),
        ("s0", {"s1": 3}, "s0"),
        ("2*s0", {"s0": "s1 + 1"}, "2*s1 + 2"),
        ("2*s0 + 1", {"s0": 3}, 7),
        ("s0 - 1", {"s0": -3}, -4),
        ("s0 + s1", {"s0": "s1", "s1": "s0"}, "s1 + s0"),
        ("s0 + s01", {"s0": 1}, "s01 + 1"),
        ("s0 - 1", {"s0": "s3 + 1"}, "s3"),
        ("s0 - s1 - 2", {"s0": "s1 + 2"}, 0),
        ("3*(s0 - s1)", {"s0": "2*s2"}, "6*s2 - 3*s1"),
        ("s0*s1", {"s0": "s2 + 1"}, "(s2 + 1)*s1"),
        ("Max(1, s0//2)", {"s0": 5}, 2),
        ("FloorDiv(s0, 2)", {"s0": 5}, 2),
        ("Unknown(s0)", {"s0": 5}, "Unknown(5)"),
        ("s0//s1", {"s0": 5, "s1": 0}, "5//0"),
        (4, {"s0": 5}, 4),
    ],
)
def test_substitution(dim: Dim, symbols: dict[str, Dim], result: Dim) -> None:
    assert substitute_dim(dim, symbols) == result
    assert substitute(ListType(tensor(dim, 1)), symbols) == ListType(tensor(result, 1))


def test_unification_binds_symbols_and_the_first_wins() -> None:
    symbols: dict[str, Dim] = {}
    unify(tensor("s0", "s1*2", 4, "s0"), tensor("s7", 9, 4, 3), symbols)
    unify(ListType(tensor("s2")), ListType(tensor(5)), symbols)
    unify(ScalarType("int"), ScalarType("int"), symbols)
    assert symbols == {"s0": "s7", "s2": 5}


def test_unification_solves_a_symbol_and_a_number() -> None:
    symbols: dict[str, Dim] = {}
    unify(tensor("s0 + 1", "s1 - 2", "s2 + 3"), tensor(9, "s7", "2*s8 + 3"), symbols)
    assert symbols == {"s0": 8, "s1": "s7 + 2", "s2": "2*s8"}
