"""Calls: arguments bound as Python binds them, checked, and refused in words that help."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

import numpy as np
import pytest

from dyncc.runtime import InputError
from dyncc.runtime import program as p
from dyncc.runtime.tree import Binder

F32 = np.float32
INT, FLOAT, BOOL = p.ScalarType("int"), p.ScalarType("float"), p.ScalarType("bool")


def tensor(*shape: int | str, dtype: str = "float32") -> p.TensorType:
    return p.TensorType(dtype, shape)


def binder(
    *parameters: p.Parameter,
    constraints: tuple[p.Constraint, ...] = (),
    written: tuple[str, ...] = (),
    identities: tuple[p.Identity, ...] = (),
) -> Binder:
    method = p.Method("forward", parameters, (p.Entry("b", ()),), constraints, None, identities)
    return Binder(method, written)


def takes(name: str, of: p.Type, **options: Any) -> p.Parameter:
    return p.Parameter(name, options.pop("kind", "positional"), p.Input(name, of), **options)


def refused(bind: Binder, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(InputError) as raised:
        bind.bind(args, kwargs)
    assert isinstance(raised.value, TypeError)
    assert isinstance(raised.value, ValueError)
    return str(raised.value)


X = takes("x", tensor("s0", 3))
Y = takes("y", tensor("s0", 2))

# ----------------------------------------------------------------------------------- as Python binds


def two(x: Any, y: Any, *, flag: Any = True) -> None:
    """The signature that the messages are compared with."""


TWO = binder(
    takes("x", INT), takes("y", INT), takes("flag", BOOL, kind="keyword", optional=True, default=True)
)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}),
        ((1,), {}),
        ((), {"y": 2}),
        ((1, 2, 3), {}),
        ((1, 2), {"z": 3}),
        ((1,), {"x": 2}),
        ((1, 2), {"x": 2}),
    ],
)
def test_messages_are_pythons(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with pytest.raises(TypeError) as expected:
        two(*args, **kwargs)
    message = str(expected.value).replace("two()", "forward()")
    if args == (1, 2, 3):
        message = "forward() takes 2 positional arguments but 3 were given"
    assert refused(TWO, *args, **kwargs) == message


def test_what_is_fixed_otherwise_than_by_default_must_be_passed() -> None:
    mode = p.Parameter("mode", "positional", p.Fixed("auto"))
    key = p.Parameter("key", "keyword", p.Fixed(None))
    bind = binder(takes("x", INT), mode, key)
    fixed = "'mode' (fixed to 'auto' in this bundle: pass it so)"
    assert refused(bind, 1) == f"forward() missing 1 required positional argument: {fixed}"
    assert refused(bind) == f"forward() missing 2 required positional arguments: 'x' and {fixed}"
    assert refused(bind, 1, "auto").endswith("argument: 'key' (fixed to None in this bundle: pass it so)")
    assert bind.bind((1, "auto"), {"key": None}).values == {"x": 1}


def test_order_and_keywords() -> None:
    assert TWO.bind((1, 2), {}).values == {"x": 1, "y": 2, "flag": True}
    assert TWO.bind((), {"y": 2, "x": 1, "flag": False}).values == {"x": 1, "y": 2, "flag": False}


def test_variadic_parameters() -> None:
    rest = p.InputNode("tuple", (p.Input("rest_0", INT), p.Input("rest_1", INT)))
    extra = p.InputNode("dict", (p.Input("extra_a", INT),), ("a",))
    bind = binder(
        takes("x", INT),
        p.Parameter("rest", "var_positional", rest),
        p.Parameter("extra", "var_keyword", extra),
    )
    assert bind.bind((1, 2, 3), {"a": 4}).values == {"x": 1, "rest_0": 2, "rest_1": 3, "extra_a": 4}
    assert "expected a tuple of 2, got one of 1" in refused(bind, 1, 2, a=4)
    assert "the key 'a' is missing" in refused(bind, 1, 2, 3)
    assert "without the key 'b'" in refused(bind, 1, 2, 3, a=4, b=5)


# ------------------------------------------------------------------------------------------ tensors


def test_shapes_and_dtypes() -> None:
    bind = binder(X)
    assert refused(bind, np.ones((2, 4), F32)) == (
        "forward() argument 'x': expected float32[s0, 3], got float32[2, 4] (a size that differs from call "
        "to call is compiled as free: `--dynamic`, `dynamic_shapes`)"
    )
    assert refused(bind, np.ones((2, 3))) == (
        "forward() argument 'x': expected float32[s0, 3], got float64[2, 3]: pass x.astype('float32')"
    )
    assert "got float32[3]" in refused(bind, np.ones(3, F32))
    assert "expected float32[s0, 3], got int 5" in refused(bind, 5)
    assert "got None" in refused(bind, None)
    assert "got a list" in refused(bind, [[1.0, 2.0, 3.0]])


def test_symbols_agree_across_arguments() -> None:
    bind = binder(X, Y)
    bind.bind((np.ones((5, 3), F32), np.ones((5, 2), F32)), {})
    assert refused(bind, np.ones((5, 3), F32), np.ones((4, 2), F32)) == (
        "forward(): size 0 of 'x' is 5 and size 0 of 'y' is 4: they must be equal"
    )


def test_sizes_that_are_computed() -> None:
    bind = binder(X, takes("y", tensor("2*s0 + 1")))
    bind.bind((np.ones((2, 3), F32), np.ones(5, F32)), {})
    assert "size 0 of 'y' is 6, not 2*s0 + 1 = 5" in refused(bind, np.ones((2, 3), F32), np.ones(6, F32))


def test_a_size_is_solved_for() -> None:
    bind = binder(takes("y", tensor("2*s0 + 1")), takes("z", tensor("s0 + 3")))
    bind.bind((np.ones(5, F32), np.ones(5, F32)), {})
    assert "must be 2*s0 + 1" in refused(bind, np.ones(6, F32), np.ones(5, F32))
    assert "size 0 of 'z' is 6, not s0 + 3 = 5" in refused(bind, np.ones(5, F32), np.ones(6, F32))


def test_constraints() -> None:
    bind = binder(X, constraints=(p.Constraint("s0 % 2 == 0", "the pooling"),))
    bind.bind((np.ones((4, 3), F32),), {})
    assert refused(bind, np.ones((5, 3), F32)) == (
        "forward() was compiled for s0 % 2 == 0 (the pooling), and here s0 = 5"
    )


@pytest.mark.parametrize(
    "text", ["__import__('os')", "s0.x", "[s0]", "s0 ** 99", "lambda: 1", "s0 +", "'a'"]
)
def test_only_sizes_are_expressions(text: str) -> None:
    with pytest.raises(ValueError, match="no expression of sizes"):
        binder(X, constraints=(p.Constraint(text),))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("s0 + 2*s1", 13),
        ("Mod(s0, 2)", 1),
        ("FloorDiv(s1, 3)", 1),
        ("Max(s0, s1) - Min(s0, s1)", 1),
        ("Eq(s0, 5) & Ne(s1, 5)", True),
        ("s0 >= 2 and not s1 > 4", True),
        ("1 < s1 < s0 or s0 == 0", True),
        ("-s0 // 2", -3),
        ("s0**2", 25),
        ("Or(s0 == 1, s1 == 4)", True),
    ],
)
def test_expressions(text: str, value: Any) -> None:
    from dyncc.runtime.sizes import parse_size

    assert parse_size(text).evaluate({"s0": 5, "s1": 4}) == value


def test_layouts_are_made_right() -> None:
    bind = binder(X)
    base = np.arange(12, dtype=F32).reshape(3, 4)
    for given in (base.T, np.asfortranarray(base.T), base.T.astype(">f4"), base.T[::-1]):
        value = bind.bind((given,), {}).values["x"]
        assert value.flags.c_contiguous
        assert value.dtype == F32
        assert value.dtype.isnative
        np.testing.assert_array_equal(value, given)


def test_what_fits_is_not_copied() -> None:
    x = np.ones((2, 3), F32)
    assert binder(X).bind((x,), {}).values["x"] is x


def test_scalars_in_zero_dimensions() -> None:
    bind = binder(takes("x", tensor()))
    value = bind.bind((np.array(3, ">f4"),), {}).values["x"]
    assert value.shape == ()
    assert value.dtype.isnative


def test_dlpack() -> None:
    class Foreign:
        """An array of a library that only speaks DLPack."""

        def __init__(self, array: np.ndarray) -> None:
            self.array = array
            self.shape = array.shape
            self.dtype = f"foreign.{array.dtype.name}"

        def __dlpack__(self, **options: Any) -> Any:
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self) -> Any:
            return self.array.__dlpack_device__()

    x = np.arange(6, dtype=F32).reshape(2, 3)
    value = binder(X).bind((Foreign(x),), {}).values["x"]
    assert np.shares_memory(value, x)


# ------------------------------------------------------------------------------------------ numbers


@pytest.mark.parametrize(
    ("of", "given", "value"),
    [
        (INT, 3, 3),
        (INT, True, True),
        (INT, np.int32(3), 3),
        (FLOAT, 3, 3.0),
        (FLOAT, 2.5, 2.5),
        (FLOAT, np.float32(0.5), 0.5),
        (BOOL, np.bool_(True), True),
        (p.ScalarType("str"), "a", "a"),
    ],
)
def test_numbers(of: p.ScalarType, given: Any, value: Any) -> None:
    found = binder(takes("n", of)).bind((given,), {}).values["n"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("of", "given", "message"),
    [
        (INT, 2.0, "expected an int, got float 2.0"),
        (BOOL, 1, "expected a bool, got int 1"),
        (FLOAT, "1", "expected a float, got str '1'"),
        (INT, np.array(3), "expected an int, got int64[]: pass x.item()"),
        (INT, None, "expected an int, got None"),
    ],
)
def test_wrong_numbers(of: p.ScalarType, given: Any, message: str) -> None:
    assert refused(binder(takes("n", of)), given) == f"forward() argument 'n': {message}"


def test_lists() -> None:
    bind = binder(takes("xs", p.ListType(tensor(2))))
    assert len(bind.bind(([np.ones(2, F32)] * 3,), {}).values["xs"]) == 3
    assert "argument 'xs'[1]: expected float32[2], got float32[3]" in refused(
        bind, [np.ones(2, F32), np.ones(3, F32)]
    )


# ------------------------------------------------------------------------------------ fixed, trees


def test_fixed_values() -> None:
    bind = binder(p.Parameter("mode", "positional", p.Fixed("fast")))
    bind.bind(("fast",), {})
    assert refused(bind, "slow") == (
        "forward() argument 'mode': compiled for the value 'fast', got str 'slow': compile again"
    )
    assert "compiled for the value True" in refused(
        binder(p.Parameter("flag", "positional", p.Fixed(True))), 1
    )
    binder(p.Parameter("eps", "positional", p.Fixed(float("nan")))).bind((float("nan"),), {})
    binder(p.Parameter("mask", "positional", p.Fixed(None))).bind((None,), {})


def test_opaque_values_may_be_left_out() -> None:
    class Config:
        pass

    bind = binder(p.Parameter("config", "positional", p.Fixed(opaque="net.Config")))
    bind.bind((), {})
    bind.bind((Config(),), {})
    assert "compiled for a net.Config, got int 3" in refused(bind, 3)


def test_defaults() -> None:
    bind = binder(
        takes("n", INT, optional=True, default=4),
        p.Parameter("mask", "positional", p.Fixed(None), optional=True),
        p.Parameter("pair", "positional", p.InputNode("tuple", (p.Input("a", INT),)), optional=True),
    )
    assert bind.bind((), {"pair": (1,)}).values == {"n": 4, "a": 1}
    assert "'pair' was passed at compile time" in refused(bind)


def test_containers() -> None:
    Point = collections.namedtuple("Point", ["a", "b"])

    @dataclasses.dataclass
    class Pair:
        a: int
        b: int

    leaves = (p.Input("a", INT), p.Input("b", INT))

    def bind(kind: str, keys: tuple[Any, ...] = ("a", "b"), name: str = "") -> Binder:
        return binder(p.Parameter("x", "positional", p.InputNode(kind, leaves, keys, name)))

    good: list[tuple[Binder, Any]] = [
        (bind("tuple", ()), (1, 2)),
        (bind("list", ()), [1, 2]),
        (bind("dict"), {"b": 2, "a": 1}),
        (bind("namedtuple", name="Point"), Point(1, 2)),
        (bind("namedtuple", name="Point"), (1, 2)),
        (bind("dataclass", name="Outer.Pair"), Pair(1, 2)),
        (bind("record", name="ModelOutput"), {"a": 1, "b": 2}),
    ]
    for one, given in good:
        assert one.bind((given,), {}).values == {"a": 1, "b": 2}
        assert "forward() argument 'x'" in refused(one, 3)
    assert "argument 'x'.a: expected an int, got float 1.5" in refused(
        bind("dataclass", name="Pair"),
        Pair(1.5, 2),  # type: ignore[arg-type]
    )
    assert "argument 'x'['b']" in refused(bind("dict"), {"a": 1, "b": None})


# ------------------------------------------------------------------------------------------ aliases

WRITTEN = binder(takes("x", tensor(4)), takes("y", tensor(2)), written=("x",))


def test_written_arguments_may_not_share_memory() -> None:
    x = np.ones(4, F32)
    WRITTEN.bind((x, np.ones(2, F32)), {})
    assert "writes to its argument 'x', which shares memory with 'y'" in refused(WRITTEN, x, x[1:3])
    both = np.ones((2, 4), F32)
    binder(takes("x", tensor(2)), takes("y", tensor(2)), written=("x",)).bind((both[:, 0], both[:, 1]), {})


def test_written_arguments_are_writable() -> None:
    x = np.ones(4, F32)
    x.flags.writeable = False
    assert "which is read-only" in refused(WRITTEN, x, np.ones(2, F32))
    wide = np.lib.stride_tricks.as_strided(np.ones(1, F32), (4,), (0,))
    assert "elements share memory" in refused(WRITTEN, wide, np.ones(2, F32))


def test_unwritten_arguments_may_share_memory() -> None:
    x = np.ones((2, 3), F32)
    binder(X, takes("z", tensor("s0", 3))).bind((x, x), {})


# ------------------------------------------------------------------------------------- identities


@pytest.mark.parametrize("as_torch", [False, True])
@pytest.mark.parametrize("same", [False, True])
def test_tensors_that_must_be_one_or_two(same: bool, as_torch: bool) -> None:
    a, b = takes("a", tensor(2, 3)), takes("b", tensor(2, 3))
    bind = binder(a, b, identities=(p.Identity("a", "b", same),))
    one, other = np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)
    if as_torch:
        torch = pytest.importorskip("torch")
        one, other = torch.from_numpy(one), torch.from_numpy(other)
    right, wrong = ((one, one), (one, other)) if same else ((one, other), (one, one))
    bind.bind(right, {})
    bind.bind((), {"a": right[0], "b": right[1]})
    assert "'a' and 'b'" in refused(bind, *wrong) and "'a' and 'b'" in refused(bind, wrong[0], b=wrong[1])
    assert bind.direct is None


def test_one_tensor_under_two_names_may_be_written_to() -> None:
    a, b = takes("a", tensor(2, 3)), takes("b", tensor(2, 3))
    x = np.zeros((2, 3), np.float32)
    assert "shares memory" in refused(binder(a, b, written=("a",)), x, x)
    bind = binder(a, b, written=("a",), identities=(p.Identity("a", "b", True),))
    assert bind.bind((x, x), {}).originals["a"] is x
