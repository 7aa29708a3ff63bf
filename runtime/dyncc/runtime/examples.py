"""The examples of a bundle: inputs and what must come out, replayed without torch.

Arrays are in ``examples.npz`` under keys, everything else is in ``program.json``. ``pack`` writes a value
so, ``unpack`` reads it back, ``differences`` compares what came out with what was expected.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from dyncc.runtime import arrays
from dyncc.runtime.errors import DamagedBundle
from dyncc.runtime.forms import (
    CONSTANT,
    INT,
    STR,
    Form,
    lazy,
    many,
    one_of,
    optional,
    record,
    table,
    union,
)
from dyncc.runtime.records import frozen
from dyncc.runtime.texts import agree
from dyncc.runtime.values import BFloat16Array, widen_bfloat16

EXAMPLES_SEED = 0
"""Of the random numbers that every session of the examples begins with."""


@frozen
class PackedArray:
    """A tensor: a key of ``examples.npz``, and its dtype (bfloat16 is stored as uint16)."""

    key: str
    dtype: str


@frozen
class PackedConstant:
    """None, a number or a string."""

    value: bool | int | float | str | None


@frozen
class PackedNode:
    """A container; ``kind`` as in :class:`dyncc.runtime.program.Node`."""

    kind: str
    children: tuple[Packed, ...]
    keys: tuple[bool | int | float | str | None, ...] = ()
    name: str = ""


Packed: TypeAlias = "PackedArray | PackedConstant | PackedNode"


@frozen
class Raises:
    """The exception that an example ends with."""

    name: str
    message: str


@frozen
class Example:
    """One call: the method's inputs by name, and its outcome.

    Examples with the same ``session`` are calls of one session, in their order. An expected number agrees
    within ``atol + rtol * |expected|``, also one that is written in a string; integers and bools agree
    exactly.
    """

    method: str
    inputs: dict[str, Packed]
    expected: Packed | None = None
    raises: Raises | None = None
    session: int = 0
    atol: float = 1e-4
    rtol: float = 1e-3


@frozen
class Outcome:
    """What replaying an example gave."""

    index: int
    method: str
    passed: bool
    error: float
    """The largest absolute difference of a number."""
    messages: tuple[str, ...] = ()
    """What differs, and where."""


KINDS = ("tuple", "list", "set", "dict", "namedtuple", "dataclass", "record")
_NODE = record(
    PackedNode, kind=one_of(*KINDS), children=many(lazy(lambda: PACKED)), keys=many(CONSTANT), name=STR
)
PACKED: Form[Packed] = union(
    {
        "array": (PackedArray, record(PackedArray, "array", key=STR, dtype=STR)),
        "constant": (PackedConstant, record(PackedConstant, "constant", value=CONSTANT)),
        **{kind: (PackedNode, _NODE) for kind in KINDS},
    },
    "value",
)
EXAMPLE = record(
    Example,
    method=STR,
    inputs=table(PACKED),
    expected=optional(PACKED),
    raises=optional(record(Raises, name=STR, message=STR)),
    session=INT,
    atol=CONSTANT,
    rtol=CONSTANT,
)

# --------------------------------------------------------------------------------------------- packing


def pack(value: Any, prefix: str, stored: dict[str, np.ndarray]) -> Packed:
    """``value`` (arrays or torch tensors in containers); its arrays are put in ``stored``, as copies."""
    if value is None or isinstance(value, bool | int | float | str):
        return PackedConstant(value)
    if isinstance(value, np.generic):
        return PackedConstant(value.item())
    if arrays.is_tensor(value):
        detached = value.detach() if hasattr(value, "detach") else value
        array = arrays.ready(arrays.as_array(detached, prefix)).copy()
        stored[prefix] = array
        return PackedArray(prefix, arrays.dtype_of(value))
    kind, items, name = _open(value)
    children = tuple(pack(item, f"{prefix}.{index}", stored) for index, item in enumerate(items.values()))
    keys = tuple(items) if kind in ("dict", "namedtuple", "dataclass", "record") else ()
    return PackedNode(kind, children, keys, name)


def unpack(packed: Packed, stored: Mapping[str, Any]) -> Any:
    """The value of an input: an array, a number, or a tuple of such."""
    match packed:
        case PackedConstant(value=value):
            return value
        case PackedArray(key=key, dtype=dtype):
            array = read_array(key, stored)
            return array.view(BFloat16Array) if dtype == "bfloat16" else array
        case PackedNode(children=children):
            return tuple(unpack(child, stored) for child in children)


def read_array(key: str, stored: Mapping[str, Any]) -> np.ndarray:
    """The array of that key. Raises DamagedBundle where there is none."""
    try:
        return stored[key]
    except (KeyError, ValueError, OSError) as error:
        raise DamagedBundle(f"examples.npz: the array {key!r} is missing or damaged ({error})") from error


def _open(value: Any) -> tuple[str, dict[Any, Any], str]:
    """The kind of a container, its items by key, and the name of its class."""
    name = type(value).__name__
    if dataclasses.is_dataclass(value) and not isinstance(value, dict):
        return (
            "dataclass",
            {item.name: getattr(value, item.name) for item in dataclasses.fields(value)},
            name,
        )
    if isinstance(value, dict):
        plain = name in ("dict", "OrderedDict")
        return ("dict" if plain else "record"), dict(value), ("" if name == "dict" else name)
    if isinstance(value, tuple):
        sequence = hasattr(value, "n_sequence_fields")  # a named tuple of C: torch.return_types.max
        fields = getattr(type(value), "__match_args__" if sequence else "_fields", None)
        if fields is not None:
            return "namedtuple", dict(zip(fields, value, strict=True)), name
        return "tuple", dict(enumerate(value)), ""
    if isinstance(value, list):
        return "list", dict(enumerate(value)), ""
    if isinstance(value, set | frozenset):
        return "set", dict(enumerate(sorted(value, key=repr))), ""
    raise TypeError(f"an example holds {name}, which has no form in a bundle")


# ------------------------------------------------------------------------------------------ comparing


def differences(
    packed: Packed, value: Any, stored: Mapping[str, Any], atol: float, rtol: float, where: str = "output"
) -> Iterator[tuple[str | None, float]]:
    """What differs between an expected and an actual value: message (None: within bounds), error."""
    match packed:
        case PackedConstant(value=expected):
            yield from _constants(expected, value, atol, rtol, where)
        case PackedArray(key=key, dtype=dtype):
            yield _tensors(read_array(key, stored), dtype, value, atol, rtol, where)
        case PackedNode(kind=kind, children=children, keys=keys, name=name):
            try:
                got_kind, items, got_name = _open(value)
            except TypeError:
                yield f"{where}: expected a {kind}, got {type(value).__name__}", math.inf
                return
            got_keys = tuple(items) if keys else ()
            if (got_kind, got_name, got_keys, len(items)) != (kind, name, keys, len(children)):
                yield f"{where}: expected a {kind} {name} of {len(children)}, got {value!r:.60}", math.inf
                return
            for child, (key, item) in zip(children, items.items(), strict=True):
                yield from differences(child, item, stored, atol, rtol, f"{where}[{key!r}]")


def _constants(
    expected: Any, value: Any, atol: float, rtol: float, where: str
) -> Iterator[tuple[str | None, float]]:
    value = value.item() if isinstance(value, np.generic) else value
    if type(value) is not type(expected):
        yield f"{where}: expected {expected!r}, got {value!r:.60}", math.inf
    elif isinstance(expected, float):
        same = value == expected or (math.isnan(value) and math.isnan(expected))
        error = 0.0 if same else abs(value - expected)
        close = same or error <= atol + rtol * abs(expected)
        yield (None if close else f"{where}: expected {expected!r}, got {value!r}"), error
    elif value != expected and not (isinstance(expected, str) and agree(expected, value, atol, rtol)):
        yield f"{where}: expected {expected!r}, got {value!r}", math.inf


def _tensors(
    expected: np.ndarray, dtype: str, value: Any, atol: float, rtol: float, where: str
) -> tuple[str | None, float]:
    if not arrays.is_tensor(value):
        return f"{where}: expected a tensor, got {type(value).__name__}", math.inf
    got = arrays.as_array(value, where)
    got_dtype = "bfloat16" if dtype == "bfloat16" and got.dtype == np.uint16 else arrays.dtype_of(value)
    if (got_dtype, got.shape) != (dtype, expected.shape):
        return (
            f"{where}: expected {dtype}{list(expected.shape)}, got {got_dtype}{list(got.shape)}",
            math.inf,
        )
    if dtype == "bfloat16":
        got, expected = widen_bfloat16(got), widen_bfloat16(expected)
    if got.dtype.kind not in "fc":
        wrong = int(np.count_nonzero(got != expected))
        return (f"{where}: {wrong} of {expected.size} elements differ" if wrong else None), float(
            bool(wrong)
        )
    with np.errstate(invalid="ignore", over="ignore"):
        same = (got == expected) | (np.isnan(got) & np.isnan(expected))
        error = np.where(same, 0.0, np.abs(got.astype(np.complex128) - expected.astype(np.complex128)))
        far = ~same & ~(error <= atol + rtol * np.abs(expected))
    worst = math.inf if np.isnan(error).any() else float(np.max(error, initial=0.0))
    if not far.any():
        return None, worst
    return f"{where}: {int(far.sum())} of {far.size} elements differ, by up to {worst:.3g}", worst
