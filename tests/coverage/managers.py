"""`with` statements."""

import contextlib

from tests.coverage.cases import table

withs = table("Statements", "`with`")


class Scale:
    def __init__(self):
        self.log = []

    def __enter__(self):
        self.log.append("in")
        return self

    def __exit__(self, kind, error, trace):
        self.log.append("out" if kind is None else kind.__name__)
        return kind is KeyError


@withs("a class as context manager, which swallows an exception")
def with_class(x):
    scale = Scale()
    with scale:
        if x.sum() < 0:
            raise KeyError
        x = x + 1
    return x, scale.log


@contextlib.contextmanager
def doubled(x):
    yield x * 2 if x.sum() > 0 else x


@withs("`contextlib.contextmanager` that decides")
def with_generator(x):
    with doubled(x) as y:
        return y + 1


@withs("several managers, `return` inside")
def with_several(x):
    first, second = Scale(), Scale()
    with first, second:
        if x.sum() > 0:
            return x, first.log, second.log
    return -x, first.log, second.log


@withs("`contextlib.ExitStack`")
def exit_stack(x):
    log = []
    with contextlib.ExitStack() as stack:
        if x.sum() > 0:
            stack.callback(log.append, 1)
        stack.callback(log.append, 2)
    return x, log


@withs("`contextlib.nullcontext`")
def null_context(x):
    with contextlib.nullcontext(x) as y:
        return y if y.sum() > 0 else -y
