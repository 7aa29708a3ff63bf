"""Statements: branches, loops, exceptions, assignments, scopes, patterns."""

import contextlib

import torch
from tests.coverage.cases import table

branches = table("Statements", "Branches")


@branches("`if`, `elif`, `else`")
def elif_chain(x):
    if x.sum() > 8:
        y = x * 2
    elif x.sum() > 0:
        y = x + 1
    else:
        y = -x
    return y


@branches("conditional expression")
def ternary(x):
    return x * 2 if x.sum() > 0 else x - 1


@branches("chained comparison")
def chained(x):
    return x * 2 if -3 < x.sum() < 5 else x - 1


@branches("`and`, `or`, `not`")
def booleans(x):
    if x[0] > 0 and (x[1] < 0 or not x[2] > 2):
        return x + 1
    return x - 1


@branches("`and`, `or` as values")
def boolean_values(x):
    return x.sum().item() or (x.max().item() and 7)


@branches("`if` on the truth of a number from data")
def number_truth(x):
    return x + 1 if int(x[0]) else x - 1


@branches("nested `if` with `return` at depth")
def returns_at_depth(x):
    if x[0] > 0:
        for i in range(3):
            if x[i] < 0:
                return x * i
        return x + 1
    return x - 1


@branches("`is None`, set by a decision")
def is_none(x):
    y = x * 2 if x.sum() > 0 else None
    return x if y is None else y


@branches("`in` a tuple of numbers, a number from data")
def number_in(x):
    return x * 2 if int(x[0]) in (1, 9) else x


loops = table("Statements", "Loops")


@loops("`while` on a tensor")
def while_tensor(x):
    while x.abs().sum() > 4:
        x = x / 2
    return x


@loops("`while` … `else`, `break`")
def while_else(x):
    n = 0
    while n < 5:
        x = x * 1.5
        n += 1
        if x.sum() > 20:
            break
    else:
        return x - 1
    return x, n


@loops("`while True` with `break`")
def while_true(x):
    while True:
        x = x - 1
        if x.max() < 0:
            break
    return x


@loops("`for` … `else`, `break`")
def for_else(x):
    for v in x:
        if v < 0:
            found = v * 2
            break
    else:
        found = x.sum()
    return found


@loops("`for` with `continue`")
def for_continue(x):
    total = torch.zeros(())
    for v in x:
        if v < 0:
            continue
        total = total + v
    return total


@loops("`for` over `range` of a number from data")
def for_range(x):
    for i in range(int(x.max())):
        x = x + i
    return x


@loops("`for` over `range` with a step from data", calls=([1, 2], [2, 1], [0, 5]))
def for_range_step(x):
    total = 0
    for i in range(0, 10, int(x[0])):
        total += i
    return total


@loops("nested loops, both bounded by data")
def nested_loops(x):
    count = 0
    while x.sum() > 1:
        for _ in range(int(x.max())):
            count += 1
        x = x / 2
    return x, count


@loops("loop over the layers of a `ModuleList`")
class LoopOverLayers(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(4, 4) for _ in range(3)])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
            if x.sum() > 0.5:
                break
        return x


@loops("loop variable after the loop")
def loop_variable(x):
    for i in range(4):
        if x[i] < 0:
            break
    return x * i


@loops("`while` with a flag")
def while_flag(x):
    done = False
    steps = 0
    while not done:
        x = x - 2
        steps += 1
        done = bool(x.max() < 0) or steps > 3
    return x, steps


exceptions = table("Statements", "Exceptions")


@exceptions("`raise`, to the caller")
def raise_out(x):
    if x.sum() < 0:
        raise ValueError("negative")
    return x * 2


@exceptions("`raise` with a number from data in the message")
def raise_number(x):
    n = int(x.sum())
    if n < 0:
        raise ValueError(f"sum is {n}")
    return x * n


@exceptions("`raise` of a class of one's own, with attributes")
def raise_own(x):
    try:
        if x.sum() > 0:
            raise Found(x * 2)
    except Found as found:
        return found.value
    return x


class Found(Exception):
    def __init__(self, value):
        super().__init__("found")
        self.value = value


@exceptions("`try`, `except`, `else`, `finally`")
def try_all(x):
    trace = []
    try:
        if x.sum() < 0:
            raise ValueError
        y = x * 2
    except ValueError:
        y = -x
        trace.append(1)
    else:
        y = y + 1
    finally:
        trace.append(2)
    return y, trace


@exceptions("`except` of several classes, `as`")
def except_several(x):
    try:
        if x.sum() < 0:
            raise KeyError("low")
        if x.sum() > 9:
            raise IndexError("high")
    except (KeyError, IndexError) as error:
        return x * len(error.args), type(error).__name__
    return x, "none"


@exceptions("`raise … from`")
def raise_from(x):
    try:
        try:
            if x.sum() < 0:
                raise ValueError("inner")
        except ValueError as error:
            raise RuntimeError("outer") from error
    except RuntimeError as error:
        return x, str(error)
    return x * 2, ""


@exceptions("`__cause__`, `__context__`, `__traceback__` of an exception", refused="DY101")
def cause(x):
    try:
        try:
            if x.sum() < 0:
                raise ValueError("inner")
        except ValueError as error:
            raise RuntimeError("outer") from error
    except RuntimeError as error:
        return x, str(error.__cause__)
    return x * 2, ""


@exceptions("bare `raise` in `except`")
def reraise(x):
    try:
        if x[0] < 0:
            raise ValueError("again")
    except ValueError:
        if x[1] < 0:
            raise
        return x - 1
    return x


@exceptions("`return` in `finally`")
def return_in_finally(x):
    try:
        if x.sum() > 0:
            return x
        raise ValueError
    finally:
        return x * 3  # noqa: B012


@exceptions("`break` through `finally`")
def break_through_finally(x):
    n = 0
    for v in x:
        try:
            if v < 0:
                break
        finally:
            n += 1
    return n


@exceptions("`except*`", refused="DY101")
def except_star(x):
    try:
        if x.sum() < 0:
            raise ExceptionGroup("some", [ValueError()])
    except* ValueError:
        return_value = -x
    else:
        return_value = x
    return return_value


@exceptions("error of Python caught: a number from data divides")
def division_by_zero(x):
    try:
        return 12 // int(x[0])
    except ZeroDivisionError:
        return -1


@exceptions("error of Python caught: an index from data")
def index_error(x):
    try:
        return (10, 20, 30)[int(x[0])]
    except IndexError:
        return -1


def safe_ratio(a, b):
    try:
        return a / b
    except ZeroDivisionError:
        return 0.0


@exceptions("error of Python caught in a helper that does not decide")
def caught_in_helper(x):
    return safe_ratio(x[1].item(), x[0].item()) if x[2] > -9 else x


@exceptions("`assert`, with a message")
def assertion(x):
    assert x.sum() >= 0, "must not be negative"
    return x + 1


@exceptions("`contextlib.suppress`")
def suppress(x):
    y = x
    with contextlib.suppress(ValueError):
        if x.sum() < 0:
            raise ValueError
        y = x * 2
    return y
