"""Which tensors are one is asked by code that the compiler does not interpret."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dyncc.compiler import compile
from dyncc.compiler.check.compare import REFERENCE, compare_outcomes, outcome
from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import specialize
from dyncc.compiler.specialize.execution.identity import asks_for_identity
from dyncc.runtime.errors import InputError
from dyncc.runtime.replay import replay


class Cache:
    def __init__(self) -> None:
        self.last: Any = None
        self.value: Any = None

    def get(self, x: Any) -> Any:
        if self.last is not x:
            self.last, self.value = x, x * 2
        return self.value


def by_is(x: Any, y: Any) -> Any:
    cache = Cache()
    first = cache.get(x)
    second = cache.get(x if x.sum() > 0 else y)
    return first + second, first is second


def by_id(x: Any, y: Any) -> Any:
    found: dict[int, Any] = {}

    def get(t: Any) -> Any:
        return found.setdefault(id(t), t * 2)

    get(x)
    z = x if x.sum() > 0 else y
    return get(z), len(found), id(z) == id(x)


def by_hash(x: Any, y: Any) -> Any:
    z = x if x.sum() > 0 else y
    return len({x, z}), {x: 1, y: 2}[z]


def by_membership(x: Any, y: Any) -> Any:
    def known(t: Any, among: list[Any]) -> Any:
        return any(t is other for other in among)

    z = x if x.sum() > 0 else y * 1
    return known(z, [x, y])


@pytest.mark.parametrize("function", [by_is, by_id, by_hash, by_membership])
def test_it_is_as_eager(function: Callable[..., Any]) -> None:
    recorded = specialize(function, (torch.ones(3), torch.zeros(3)))
    interpreter = Interpreter(recorded.program, recorded.weights)
    for x in (torch.ones(3), -torch.ones(3)):
        given = (x, torch.full((3,), 3.0))
        expected = outcome(function, given, {})
        actual = outcome(functools.partial(interpreter.run, function.__name__), given, {})
        assert not compare_outcomes(expected, actual, REFERENCE).differences


def with_none(x: Any) -> Any:
    return 1 if x is None else 2 if x is not True else 3


def with_another(x: Any, y: Any) -> Any:
    return x is y


def within(x: Any, y: Any) -> Any:
    return [t for t in y if t is not x]


def test_which_code_asks() -> None:
    assert not asks_for_identity(with_none.__code__)
    assert asks_for_identity(with_another.__code__)
    assert not asks_for_identity(torch.nn.Module.__getattr__.__code__)
    inner = [c for c in within.__code__.co_consts if hasattr(c, "co_code")]
    assert asks_for_identity(within.__code__) or any(map(asks_for_identity, inner))


def timed(t: Any) -> Any:
    return t * (time.perf_counter() % 1.0)


def effect_where_sharing_is_split(x: Any, y: Any) -> Any:
    z = x if x.sum() > 0 else y
    z = z + 1 if y.sum() > 0 else z
    return timed(z) + x


def test_effects_are_noticed_where_identity_is_watched() -> None:
    with pytest.raises(CompileError) as caught:
        specialize(effect_where_sharing_is_split, (torch.ones(3), torch.zeros(3)))
    assert caught.value.diagnostics[0].code == "DY121"


# ------------------------------------------------------------------------------------- arguments


def of_arguments(a: Any, b: Any) -> Any:
    return a * 2 if a is b else a + 3 * b


def of_later(a: Any, b: Any) -> Any:
    c = a if a.sum() > 0 else b
    return a - 5 * b if c is b else a + 2


def of_numbers(a: Any, b: Any) -> Any:
    return a if id(a) == id(b) else b * 2


def of_addresses(a: Any, b: Any) -> Any:
    return a * 2 if a.data_ptr() == b.data_ptr() else b


def of_members(a: Any, b: Any) -> Any:
    return a + len({a, b})


def of_written(a: Any, b: Any) -> Any:
    a.add_(1)
    return a + b if a is b else b


ASKING = [of_arguments, of_later, of_numbers, of_addresses, of_members, of_written]


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("function", ASKING)
def test_whether_arguments_are_one_is_as_in_the_example(
    function: Callable[..., Any], same: bool, tmp_path: Path
) -> None:
    def arguments(same: bool) -> tuple[torch.Tensor, torch.Tensor]:
        a = torch.ones(3)
        return a, (a if same else torch.full((3,), 2.0))

    net = compile(function, arguments(same), output=tmp_path / "net.dyncc", report=False)
    (identity,) = net.program.methods[function.__name__].identities
    assert identity.same == same
    ours, theirs = arguments(same), arguments(same)
    assert torch.equal(net(*ours), function(*theirs))
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    with pytest.raises(InputError, match="'a' and 'b'"):
        net(*arguments(not same))
    assert all(outcome.passed for outcome in replay(tmp_path / "net.dyncc"))


def of_a_copy(a: Any, b: Any) -> Any:
    c = a * 1
    return c if c is not b and a[:1] is not b else b


def test_no_assumption_is_made_where_only_one_is_an_argument() -> None:
    recorded = specialize(of_a_copy, (torch.ones(3), torch.ones(3)))
    assert not recorded.program.methods["of_a_copy"].identities


class Keeping(torch.nn.Module):
    """Keeps a tensor that calls before have returned."""

    def __init__(self) -> None:
        super().__init__()
        self.last: Any = None
        self.register_buffer("memory", torch.zeros(3))


class GivenBack(Keeping):
    def forward(self, x: Any) -> Any:
        if self.last is not None and x is self.last:
            return x * 2
        self.last = x + 1
        return self.last


class GivenBackBuffer(Keeping):
    def forward(self, x: Any) -> Any:
        if x is self.memory:
            return x * 2
        return self.memory.add_(x)


class GivenBackByAnotherName(Keeping):
    def forward(self, x: Any) -> Any:
        t = x if x.sum() > 0 or self.last is None else self.last
        self.last = x + 1
        return t * 3 if t is x else t


class KeptArgument(Keeping):
    def forward(self, x: Any) -> Any:
        if x is self.last:
            return x * 2
        self.last = x
        return x + 1


@pytest.mark.parametrize("make", [GivenBack, GivenBackBuffer, GivenBackByAnotherName, KeptArgument])
def test_whether_an_argument_was_kept_by_an_earlier_call_is_refused(make: Callable[[], Keeping]) -> None:
    with pytest.raises(CompileError) as refused:
        specialize(make(), (torch.ones(3),))
    (diagnostic,) = refused.value.diagnostics
    assert diagnostic.code == "DY112"
    assert "argument `x`" in diagnostic.message


class ChangesWhatItKept(Keeping):
    def forward(self, x: Any) -> Any:
        if self.last is not None:
            self.last.add_(1)
        self.last = x
        y = x + 1
        return y


class ChangesEither(Keeping):
    def forward(self, x: Any) -> Any:
        if self.last is not None:
            self.last.add_(1)
        if x.sum() > 0:
            self.last = x
        else:
            self.last = x * 1
        return x + 1


@pytest.mark.parametrize(
    ("make", "label", "line"),
    [(ChangesWhatItKept, "kept here", 3), (ChangesEither, "kept when this call ends", None)],
)
def test_a_kept_argument_is_told_where_it_is_kept(
    make: Callable[[], Keeping], label: str, line: int | None
) -> None:
    with pytest.raises(CompileError) as refused:
        specialize(make(), (torch.ones(3),))
    (diagnostic,) = refused.value.diagnostics
    assert (diagnostic.code, diagnostic.label) == ("DY112", label) and diagnostic.span is not None
    if line is not None:
        assert diagnostic.span.line == make.forward.__code__.co_firstlineno + line  # type: ignore[attr-defined]


class SameBuffer(Keeping):
    def forward(self, x: Any) -> Any:
        z = self.memory.add_(x)
        y = self.memory if z.sum() > 2 else z
        return (x * 2 if y is self.memory else x * 3), z is not self.memory


class KeptAlone(Keeping):
    def forward(self, x: Any) -> Any:
        y = self.last if self.last is not None and self.last.sum() > 0 else x * 1
        if y is self.last:
            return y * 2
        self.last = y + x
        return y


@pytest.mark.parametrize("make", [SameBuffer, KeptAlone])
def test_which_kept_tensor_it_is_is_known(make: Callable[[], Keeping]) -> None:
    recorded = specialize(make(), (torch.ones(3),))
    interpreter, model = Interpreter(recorded.program, recorded.weights), make()
    for value in (1.0, -2.0, 3.0, 3.0):
        x = torch.full((3,), value)
        expected = outcome(model, (x,), {})
        actual = outcome(lambda x: interpreter.run("forward", x), (x,), {})
        assert not compare_outcomes(expected, actual, REFERENCE).differences
