"""``--input`` and ``--inputs``: values for a program's parameters, written on the command line.

Grammar::

    SPEC  ::= [NAME "="] VALUE
    VALUE ::= SHAPE ":" DTYPE         random values, the same each time      x=1x3x32x32:f32
            | FILE.npy                                                       x=photo.npy
            | NUMBER ":" KIND         KIND is int, float, bool or str        k=3:int
            | NUMBER | true | false | none                                   k=3
    NAME  ::= a parameter, or parameter.key for an entry of a dict           batch.image=1x3x8x8:f32

A SPEC without a name is the next positional argument. Needs NumPy only.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from dyncc.compiler.cli.exits import CliError, absent, usage

DTYPES = {
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
    "bf16": "bfloat16",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "u8": "uint8",
    "b": "bool",
}
"""Short names; NumPy's own are accepted as well."""

KINDS: dict[str, Callable[[str], object]] = {"int": int, "float": float, "str": str}

_SHAPE = re.compile(r"(scalar|\d+(x\d+)*):(\w+)")
_SIZES = re.compile(r"\d+(x\d+)+")
_NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)*")

Number: TypeAlias = "bool | int | float | str | None"


@dataclass(frozen=True, slots=True)
class TensorValue:
    """An array; ``dtype`` may also be ``bfloat16``, which NumPy lacks (``array`` is float32 then)."""

    array: np.ndarray[Any, Any]
    dtype: str


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One ``--input``; ``name`` is empty for the next positional argument."""

    name: str
    value: TensorValue | Number


def parse_inputs(specs: Iterable[str], file: Path | None) -> tuple[InputSpec, ...]:
    """All of ``--inputs`` and ``--input``, in order. Raises a usage error for what cannot be read."""
    rng = np.random.default_rng(0)
    from_file = read_archive(file, "--inputs") if file else ()
    return (*from_file, *(parse_input(spec, rng) for spec in specs))


def parse_input(spec: str, rng: np.random.Generator) -> InputSpec:
    """One SPEC of the grammar above."""
    name, equals, value = spec.partition("=")
    if not equals:
        name, value = "", spec
    elif not _NAME.fullmatch(name):
        raise usage(f"`{name}` in `--input {spec}` is not a name", "write --input x=1x3x32x32:f32")
    shaped = _SHAPE.fullmatch(value)
    if shaped and shaped.group(3) not in KINDS:
        return InputSpec(name, _random(spec, shaped.group(1), shaped.group(3), rng))
    if value.endswith(".npy"):
        return InputSpec(name, _array(_read_array(Path(value), f"--input {spec}")))
    if _SIZES.fullmatch(value):
        lead = f"--input {name}={value}" if name else f"--input {value}"
        raise usage(
            f"`--input {spec}` lacks a dtype",
            f"write {lead}:f32, or {lead}:i64 for indices; others: {', '.join(DTYPES)}",
        )
    if Path(value).is_file():
        helps = ("an input is an array: save it with `numpy.save`, and name FILE.npy",)
        raise usage(
            f"cannot read {value}: it does not end in .npy", *helps, notes=[f"named by --input {spec}"]
        )
    return InputSpec(name, _number(spec, value))


def bind(specs: Iterable[InputSpec]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and named values; dotted names are gathered into dicts."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for spec in specs:
        if not spec.name:
            args.append(spec.value)
            continue
        *path, last = spec.name.split(".")
        target = kwargs
        for key in path:
            target = target.setdefault(key, {})
            if not isinstance(target, dict):
                raise usage(f"`{spec.name}` and `{key}` are both given")
        if last in target:
            raise usage(f"`{spec.name}` is given twice")
        target[last] = spec.value
    return tuple(args), kwargs


def map_values(value: Any, convert: Callable[[TensorValue], object]) -> Any:
    """``value`` with each :class:`TensorValue` converted, through dicts."""
    if isinstance(value, dict):
        return {key: map_values(item, convert) for key, item in value.items()}
    return convert(value) if isinstance(value, TensorValue) else value


def as_numpy(value: TensorValue) -> np.ndarray[Any, Any]:
    """The array for the runtime. Raises a usage error for bfloat16 where no package provides it."""
    if value.dtype != "bfloat16":
        return value.array
    try:
        import ml_dtypes
    except ImportError:
        raise usage("NumPy has no bfloat16", "pip install ml_dtypes") from None
    return value.array.astype(ml_dtypes.bfloat16)


def read_archive(file: Path, flag: str) -> tuple[InputSpec, ...]:
    """The arrays of a file, those without a name first. Raises a usage error that names the ``flag``."""
    loaded = _read(file, f"{flag} {file}")
    if isinstance(loaded, np.ndarray):
        return (InputSpec("", _array(loaded)),)
    positional = re.compile(r"(?:arg_?)?(\d+)|arr_(\d+)")
    named: list[InputSpec] = []
    numbered: list[tuple[int, InputSpec]] = []
    for key in loaded.files:
        match = positional.fullmatch(key)
        value = _read_member(loaded, key, file)
        if match:
            numbered.append((int(match.group(1) or match.group(2)), InputSpec("", value)))
        else:
            named.append(InputSpec(key, value))
    return (*(spec for _, spec in sorted(numbered, key=lambda item: item[0])), *named)


def _read_array(file: Path, where: str) -> np.ndarray[Any, Any]:
    loaded = _read(file, where)
    if isinstance(loaded, np.ndarray):
        return loaded
    raise usage(f"{file} holds several arrays", f"--inputs {file} takes them by name")


def _read(file: Path, where: str) -> Any:
    """An array, or an archive of arrays. Raises a usage error for what is neither; unpickles nothing."""
    if not file.is_file():
        raise absent(file, notes=[f"named by {where}"], suffix=file.suffix)
    help = "save it with `numpy.save` or `numpy.savez`"
    try:
        with file.open("rb") as stream:
            start = stream.read(6)
        if not start.startswith((b"\x93NUMPY", b"PK\x03\x04", b"PK\x05\x06")):
            raise usage(f"{file} is not a file of NumPy's", help)
        return np.load(file, allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise _unreadable(file, error, help) from None


def _read_member(archive: Any, key: str, file: Path) -> TensorValue:
    try:
        return _array(archive[key])
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise _unreadable(file, error, "save it with `numpy.savez`") from None


def _unreadable(file: Path, error: Exception, help: str) -> CliError:
    if "allow_pickle" in str(error):
        # NumPy's own advice is to load it all the same, which would run code out of the file
        help = "save arrays of numbers: `numpy.save(file, numpy.asarray(values, dtype='float32'))`"
        return usage(f"{file} holds Python objects, which are not read", help)
    return usage(
        f"cannot read {file}: it is damaged or cut short", help, notes=[str(error)] if str(error) else []
    )


def _array(array: np.ndarray[Any, Any]) -> TensorValue:
    return TensorValue(array, str(array.dtype))


def _random(spec: str, shape: str, dtype: str, rng: np.random.Generator) -> TensorValue:
    dtype = DTYPES.get(dtype, dtype)
    sizes = () if shape == "scalar" else tuple(int(size) for size in shape.split("x"))
    if dtype not in DTYPES.values():
        raise usage(f"`{dtype}` in `--input {spec}` is not a dtype", f"one of {', '.join(DTYPES)}")
    if dtype == "bool":
        return TensorValue(rng.integers(0, 2, sizes).astype(bool), dtype)
    if dtype.startswith(("int", "uint")):
        # small numbers: an index into any table that the model has
        return TensorValue(np.asarray(rng.integers(0, 2, sizes)).astype(dtype), dtype)
    values = np.asarray(rng.standard_normal(sizes))
    return TensorValue(values.astype("float32" if dtype == "bfloat16" else dtype), dtype)


def _number(spec: str, text: str) -> Number:
    value, colon, kind = text.rpartition(":")
    if not colon:
        return _guess(spec, text)
    try:
        if kind == "bool":
            return {"true": True, "false": False, "1": True, "0": False}[value.lower()]
        return KINDS[kind](value)  # type: ignore[return-value]
    except (KeyError, ValueError):
        raise usage(
            f"cannot read `--input {spec}`",
            "a tensor: x=1x3x32x32:f32, or x=scalar:f32, or x=photo.npy",
            "a number: k=3:int, t=0.5:float, flag=true:bool, mode=mean:str, mask=none",
        ) from None


def _guess(spec: str, text: str) -> Number:
    known: dict[str, Number] = {"true": True, "false": False, "none": None}
    if text.lower() in known:
        return known[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    raise usage(
        f"cannot read `--input {spec}`",
        "a tensor: x=1x3x32x32:f32, or x=photo.npy; a number: k=3; a text: mode=mean:str",
    )
