"""Values on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dyncc.compiler.cli.exits import CliError, Exit
from dyncc.compiler.cli.inputs import InputSpec, TensorValue, bind, parse_inputs


def one(spec: str) -> object:
    (parsed,) = parse_inputs([spec], None)
    return parsed.value


@pytest.mark.parametrize(
    ("spec", "shape", "dtype"),
    [
        ("x=1x3x8x8:f32", (1, 3, 8, 8), "float32"),
        ("x=7:i64", (7,), "int64"),
        ("x=scalar:f64", (), "float64"),
        ("x=2x0:float16", (2, 0), "float16"),
        ("x=4:u8", (4,), "uint8"),
        ("x=4:bool", (4,), "bool"),
        ("x=4:b", (4,), "bool"),
    ],
)
def test_tensors(spec: str, shape: tuple[int, ...], dtype: str) -> None:
    value = one(spec)
    assert isinstance(value, TensorValue)
    assert (value.array.shape, str(value.array.dtype), value.dtype) == (shape, dtype, dtype)


def test_random_values_are_the_same_each_time_and_differ_between_inputs() -> None:
    first, again = (parse_inputs(["x=4:f32", "y=4:f32"], None) for _ in range(2))
    assert isinstance(first[0].value, TensorValue) and isinstance(first[1].value, TensorValue)
    assert isinstance(again[0].value, TensorValue)
    assert (first[0].value.array == again[0].value.array).all()
    assert (first[0].value.array != first[1].value.array).any()


def test_bfloat16_is_kept_as_float32_with_its_name() -> None:
    value = one("x=2:bf16")
    assert isinstance(value, TensorValue)
    assert (value.dtype, str(value.array.dtype)) == ("bfloat16", "float32")


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ("k=3:int", 3),
        ("k=-3", -3),
        ("t=0.5:float", 0.5),
        ("t=3:float", 3.0),
        ("t=1e-3", 1e-3),
        ("flag=true:bool", True),
        ("flag=False", False),
        ("mode=mean:str", "mean"),
        ("mode=3:str", "3"),
        ("mask=none", None),
    ],
)
def test_numbers_and_texts(spec: str, value: object) -> None:
    parsed = one(spec)
    assert parsed == value and type(parsed) is type(value)


@pytest.mark.parametrize(
    "spec",
    ["x=", "x=1x3:q7", "x=1xx3:f32", "k=three", "k=2.5:int", "1a=3", "x=absent.npy", "flag=maybe:bool"],
)
def test_what_cannot_be_read_is_a_usage_error_that_quotes_it(spec: str) -> None:
    with pytest.raises(CliError) as raised:
        one(spec)
    assert raised.value.code is Exit.USAGE
    text = str(raised.value.diagnostics)
    assert spec in text or spec.partition("=")[2] in text


def test_files(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    np.savez(tmp_path / "b.npz", mask=np.ones(2, bool), arr_1=np.zeros(1), arr_0=np.ones(1))
    value = one(f"x={tmp_path / 'a.npy'}")
    assert isinstance(value, TensorValue) and value.array.tolist() == [0, 1, 2]
    specs = parse_inputs(["k=1"], tmp_path / "b.npz")
    assert [spec.name for spec in specs] == ["", "", "mask", "k"]
    assert isinstance(specs[0].value, TensorValue) and specs[0].value.array.tolist() == [1.0]


def test_pickles_are_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([object()]), allow_pickle=True)
    np.savez(tmp_path / "b.npz", x=np.array([object()]))  # pickles as well
    for read in (lambda: one(f"x={tmp_path / 'a.npy'}"), lambda: parse_inputs([], tmp_path / "b.npz")):
        with pytest.raises(CliError, match="holds Python objects, which are not read") as raised:
            read()
        assert "pickle" not in str(raised.value.diagnostics).replace(str(tmp_path), "")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04\x95.", b"PK\x03\x04", b"\x93NUMPY\x01"])
def test_what_is_no_array_says_so_and_nothing_of_pickles(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(
        CliError, match=r"a\.npy (is not a file of NumPy's|is damaged)|a\.npy: it is dam"
    ) as raised:
        one(f"x={tmp_path / 'a.npy'}")
    assert raised.value.code is Exit.USAGE and "load()" not in str(raised.value.diagnostics)


def test_a_shape_without_a_dtype_says_what_to_type() -> None:
    with pytest.raises(CliError, match="`--input ids=1x6` lacks a dtype") as raised:
        one("ids=1x6")
    assert "--input ids=1x6:i64" in raised.value.diagnostics[0].helps[0]


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(CliError, match=r"photo\.jpg: it does not end in \.npy"):
        one(f"x={tmp_path / 'photo.jpg'}")
    np.savez(tmp_path / "several.npz", x=np.ones(1))
    with pytest.raises(CliError, match=r"does not end in \.npy"):
        one(f"x={tmp_path / 'several.npz'}")


def test_a_misspelt_file_is_guessed(tmp_path: Path) -> None:
    np.save(tmp_path / "photo.npy", np.ones(1))
    with pytest.raises(CliError, match="no such file") as raised:
        one(f"x={tmp_path / 'phtoo.npy'}")
    assert raised.value.diagnostics[0].helps == (f"did you mean `{tmp_path / 'photo.npy'}`?",)


def test_binding() -> None:
    specs = [InputSpec("", 1), InputSpec("batch.k", 2), InputSpec("batch.t", 3), InputSpec("z", 4)]
    assert bind(specs) == ((1,), {"batch": {"k": 2, "t": 3}, "z": 4})


@pytest.mark.parametrize("names", [("x", "x"), ("x", "x.k")])
def test_names_given_twice(names: tuple[str, str]) -> None:
    with pytest.raises(CliError):
        bind([InputSpec(name, 1) for name in names])
