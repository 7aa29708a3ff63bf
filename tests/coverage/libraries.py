"""The standard library around a network: effects, logging, typing."""

import itertools
import logging
import os
import random
import re
import time
import typing
import warnings
from collections import abc

import torch
from tests.coverage.cases import table

effects = table("Surroundings", "Effects")


@effects("`print`, `logging`, `warnings`", note="left out of the program")
def logs(x):
    if x.sum() > 0:
        print("up")
        logging.getLogger(__name__).debug("up %s", x.shape)
        warnings.warn("up", stacklevel=1)
    return x * 2


logger = logging.getLogger(__name__)


@effects("`logger.warning`, `warnings.warn` of numbers from data", note="left out of the program")
def logs_data(x):
    total = x.sum().item()
    if total > 0:
        logger.warning("up %.2f of %d", total, x.shape[0])
        warnings.warn(f"up {total:.2f}", stacklevel=2)
        logging.info("up %s", total)
    return x * total


@effects("`time.perf_counter`, `time.time`", refused="DY121")
def clock(x):
    start = time.perf_counter()
    return x if time.perf_counter() - start < x.sum() else -x


@effects("`random` of Python", refused="DY121")
def chance(x):
    return x * random.random() if x.sum() > 0 else x


@effects("`open`", refused="DY121")
def files(x):
    if x.sum() > 0:
        with open(os.devnull) as file:
            return x, file.read()
    return x, ""


@effects("`os.environ`, read", note="the value at compile time")
def environment(x):
    return x if os.environ.get("NO_SUCH_NAME") or x.sum() > 0 else -x


@effects("`input`", refused="DY121")
def asks(x):
    return x if x.sum() > 0 else input()


scripts = table("Surroundings", "TorchScript")


@torch.jit.script
def doubled(x: torch.Tensor) -> torch.Tensor:
    return x * 2


@torch.jit.script
def deciding(x: torch.Tensor) -> torch.Tensor:
    if x.sum() > 1:
        return x * 2
    return x


@scripts("a function under `torch.jit.script`", note="the function that it was made from is compiled")
def scripted(x):
    return doubled(x) if x.mean() > 0 else -x


@scripts("one that decides", refused="DY103")
def deciding_script(x):
    return deciding(x) if x.mean() > 0 else -x


layer = torch.jit.script(torch.nn.ReLU())


@scripts("a module under `torch.jit.script` or `torch.jit.trace`", refused="DY103")
def scripted_module(x):
    return layer(x) if x.mean() > 0 else -x


asides = table("Surroundings", "Asides")


@asides("`typing.cast`, `TYPE_CHECKING`, `isinstance(x, abc.Iterable)`")
def typed(x):
    y = typing.cast(torch.Tensor, x)
    return y * 2 if isinstance(y, abc.Iterable) and y.sum() > 0 else y


@asides("`re` on static texts and on a tag")
def patterns(x):
    tag = "e12" if x.sum() > 0 else "e3"
    return int(re.sub(r"\D", "", tag)), bool(re.match("e1", tag))


@asides("`itertools.count` as a source of ids")
def identifiers(x):
    ids = itertools.count()
    return [next(ids) for v in x if v > 0]


@asides("`torch.profiler.record_function`")
def profiled(x):
    with torch.profiler.record_function("part"):
        return x * 2 if x.sum() > 0 else x


@asides("`torch._assert`, `torch._check`")
def checked(x):
    torch._assert(x.shape[0] == 4, "four")
    n = int(x.abs().max())
    torch._check(n >= 0)
    return torch.zeros(n) if x.sum() > 0 else x


@asides("`torch._assert` of a tensor's value")
def asserted(x):
    torch._assert(bool((x >= -3).all()), "too low")
    return x * 2


@asides("`id` of a tensor, as key")
def identity(x):
    y = x if x.sum() > 0 else x + 1
    return {id(x): 1}.get(id(y), 2)
