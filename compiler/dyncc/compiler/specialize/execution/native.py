"""Running code natively: in CPython, under the recorder, with what it decides noticed."""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.code_origin import is_users
from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.specialize.execution.catching import protecting
from dyncc.compiler.specialize.execution.effects import SEED, Draws, effect_of, refuse
from dyncc.compiler.specialize.execution.identity import is_library
from dyncc.compiler.specialize.execution.program_code import (
    code_of,
    codes_between,
    is_program,
    is_readable,
)
from dyncc.compiler.specialize.execution.watching import watching
from dyncc.compiler.specialize.lists.copies import made_anew, refuse_identity
from dyncc.compiler.specialize.recording import refusals
from dyncc.compiler.specialize.values import (
    Decision,
    DynamicTag,
    DynamicText,
    Restart,
    SymTensor,
    is_scalar,
)
from dyncc.compiler.specialize.values.decisions import Cut
from dyncc.compiler.tuples import field_names

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


_OF_TRACING = ("torch._dynamo", "torch.fx.", "torch._subclasses")
"""Where exceptions are defined that eager never raises: something about fake tensors was not foreseen."""


class Raised(BaseException):
    """The program raised ``error`` (as opposed to a fault of the compiler)."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(repr(type(error)))
        self.error = error


def run_native(
    machine: Machine, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call ``func`` natively.

    Raises :class:`Raised` for an exception of the program, Restart where code on the way to a decision must
    be interpreted from now on, Decision where the decision is in ``func`` itself and that is native.
    """
    block = machine.block
    block.take_decision()
    block.refusal = None
    _check_before(machine, func, args, kwargs)
    draws = None if type(func) is types.BuiltinFunctionType else Draws(machine.owner.heap.generators)
    if func is id:
        machine.recorder.ask_identity(*args)
        if (origins := made_anew(machine.recorder, *args)) is not None:
            refuse_identity(origins)
    try:
        with watching(machine, func, run_native.__code__):
            unknown = any(is_scalar(value) for value in args)
            if unknown and _is_torch(func):
                # past PyTorch's argument parser, which takes an unknown number for no number at all
                result = machine.recorder.call(func, args, kwargs)
            elif unknown and _takes_sizes(func):
                method = getattr(torch.Tensor, func.__name__)
                result = machine.recorder.call(method, (func.__self__, *args), kwargs)  # type: ignore[attr-defined]
            else:
                result = func(*args, **kwargs)
    except Decision as decision:
        machine.facts.must_interpret(codes_between(decision))
        raise
    except Cut as cut:
        if not machine.started:  # the block begins here already: what is to be split is inside of the call
            machine.facts.must_interpret(codes_between(cut))
        raise
    except (Raised, Restart):
        raise
    except CompileError as refusal:
        _tell_where(machine, refusal)
        raise
    except StopIteration as error:
        raise Raised(error) from None
    except Exception as error:
        numbers = _tensors_as_numbers(machine, func, args, kwargs, error)
        if numbers is not None:
            return run_native(machine, func, *numbers)
        raise _meaning(machine, func, args, error) from None
    if draws is not None and (effect := draws.effect()):
        refuse(machine, effect)
    decision = block.take_decision()
    if decision is not None:
        machine.facts.must_interpret(codes_between(decision) | code_of(func))
        raise decision
    return result


def _meaning(
    machine: Machine, func: Callable[..., Any], args: tuple[Any, ...], error: Exception
) -> BaseException:
    """What an exception of native code is for the program: its own (Raised), or a refusal."""
    block = machine.block
    if block.refusal is not None:  # TorchScript tells its text alone
        _tell_where(machine, error)
        return block.refusal
    _raise_what_is_behind(error, args)
    if isinstance(error, (TypeError, AttributeError)) and DynamicText.__name__ in str(error):
        machine.facts.must_interpret(set(filter(is_readable, codes_between(error))))
        machine.refuse(
            "DY104", "the text of a number is given to native code", "called here",
            helps=("give it the number",),
        )  # fmt: skip
    if type(error).__module__.startswith(_OF_TRACING):
        return refusals.failure(func, error, block.span)
    if block.unmet or machine.owner.has_unknown_numbers():
        machine.facts.must_interpret(codes_between(error))
    return Raised(error)


def _check_before(
    machine: Machine, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Refuse what must not run while compiling."""
    effect = effect_of(func)
    # (PyTorch itself keeps the seed, for a second run that a compiled program does not make)
    if effect is not None and not (effect is SEED and is_library(machine.frames[-1].function.code)):
        refuse(machine, effect)
    text = next((v for v in (*args, *kwargs.values()) if type(v) is DynamicText), None)
    if text is not None and not _keeps_text(func, args):
        machine.facts.must_interpret(set(filter(is_readable, _codes_called(func))))
        raise Decision(text, "the text of a number")
    if func is next and id(args[0]) in machine.owner.heap.iterators:
        machine.refuse(
            "DY112", f"a `{type(args[0]).__name__}` object that calls share is advanced", "this call",
            helps=("keep a list and a position in it, or a count",),
        )  # fmt: skip


def _tell_where(machine: Machine, refusal: Exception) -> None:
    """Have it told at the user's expression, and not at the call of the function that has it."""
    users = {code for code in codes_between(refusal) if is_users(code.co_filename)}
    machine.facts.must_interpret(set(filter(is_readable, users)))


def _raise_what_is_behind(error: Exception, args: tuple[Any, ...]) -> None:
    """Raise what ``error`` is the shadow of: a refusal that a library wrapped, or a decision in C code."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, CompileError):
            raise inner from None
        inner = inner.__cause__ or inner.__context__
    tag = next((value for value in args if type(value) is DynamicTag), None)
    if isinstance(error, TypeError) and tag is not None:  # C code asked for a text or a member as such
        raise Decision(tag, "a value that was chosen by a tensor") from None


_POSITION = re.compile(r"argument '(\w+)' \(position (\d+)\)")


def _tensors_as_numbers(
    machine: Machine, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """The arguments of a call that failed, with the number in place of a tensor where PyTorch takes one.

    Its parser takes a tensor of no dimensions for a number (``x.topk(k)``), one of the program's not. None
    where that is not what is wrong.
    """
    if not isinstance(error, TypeError) or SymTensor.__name__ not in str(error):
        return None
    bound = isinstance(getattr(func, "__self__", None), torch.Tensor)
    if not (bound or _is_torch(func)):
        machine.facts.must_interpret(codes_between(error))
        return None

    whole = "must be Number" not in str(error) and "must be float" not in str(error)

    def number(value: Any) -> Any:
        # (nothing that a check can see reads it in the original)
        if not _is_number(value) or (whole and found is not None and value.fake.dtype.is_floating_point):
            return value
        if machine.block.span is not None:
            machine.recorder.unseen.add(machine.block.span)
        return item(value)

    found = _POSITION.search(str(error))
    if found is None:
        first = 0 if bound or not any(map(_is_number, args[1:])) else 1
        changed = (*args[:first], *map(number, args[first:])), {k: number(v) for k, v in kwargs.items()}
    elif found[1] in kwargs:
        changed = args, {**kwargs, found[1]: number(kwargs[found[1]])}
    else:
        index = int(found[2]) - 1
        changed = (*args[:index], *map(number, args[index : index + 1]), *args[index + 1 :]), kwargs
    same = all(one is other for one, other in zip(args, changed[0], strict=True))
    return None if same and all(changed[1][key] is kwargs[key] for key in kwargs) else changed


def _is_number(value: Any) -> bool:
    return type(value) is SymTensor and value.fake.dim() == 0


def _is_torch(func: Any) -> bool:
    """A function of PyTorch that is written in C (a method is told apart by its tensor)."""
    if type(func) is not types.BuiltinFunctionType:
        return False
    return func.__qualname__.startswith("_VariableFunctionsClass.") or func.__self__ is torch._C._nn


def _takes_sizes(func: Any) -> bool:
    """A tensor's method whose sizes PyTorch takes one by one only where all of them are known."""
    return (
        type(func) is types.BuiltinMethodType
        and isinstance(func.__self__, torch.Tensor)
        and func.__name__ in ("expand", "new_zeros", "new_ones", "new_empty")
    )


_KEEPING = ("append", "insert", "extend", "update", "setdefault", "setattr", "__setitem__", "__init__")
"""Methods of containers, and what attributes are set by."""


def _keeps_text(func: Any, args: tuple[Any, ...]) -> bool:
    """Whether a call only keeps a text: the making of an exception or a record, a list's append."""
    if isinstance(func, type):
        return issubclass(func, BaseException) or _is_record(func)
    if func is store:
        return isinstance(args[0], (list, dict)) and type(args[1]) is not DynamicText
    if any(map(is_program, code_of(func))):
        return False
    return getattr(func, "__name__", "") in _KEEPING or func is setattr


def store(obj: Any, index: Any, value: Any) -> None:
    """``obj[index] = value``"""
    obj[index] = value


def _is_record(cls: type) -> bool:
    """A named tuple or dataclass that is made by no code of the program."""
    if issubclass(cls, tuple):
        return bool(field_names(cls)) and not any(map(is_readable, code_of(cls.__new__)))
    plain = dataclasses.is_dataclass(cls) and not hasattr(cls, "__post_init__")
    return plain and not any(map(is_readable, code_of(cls.__init__)))  # type: ignore[misc]


def _codes_called(func: Any) -> set[types.CodeType]:
    """The code that a call of ``func`` begins with."""
    if isinstance(func, type):
        return code_of(func.__init__)  # type: ignore[misc]
    if isinstance(func, torch.nn.Module):
        return code_of(func.forward)
    return code_of(func) or code_of(getattr(type(func), "__call__", None))  # noqa: B004


def protecting_code() -> set[types.CodeType]:
    """The functions of the program, run natively, that are inside of a ``try`` or ``with``."""
    return protecting(run_native.__code__, is_program)


def item(tensor: Any) -> Any:
    """``tensor.item()``, as the recorder gives it."""
    return tensor.item()
