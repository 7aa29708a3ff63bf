"""Names for the values of a method: few variables, called what the user called them.

Values are local to a block and every edge passes the next block's parameters, so a variable only has to
be right inside one block and over one edge. Two values may share a variable unless both are alive at one
place of a block. Arguments and the parameters that they are passed to are made to share one where their
names agree (then the edge assigns nothing); what remains is given the user's name, numbered where two
values of one name are alive together.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator

from dyncc.runtime.host.expressions import Read, reads
from dyncc.runtime.host.lowering import Lowered
from dyncc.runtime.records import frozen

TRACE = "on_edge"
"""The argument of a traced host that is called on every edge."""
RESERVED = frozenset(
    {
        *("self", "math", "np", "Any", TRACE, "_"),
        *(
            "abs",
            "bool",
            "dict",
            "float",
            "int",
            "len",
            "list",
            "max",
            "min",
            "round",
            "set",
            "str",
            "tuple",
        ),
        *(name for name in dir(builtins) if name[0].isupper()),
        *keyword.kwlist,
    }
)
"""What no variable is called: what the text of a host uses."""


@frozen
class Scope:
    """A block as the naming sees it: live parameters, code, and where its edges go."""

    name: str
    params: tuple[str, ...]
    code: Lowered
    targets: tuple[str, ...]


def base_of(name: str) -> str:
    """The user's name in a value's name: ``h.1`` is ``h``. Empty for a name that is nobody's."""
    text = re.sub(r"(\.\d+)+$", "", name).removeprefix("self.")
    text = re.sub(r"\W+", "_", text).strip("_")
    if re.fullmatch(r"[_\d]*", text):
        return ""
    return f"n{text}" if text[0].isdigit() else text


def identifier(text: str, taken: Iterable[str] = (), reserved: Container[str] = RESERVED) -> str:
    """``text`` as a Python name that is not ``reserved`` and not in ``taken``."""
    name = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", text)).strip("_") or "value"
    if not f"n{name}".isidentifier():
        name = re.sub(r"[^a-zA-Z0-9_]+", "_", name).strip("_") or "value"
    name = name if name.isidentifier() else f"n{name}"
    if name in reserved:
        name = f"{name}_"
    taken = set(taken)
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


class _Lives:
    """Of each scope, the spans of life ``(first, last)`` of some values."""

    def __init__(self) -> None:
        self.lives: dict[str, list[tuple[int, int]]] = {}

    def take(self, other: _Lives) -> None:
        for scope, lives in other.lives.items():
            self.lives.setdefault(scope, []).extend(lives)

    def clashes(self, other: _Lives) -> bool:
        """Whether two of them are alive at one place, or defined at the same."""
        small, large = self.lives, other.lives
        if len(small) > len(large):
            small, large = large, small
        return any(
            (first < other_last and other_first < last) or first == other_first
            for scope, lives in small.items()
            if scope in large
            for first, last in lives
            for other_first, other_last in large[scope]
        )


class _Variable(_Lives):
    """Values that share a variable."""

    def __init__(self, scope: str, value: str, life: tuple[int, int]) -> None:
        super().__init__()
        self.members = [(scope, value)]
        self.lives[scope] = [life]
        self.base = base_of(value)

    def absorb(self, other: _Variable) -> None:
        self.members.extend(other.members)
        self.take(other)
        self.base = self.base or other.base


def lives_of(scope: Scope) -> Iterator[tuple[str, tuple[int, int]]]:
    """Of each value of a scope that is read: where it is defined and last read (a statement's index)."""
    first = dict.fromkeys(scope.params, -1)
    last: dict[str, int] = {}
    for index, statement in enumerate(scope.code.statements):
        for value in reads(statement.expr):
            last[value] = index
        first.update((target, index) for target in statement.targets if target is not None)
    end = len(scope.code.statements)
    for expr in scope.code.ends():
        last.update((value, end) for value in reads(expr))
    for value, start in first.items():
        yield value, (start, last.get(value, start))


def name_values(scopes: list[Scope], reserved: Iterable[str]) -> dict[tuple[str, str], str]:
    """A variable for every (scope, value). ``scopes`` are in the order of the text."""
    variables: dict[tuple[str, str], _Variable] = {}
    for scope in scopes:
        for value, life in lives_of(scope):
            variables[scope.name, value] = _Variable(scope.name, value, life)
    by_name = {scope.name: scope for scope in scopes}
    for agree in (_same_name, _nobodys_name, _only_passed_on):
        for scope in scopes:
            for target, args in zip(scope.targets, scope.code.edges, strict=True):
                for arg, param in zip(args, by_name[target].params, strict=True):
                    if isinstance(arg, Read):
                        _join(variables, (scope, arg.value), (target, param), agree)
    names: dict[tuple[str, str], str] = {}
    holders: dict[str, _Lives] = {}
    taken = frozenset(reserved)
    named: dict[str, str] = {}
    for variable in dict.fromkeys(variables.values()):
        wanted, number = variable.base, 2
        while True:
            if wanted not in named:
                named[wanted] = identifier(wanted, taken)
            name = named[wanted]
            if name not in holders or not variable.clashes(holders[name]):
                break
            wanted = f"{variable.base or 'value'}_{number}"
            number += 1
        holders.setdefault(name, _Lives()).take(variable)
        names.update(dict.fromkeys(variable.members, name))
    return names


_Agree = Callable[[_Variable, _Variable, Scope, str], bool]


def _same_name(arg: _Variable, param: _Variable, scope: Scope, value: str) -> bool:
    """Whether the user called both the same."""
    return arg.base == param.base


def _nobodys_name(arg: _Variable, param: _Variable, scope: Scope, value: str) -> bool:
    """Whether one has a name that is nobody's."""
    return not (arg.base and param.base)


def _only_passed_on(arg: _Variable, param: _Variable, scope: Scope, value: str) -> bool:
    """Whether the argument is computed for this alone: ``out = f(x); h = out`` is ``h = f(x)``."""
    if len(arg.members) > 1 or value in scope.params:
        return False
    return scope.code.counts[value] == 1


def _join(
    variables: dict[tuple[str, str], _Variable],
    arg: tuple[Scope, str],
    param: tuple[str, str],
    agree: _Agree,
) -> None:
    """Let an argument and a parameter share a variable (the parameter's), if they may and agree."""
    scope, value = arg
    one, other = variables[scope.name, value], variables[param]
    if one is other or one.clashes(other) or not agree(one, other, scope, value):
        return
    other.absorb(one)
    for member in one.members:
        variables[member] = other
