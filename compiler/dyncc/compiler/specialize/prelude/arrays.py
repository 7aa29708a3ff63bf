"""NumPy on values of the network: what ``tensor.numpy()`` gives while a program is specialized.

PyTorch's own NumPy on tensors (``torch._numpy``) computes, so that what it does is recorded like any other
PyTorch code. Two things are left to do here: NumPy's results without dimensions are numbers, which nothing
changes in place; and numbers that are known only at run time take part.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
import torch
import torch._numpy as torch_numpy

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize.prelude.functions import LEGACY, legacy_dtype
from dyncc.compiler.specialize.prelude.records import RecordList
from dyncc.compiler.specialize.values import SymTensor, decide, is_scalar, kind_of
from dyncc.compiler.specialize.values.decisions import builder


class Array:
    """A NumPy array whose values are not known. The object never changes, what is in ``tensor`` may."""

    scalar = False
    """Whether it is a number of NumPy's, which nothing changes."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor

    def _dyncc_parts(self) -> tuple[Any, ...]:
        return (self.tensor,)

    @property
    def shape(self) -> Any:
        return tuple(self.tensor.shape)

    @property
    def ndim(self) -> int:
        return self.tensor.dim()

    @property
    def size(self) -> Any:
        return self.tensor.numel()

    @property
    def dtype(self) -> np.dtype[Any]:
        return dtype_of(self)

    @property
    def T(self) -> Any:
        return call(np.transpose, (self,), {})

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_dyncc") and hasattr(class_of(self), name):
            _refuse(f"numpy.{class_of(self).__name__}.{name}")
        raise AttributeError(f"'numpy.{class_of(self).__name__}' object has no attribute '{name}'")

    def astype(self, dtype: Any, copy: bool = True, **others: Any) -> Any:
        _refuse_others("astype", others)
        return made(_changed(self.tensor, dtype, copy), self.scalar)

    def copy(self, **others: Any) -> Any:
        _refuse_others("copy", others)
        return made(self.tensor.clone(), self.scalar)

    def flatten(self, **others: Any) -> Any:
        _refuse_others("flatten", others)
        return Array(self.tensor.reshape(-1).clone())

    def reshape(self, *shape: Any, **others: Any) -> Any:
        _refuse_others("reshape", others)
        return Array(self.tensor.reshape(*shape))

    def tolist(self) -> Any:
        reads_unseen()
        return self.tensor.tolist()

    def item(self, *index: Any) -> Any:
        return self[index if len(index) > 1 else index[0]].item() if index else number_of(self)

    def __len__(self) -> Any:
        if self.tensor.dim() == 0:
            raise TypeError(
                f"object of type 'numpy.{dtype_of(self).name}' has no len()"
                if self.scalar
                else "len() of unsized object"
            )
        return self.tensor.shape[0]

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]

    def __bool__(self) -> bool:
        if self.tensor.numel() != 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. "
                "Use a.any() or a.all()"
            )
        return bool(number_of(self))

    def __int__(self) -> int:
        return int(number_of(self))

    def __float__(self) -> float:
        return float(number_of(self))

    def __index__(self) -> int:
        if self.tensor.dim() or self.tensor.dtype.is_floating_point:
            raise TypeError("only integer scalar arrays can be converted to a scalar index")
        return int(number_of(self))

    def __contains__(self, value: Any) -> Any:
        return (self == value).any()

    def __getitem__(self, index: Any) -> Any:
        compare_with_numpy("ndarray.__getitem__", _item, _item_of_array, (self, index), {})
        return _item_of_array(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        torch_numpy.ndarray(self.tensor)[_given(index)] = _given(value)

    def __format__(self, spec: str) -> str:
        if not spec or not self.scalar:
            _decide(self.tensor, "the text of an array")
        return format(number_of(self), spec)

    def __repr__(self) -> str:
        _decide(self.tensor, "the text of an array")

    def __hash__(self) -> int:  # noqa: PLE0309  # it raises
        _decide(self.tensor, "the hash of a number")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        _decide(self.tensor, "numpy.array")

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call(function, args, kwargs)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            _refuse(f"numpy.{ufunc.__name__}.{method}")
        return call(ufunc, inputs, kwargs)


class Number(Array):
    """``numpy.float32`` and the like: what NumPy gives instead of an array of no dimensions."""

    scalar = True


def made(tensor: torch.Tensor, scalar: bool) -> Array:
    return Number(tensor) if scalar else Array(tensor)


_OPERATORS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide,
    "floordiv": np.floor_divide, "mod": np.remainder, "pow": np.power, "matmul": np.matmul,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "lshift": np.left_shift,
    "rshift": np.right_shift,
}  # fmt: skip
_COMPARISONS = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal,
    "ne": np.not_equal,
}  # fmt: skip
_UNARY = {"neg": np.negative, "abs": np.absolute, "invert": np.invert}
_METHODS = (
    "all any argmax argmin argsort clip cumprod cumsum diagonal dot max mean min nonzero prod ravel repeat "
    "round squeeze std sum swapaxes take trace transpose var"
).split()


def _operator(ufunc: Any, name: str) -> Callable[[Any, Any], Any]:
    def forward(self: Any, other: Any) -> Any:
        if isinstance(other, torch.Tensor):  # (where native code applies it)
            return mixed(getattr(operator, f"__{name}__"), self, other)
        return call(ufunc, (self, other), {})

    return forward


def _reflected(ufunc: Any) -> Callable[[Any, Any], Any]:
    def backward(self: Any, other: Any) -> Any:
        return call(ufunc, (other, self), {})

    return backward


def _inplace(ufunc: Any) -> Callable[[Any, Any], Any]:
    def changing(self: Any, other: Any) -> Any:
        if self.scalar:
            return call(ufunc, (self, other), {})
        return call(ufunc, (self, other), {"out": self})

    return changing


def _unary(ufunc: Any) -> Callable[[Any], Any]:
    def method(self: Any) -> Any:
        return call(ufunc, (self,), {})

    return method


def _method(name: str) -> Callable[..., Any]:
    def compute(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = _apply(name, getattr(torch_numpy.ndarray(self.tensor), name), args, kwargs)
        return _result(found, (self.tensor,), self.scalar or name not in _VIEWS)

    def in_numpy(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(self, name)(*args, **kwargs)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        compare_with_numpy(f"ndarray.{name}", in_numpy, compute, (self, *args), kwargs)
        return compute(self, *args, **kwargs)

    method.__name__ = name
    return method


for _name, _ufunc in _OPERATORS.items():
    setattr(Array, f"__{_name}__", _operator(_ufunc, _name))
    setattr(Array, f"__r{_name}__", _reflected(_ufunc))
    setattr(Array, f"__i{_name}__", _inplace(_ufunc))
for _name, _ufunc in _COMPARISONS.items():
    setattr(Array, f"__{_name}__", _operator(_ufunc, _name))
for _name, _ufunc in _UNARY.items():
    setattr(Array, f"__{_name}__", _unary(_ufunc))
for _name in _METHODS:
    setattr(Array, _name, _method(_name))
Array.__round__ = lambda self, digits=0: call(np.round, (self, digits), {})  # type: ignore[attr-defined]

_VIEWS = frozenset("squeeze ravel transpose swapaxes diagonal reshape".split())
"""What these give is no number where it has no dimensions, and may be what they were given."""
DECIDING = (
    Array.__bool__, Array.__int__, Array.__float__, Array.__index__, Array.__len__, Array.__iter__,
    Array.__format__, Array.__contains__, Array.item, Array.tolist,
)  # fmt: skip
"""Methods that read values."""


def _item(array: Any, index: Any) -> Any:
    return array[index]


def _item_of_array(array: Array, index: Any) -> Any:
    return _result(torch_numpy.ndarray(array.tensor)[_given(index)], (), _is_whole(index))


def number_of(array: Array) -> Any:
    """The number in an array of one element."""
    reads_unseen()
    return array.tensor.item()


def reads_unseen() -> None:
    """What is read here NumPy reads in the original, where no check can tell it another number."""
    block = builder()
    if block.span is not None:
        block.recorder.unseen.add(block.span)


def is_array(value: object) -> bool:
    return type(value) in (Array, Number)


def is_array_class(cls: object) -> bool:
    return cls is Array or cls is Number


def dtype_of(array: Array) -> np.dtype[Any]:
    return np.dtype(str(array.tensor.dtype).removeprefix("torch."))


def class_of(array: Array) -> type:
    """What ``type()`` gives."""
    return dtype_of(array).type if array.scalar else np.ndarray


# --------------------------------------------------------------------------------------- calls


def call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function of NumPy, of values that are not known."""
    own = _OWN.get(function)
    if own is None and isinstance(function, type) and issubclass(function, np.generic):
        own = functools.partial(_number_of, function)
    compute = functools.partial(_computed, function) if own is None else own
    compare_with_numpy(_name_of(function), function, compute, args, kwargs)
    try:
        return compute(*args, **kwargs)
    except CompileError:
        raise
    except TypeError as error:  # an argument that is not taken here; NumPy's own errors come from data
        _refuse(_name_of(function), str(error))


def _computed(function: Any, *args: Any, **kwargs: Any) -> Any:
    tensors = tuple(_tensors_in((args, kwargs)))
    operands = _operands(args) if isinstance(function, np.ufunc) else args
    found = _apply(_name_of(function), _counterpart(function), operands, kwargs)
    out = kwargs.get("out")
    return out if is_array(out) else _result(found, tensors, function not in _VIEWING)


def _operands(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The operands of a ufunc in NumPy's common dtype, to which numbers of Python's adapt (NEP 50)."""
    weak = [is_scalar(value) or type(value) in (int, float, bool) for value in values]
    strong = [None if adapts else as_tensor(value) for adapts, value in zip(weak, values, strict=True)]
    dtypes = [np.dtype(str(tensor.dtype).removeprefix("torch.")) for tensor in strong if tensor is not None]
    like = getattr(torch, np.result_type(*dtypes).name) if dtypes else None
    return tuple(
        [
            torch_numpy.ndarray(_number(value, like) if tensor is None else tensor.to(like))
            for tensor, value in zip(strong, values, strict=True)
        ]
    )


def _apply(name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        return function(*map(_given, args), **{key: _given(value) for key, value in kwargs.items()})
    except CompileError:
        raise
    except Exception as error:
        _refuse(name, str(error))


def _counterpart(function: Any) -> Any:
    """The function of ``torch._numpy`` of the same name."""
    name = _name_of(function)
    found: Any = torch_numpy
    for part in name.split(".")[1:]:
        found = getattr(found, part, None)
    if found is None or name.startswith("numpy.random."):
        _refuse(name)
    return found


def _name_of(function: Any) -> str:
    module = getattr(function, "__module__", None) or "numpy"
    return f"{module}.{function.__name__}"


def _given(value: Any) -> Any:
    """``value`` as ``torch._numpy`` takes it."""
    if is_array(value):
        return torch_numpy.ndarray(value.tensor)
    if type(value) is RecordList:
        return torch_numpy.ndarray(as_tensor(value))
    if isinstance(value, torch.Tensor):
        return torch_numpy.ndarray(value)
    if is_scalar(value):
        return torch_numpy.ndarray(_number(value, None))
    if isinstance(value, np.ndarray | np.generic):
        return torch_numpy.ndarray(torch.as_tensor(np.array(value)))
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return torch_numpy.dtype(np.dtype(value).name)
    if isinstance(value, list | tuple) and holds_unknown(value):
        if isinstance(value, tuple) and not all(
            is_array(item) or isinstance(item, torch.Tensor) for item in value
        ):
            return tuple([_given(item) for item in value])
        return (
            [_given(item) for item in value]
            if _are_arrays(value)
            else torch_numpy.ndarray(as_tensor(value))
        )
    return value


def _are_arrays(values: Any) -> bool:
    """Whether it is a list of arrays, as ``numpy.concatenate`` takes them, and not one of numbers."""
    return all(
        (is_array(value) and not value.scalar) or (isinstance(value, torch.Tensor) and value.dim())
        for value in values
    )


def _number(value: Any, like: torch.dtype | None) -> torch.Tensor:
    """A number of Python's: where it meets an array of its kind, it takes the array's dtype (NEP 50)."""
    kind = kind_of(value)
    dtype = _DTYPES[str(kind)]
    if like is not None and kind != "bool":
        fits = like.is_floating_point or (kind == "int" and like is not torch.bool)
        dtype = like if fits else dtype
    return torch.full((), value, dtype=dtype)


_DTYPES = {"int": torch.int64, "float": torch.float64, "bool": torch.bool}


def _result(found: Any, operands: tuple[Any, ...], number: bool) -> Any:
    """What NumPy gives: an array; a number where there are no dimensions, if ``number``."""
    if isinstance(found, torch_numpy.ndarray):
        tensor = found.tensor
        scalar = number and tensor.dim() == 0
        copied = number and any(tensor is operand for operand in operands)
        return made(tensor.clone() if copied or scalar else tensor, scalar)
    if isinstance(found, list | tuple):
        return type(found)([_result(item, operands, number) for item in found])
    return found


def _is_whole(index: Any) -> bool:
    """Whether an index that leaves no dimensions gives a number: ``a[...]`` gives an array."""
    parts = index if isinstance(index, tuple) else (index,)
    return Ellipsis not in [part for part in parts if part is Ellipsis]


def _tensors_in(value: Any) -> Iterator[torch.Tensor]:
    if is_array(value):
        yield value.tensor
    elif isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors_in(item)
    elif isinstance(value, list | tuple) and not is_scalar(value):
        for item in value:
            yield from _tensors_in(item)


def holds_unknown(value: Any) -> bool:
    """Whether it is, or holds, something whose value is not known."""
    if is_array(value) or is_scalar(value) or isinstance(value, SymTensor) or type(value) is RecordList:
        return True
    if isinstance(value, dict):
        return any(map(holds_unknown, value.values()))
    return type(value) in (list, tuple) and any(map(holds_unknown, value))


def holds_array(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(holds_array, value.values()))
    if type(value) is RecordList:
        return is_array_class(getattr(value.element, "cls", None))
    return is_array(value) or (type(value) in (list, tuple) and any(map(holds_array, value)))


def _refuse(name: str, why: str = "") -> NoReturn:
    raise CompileError(
        [
            Diagnostic(
                "DY101",
                f"`{name}` cannot be followed on a tensor's values",
                builder().span,
                label="called here",
                notes=(why,) if why else (),
                helps=("use the operation of PyTorch, on the tensor itself",),
            )
        ]
    )


def _refuse_others(name: str, others: dict[str, Any]) -> None:
    if others:
        _refuse(f"numpy.ndarray.{name}", f"with {', '.join(others)}")


# ----------------------------------------------------------------------------- NumPy as the reference


def compare_with_numpy(
    name: str, real: Any, compute: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Refuse where NumPy itself gives something else for arrays of such shapes and dtypes.

    Where it gives nothing for them (an index out of range, say), or their sizes are not known, nothing is
    compared.
    """
    source = np.random.default_rng(0)
    try:
        drawn = _stand_in((args, kwargs), source)
        with torch._C.DisableTorchFunction(), np.errstate(all="ignore"):
            expected = real(*_of_numpy(drawn[0]), **_of_numpy(drawn[1]))
            difference = _differs(expected, compute(*drawn[0], **drawn[1]))
    except Exception:
        return
    if difference:
        _refuse(name, f"PyTorch's own NumPy differs here: {difference}")


class _NotKnown(Exception):
    pass


def _decide(tensor: Any, what: str) -> NoReturn:
    """A decision on an array; one that stands in for another decides nothing, and is not compared."""
    if not isinstance(tensor, SymTensor):
        raise _NotKnown
    decide(tensor, what)


def _stand_in(value: Any, source: np.random.Generator) -> Any:
    """``value`` with real tensors and numbers."""
    if is_array(value):
        return type(value)(_stand_in(value.tensor, source))
    if isinstance(value, torch.Tensor):
        shape = tuple(value.shape)
        if not all(type(size) is int for size in shape):
            raise _NotKnown
        dtype = value.dtype
        values = source.standard_normal(shape) if dtype.is_floating_point else source.integers(0, 2, shape)
        with torch._C.DisableTorchFunction():
            return torch.as_tensor(values).to(dtype)
    if is_scalar(value):
        return {"int": 2, "float": 0.75, "bool": True}[value.kind]
    if type(value) is RecordList:
        raise _NotKnown
    if isinstance(value, dict):
        return {key: _stand_in(item, source) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)([_stand_in(item, source) for item in value])
    return value


def _of_numpy(value: Any) -> Any:
    """A stand-in as NumPy has it."""
    if is_array(value):
        array = value.tensor.numpy().copy()
        return array[()] if value.scalar else array
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: _of_numpy(item) for key, item in value.items()}
    return type(value)([_of_numpy(item) for item in value]) if type(value) in (list, tuple) else value


def _differs(expected: Any, found: Any) -> str:
    if isinstance(expected, list | tuple) and isinstance(found, list | tuple):
        if len(expected) != len(found):
            return f"{len(found)} results, not {len(expected)}"
        return next((text for pair in zip(expected, found, strict=True) if (text := _differs(*pair))), "")
    if isinstance(expected, np.ndarray | np.generic):
        if not is_array(found) or found.scalar != isinstance(expected, np.generic):
            return f"`{type(found).__name__}`, not `{type(expected).__name__}`"
        actual = found.tensor.numpy()
        if (actual.dtype, actual.shape) != (expected.dtype, expected.shape):
            return f"{actual.dtype}{list(actual.shape)}, not {expected.dtype}{list(expected.shape)}"
        return "" if np.allclose(actual, expected, 1e-4, 1e-5, equal_nan=True) else "other values"
    return "" if type(expected) is type(found) and expected == found else f"{found!r}, not {expected!r}"


# ------------------------------------------------------------------------- arrays from something


def as_tensor(value: Any) -> torch.Tensor:
    """The tensor of an array-like, in NumPy's default dtypes."""
    if is_array(value):
        return value.tensor
    if isinstance(value, torch.Tensor):
        return value
    if is_scalar(value):
        return _number(value, None)
    if type(value) is RecordList:
        return torch.stack(value.columns[0])
    if isinstance(value, list | tuple) and holds_unknown(value):
        parts = [as_tensor(item) for item in value]
        dtype = functools.reduce(torch.promote_types, [part.dtype for part in parts])
        return torch.stack([part.to(dtype) for part in parts])
    return torch.as_tensor(np.array(value))


def _changed(tensor: torch.Tensor, dtype: Any, copy: bool) -> torch.Tensor:
    wanted = None if dtype is None else getattr(torch, np.dtype(dtype).name, None)
    if dtype is not None and wanted is None:
        _refuse(f"numpy.{np.dtype(dtype).name}")
    if wanted is None or wanted is tensor.dtype:
        return tensor.clone() if copy else tensor
    return tensor.to(wanted)


def _array(value: Any, dtype: Any = None, *, copy: Any = True, **others: Any) -> Any:
    if others:
        _refuse("numpy.array", f"with {', '.join(others)}")
    return Array(_changed(as_tensor(value), dtype, bool(copy)))


def _asarray(value: Any, dtype: Any = None, **others: Any) -> Any:
    if is_array(value) and not value.scalar and not others and dtype is None:
        return value
    return _array(value, dtype, copy=False, **others)


def _number_of(cls: type, value: Any = 0) -> Any:
    """``numpy.float32(value)``"""
    tensor = _changed(as_tensor(value), cls, True)
    return made(tensor, tensor.dim() == 0)


_OWN: dict[Any, Callable[..., Any]] = {
    np.array: _array,
    np.asarray: _asarray,
    np.asanyarray: _asarray,
    np.copy: lambda value: Array(as_tensor(value).clone()),
    np.isscalar: lambda value: not is_array(value) or value.scalar,
    np.ndim: lambda value: as_tensor(value).dim(),
    np.shape: lambda value: tuple(as_tensor(value).shape),
    np.size: lambda value: as_tensor(value).numel(),
    np.reshape: lambda value, *shape: Array(as_tensor(value).reshape(*shape)),
}
_VIEWING = frozenset(
    (np.squeeze, np.ravel, np.transpose, np.swapaxes, np.diagonal, np.expand_dims, np.broadcast_to)
)


# ------------------------------------------------------------------------------------ PyTorch's side


def mixed(operation: Any, left: Any, right: Any) -> Any:
    """An operator of a tensor and an array: PyTorch takes a number of NumPy's as one of Python's."""
    one, other = [_python_number(value) if is_array(value) else value for value in (left, right)]
    return operation(one, other)


def _python_number(array: Array) -> Any:
    if not array.scalar:
        _refuse(
            "an array beside a tensor", "what PyTorch and NumPy make of it depends on which comes first"
        )
    return number_of(array)


def tensor_from(function: Any, data: Any, dtype: Any = None, **others: Any) -> Any:
    """``torch.tensor`` and the like of arrays, or of lists with numbers of NumPy's."""
    if others.pop("device", None) not in (None, "cpu", torch.device("cpu")) or any(others.values()):
        _refuse(function.__name__, "with such arguments")
    dtype = legacy_dtype(function) or dtype
    tensor = _of_data(data)
    if dtype is not None:
        tensor = tensor.to(dtype)
    shared = function in (torch.from_numpy, torch.as_tensor) and is_array(data)
    return tensor if shared else tensor.clone()


def _of_data(data: Any) -> torch.Tensor:
    """As ``torch.tensor`` has it: float64 numbers of NumPy's are floats of Python's to it."""
    if is_array(data):
        double = data.scalar and data.tensor.dtype is torch.float64
        return data.tensor.to(torch.get_default_dtype()) if double else data.tensor
    if type(data) is RecordList:
        return torch.stack(data.columns[0])
    if isinstance(data, list | tuple):
        parts = [_of_data(item) for item in data]
        dtype = functools.reduce(torch.promote_types, [part.dtype for part in parts])
        return torch.stack([part.to(dtype) for part in parts])
    return torch.tensor(data)


def array_of(value: np.ndarray[Any, Any] | np.generic) -> Array:
    """What stands for an array that is known, where it meets what is not."""
    return made(torch.as_tensor(np.array(value)), isinstance(value, np.generic))


def with_number(operation: Any, left: Any, right: Any) -> Any:
    """An operator of a known array and a number known only at run time."""
    known = (np.ndarray, np.generic)
    return operation(
        array_of(left) if isinstance(left, known) else left,
        array_of(right) if isinstance(right, known) else right,
    )


CONSTRUCTORS = (torch.from_numpy, torch.as_tensor, torch.tensor, torch.Tensor, *LEGACY)


def index_of(index: Any) -> Any:
    """An index into a tensor or a list, its arrays as what they take."""
    if is_array(index):
        return number_of(index) if index.scalar else index.tensor
    if isinstance(index, tuple) and not is_scalar(index):
        return tuple([index_of(part) for part in index])
    if isinstance(index, slice):
        return slice(index_of(index.start), index_of(index.stop), index_of(index.step))
    return index
