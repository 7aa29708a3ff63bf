"""``frozen`` is ``dataclass(frozen=True, slots=True)``, made quickly."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import field
from typing import Any, Generic, TypeVar

import pytest

from dyncc.runtime import records
from dyncc.runtime.records import frozen

T = TypeVar("T")


@frozen
class Pair:
    left: int
    right: str = "r"
    more: list[int] = field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Twin:
    left: int
    right: str = "r"
    more: list[int] = field(default_factory=list)


@frozen
class Empty:
    pass


@frozen
class One(Generic[T]):
    value: T


@frozen
class Named:
    value: int

    def __repr__(self) -> str:
        return f"<{self.value}>"


@pytest.mark.parametrize("cls", [Pair, Twin])
def test_is_made_compared_and_copied_as_a_dataclass(cls: Any) -> None:
    one = cls(1)
    assert (one.left, one.right, one.more) == (1, "r", [])
    assert one.more is not cls(1).more
    assert one == cls(left=1, right="r") and one != cls(2)
    assert one != (1, "r", [])
    assert repr(one) == f"{cls.__name__}(left=1, right='r', more=[])"
    assert [item.name for item in dataclasses.fields(cls)] == ["left", "right", "more"]
    assert dataclasses.replace(one, right="x") == cls(1, "x")
    assert cls is Twin or records.replace(one, right="x") == cls(1, "x", one.more)
    assert dataclasses.asdict(one) == {"left": 1, "right": "r", "more": []}
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == copy.copy(one) == one
    assert cls.__match_args__ == ("left", "right", "more")
    assert not hasattr(one, "__dict__")


@pytest.mark.parametrize("cls", [Pair, Twin])
def test_refuses_what_a_frozen_dataclass_refuses(cls: Any) -> None:
    one = cls(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="'left'"):
        one.left = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="'left'"):
        del one.left
    for wrong in ((), (1, "r", [], 4)):
        with pytest.raises(TypeError, match=r"__init__\(\)"):
            cls(*wrong)
    with pytest.raises(TypeError, match="unexpected"):
        cls(1, middle=2)


def test_objects_of_other_classes_are_never_equal() -> None:
    assert Pair(1) != Twin(1)
    assert One(1) != Named(1)
    assert Empty() == Empty()


def test_is_hashed_by_its_fields() -> None:
    assert hash(One("x")) == hash(One("x"))
    assert len({One(1), One(1), One(2), Empty(), Empty()}) == 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(Pair(1))


def test_keeps_methods_of_its_own() -> None:
    assert repr(Named(3)) == "<3>"
