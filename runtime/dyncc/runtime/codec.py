"""A program as JSON, and back, strictly.

``program_to_json`` and ``program_from_json`` are inverse to each other. Each kind of node is one *form*,
which knows both directions, so that what is written and what is read cannot drift apart. Reading checks
everything (:class:`~dyncc.runtime.errors.DamagedBundle` names the JSON path of the fault), then
:mod:`dyncc.runtime.wellformed` checks what spans several nodes (references, arities).

The encoding, version 1::

    node        {"kind": "jump", "target": …}; a field that has its default value is left out
    Ref         "name"                            (a string)
    Const       {"const": value}
    float       0.5, but {"float": "nan"} for what JSON or another tool could lose (nan, inf, -0.0, 1.0)
    Span        [path, line, column, end_line, end_column, function]
    graphs      ["name", …]: the table of files is the bundle's, see :mod:`dyncc.runtime.manifest`
"""

from __future__ import annotations

from typing import Any

from dyncc.runtime import program as p
from dyncc.runtime.forms import (
    BOOL,
    CONSTANT,
    INT,
    STR,
    Form,
    fail,
    lazy,
    many,
    one_of,
    optional,
    record,
    table,
    union,
)
from dyncc.runtime.wellformed import check_program

SCHEMA = 2
"""The latest schema that is read. See :func:`dyncc.runtime.manifest.schema_of`."""


def program_to_json(program: p.Program[Any]) -> dict[str, Any]:
    """``program`` as JSON-able data. Its graphs are written as their names."""
    return PROGRAM.write(program)


def program_from_json(data: object, where: str = "program") -> p.Program[str]:
    """The program that ``data`` describes; a graph of it is its name.

    Raises DamagedBundle, with the JSON path below ``where``, unless ``data`` is a well-formed program.
    """
    program = PROGRAM.read(data, where)
    check_program(program, where)
    return program


# -------------------------------------------------------------------------------------- leaves


def _read_dim(data: object, where: str) -> p.Dim:
    if (type(data) is int and data >= 0) or (isinstance(data, str) and data):
        return data
    fail(where, "a size or a symbol", data)


def _write_operand(value: p.Operand) -> Any:
    return value.name if isinstance(value, p.Ref) else {"const": CONSTANT.write(value.value)}


def _read_operand(data: object, where: str) -> p.Operand:
    if isinstance(data, str):
        return p.Ref(data)
    if isinstance(data, dict) and list(data) == ["const"]:
        return p.Const(CONSTANT.read(data["const"], f"{where}.const"))
    fail(where, "a value's name or a constant", data)


def _write_span(span: p.Span) -> list[Any]:
    return [span.path, span.line, span.column, span.end_line, span.end_column, span.function]


def _read_span(data: object, where: str) -> p.Span:
    if not isinstance(data, list) or [type(item) for item in data] != [str, int, int, int, int, str]:
        fail(where, "a span (path, line, column, end line, end column, function)", data)
    path, line, column, end_line, end_column, function = data
    if min(line, column) < 1 or (end_line, end_column) < (line, column):
        fail(where, "a span that starts at 1 and ends after its start", data)
    return p.Span(path, line, column, end_line, end_column, function)


# -------------------------------------------------------------------------------------- the program

DIM: Form[p.Dim] = Form(lambda dim: dim, _read_dim)
SPAN = Form(_write_span, _read_span)
OPERAND = Form(_write_operand, _read_operand)
TENSOR_TYPE = record(p.TensorType, "tensor", dtype=STR, shape=many(DIM))


def _write_type(value: p.Type) -> Any:
    if isinstance(value, p.ScalarType):
        return value.kind
    if isinstance(value, p.ListType):
        return {"kind": "list", "element": _write_type(value.element)}
    return TENSOR_TYPE.write(value)


def _read_type(data: object, where: str) -> p.Type:
    if data in ("int", "float", "bool", "str"):
        return p.ScalarType(data)  # type: ignore[arg-type]  # one of the four
    if isinstance(data, dict) and data.get("kind") == "list":
        return record(p.ListType, "list", element=TYPE).read(data, where)
    if isinstance(data, dict) and data.get("kind") == "tensor":
        return TENSOR_TYPE.read(data, where)
    fail(where, "a type (int, float, bool, str, a tensor, a list)", data)


TYPE: Form[p.Type] = Form(_write_type, _read_type)
VALUE = record(p.Value, name=STR, type=TYPE)

CONTAINERS = ("tuple", "list", "set", "dict", "namedtuple", "dataclass", "record")
OUTPUTS = (*CONTAINERS, "ndarray", "scalar", "rows")
_LEAF = record(p.Leaf, "leaf", value=OPERAND)
_NODE = record(
    p.Node,
    kind=one_of(*OUTPUTS),
    children=many(lazy(lambda: TREE)),
    keys=many(CONSTANT),
    name=STR,
    module=STR,
)
TREE: Form[p.Tree] = union(
    {"leaf": (p.Leaf, _LEAF), **{kind: (p.Node, _NODE) for kind in OUTPUTS}}, "output tree"
)

_INPUT = record(p.Input, "input", name=STR, type=TYPE)
_FIXED = record(p.Fixed, "fixed", value=CONSTANT, opaque=STR)
_INPUT_NODE = record(
    p.InputNode,
    kind=one_of(*CONTAINERS),
    children=many(lazy(lambda: INPUT_TREE)),
    keys=many(CONSTANT),
    name=STR,
    module=STR,
)
INPUT_TREE: Form[p.InputTree] = union(
    {
        "input": (p.Input, _INPUT),
        "fixed": (p.Fixed, _FIXED),
        **{kind: (p.InputNode, _INPUT_NODE) for kind in CONTAINERS},
    },
    "argument tree",
)

STEP: Form[p.Step] = union(
    {
        "compute": (
            p.Compute,
            record(
                p.Compute,
                "compute",
                graph=STR,
                inputs=many(OPERAND),
                outputs=many(VALUE),
                span=optional(SPAN),
            ),
        ),
        "host": (
            p.HostOp,
            record(p.HostOp, "host", op=STR, operands=many(OPERAND), result=VALUE, span=optional(SPAN)),
        ),
    },
    "step",
)

EDGE = record(p.Edge, block=STR, args=many(OPERAND))
WRITE = record(p.Write, input=STR, value=OPERAND)
ERROR = record(p.ExceptionType, name=STR, module=STR, base=STR)
TEXT_PART = record(p.TextPart, value=OPERAND, conversion=one_of("", "r", "s", "a"), spec=STR)
_LEAVING = {"writes": many(WRITE), "state": INT, "cells": many(OPERAND), "span": optional(SPAN)}

TERMINATOR: Form[p.Terminator] = union(
    {
        "jump": (p.Jump, record(p.Jump, "jump", target=EDGE, span=optional(SPAN))),
        "branch": (
            p.Branch,
            record(p.Branch, "branch", pred=OPERAND, then=EDGE, orelse=EDGE, span=optional(SPAN)),
        ),
        "switch": (
            p.Switch,
            record(
                p.Switch,
                "switch",
                index=OPERAND,
                values=many(INT),
                cases=many(EDGE),
                default=EDGE,
                span=optional(SPAN),
            ),
        ),
        "return": (p.Return, record(p.Return, "return", output=TREE, **_LEAVING)),
        "raise": (
            p.Raise,
            record(p.Raise, "raise", error=ERROR, message=optional(many(TEXT_PART)), **_LEAVING),
        ),
    },
    "terminator",
)

BLOCK = record(
    p.Block,
    name=STR,
    params=many(VALUE),
    steps=many(STEP),
    terminator=TERMINATOR,
    spans=many(SPAN),
    note=STR,
)
PARAMETER = record(
    p.Parameter,
    name=STR,
    kind=one_of("positional", "keyword", "var_positional", "var_keyword"),
    tree=INPUT_TREE,
    optional=BOOL,
    default=CONSTANT,
)
METHOD = record(
    p.Method,
    name=STR,
    parameters=many(PARAMETER),
    entries=many(record(p.Entry, block=STR, inputs=many(STR))),
    constraints=many(record(p.Constraint, expression=STR, reason=STR)),
    span=optional(SPAN),
    identities=many(record(p.Identity, first=STR, second=STR, same=BOOL)),
)


def _read_initial(data: object, where: str) -> str | p.Const | None:
    if data is None or isinstance(data, str):
        return data
    value = _read_operand(data, where)
    return value if isinstance(value, p.Const) else fail(where, "a weight's name or a constant", data)


INITIAL: Form[Any] = Form(
    lambda value: _write_operand(value) if isinstance(value, p.Const) else value, _read_initial
)
STATE = record(p.State, cells=many(record(p.Cell, name=STR, type=TYPE, path=STR, initial=INITIAL)))
FROZEN = record(p.Frozen, what=STR, value=STR, span=optional(SPAN))
GRAPHS: Form[Any] = Form(list, lambda data, where: {name: name for name in many(STR).read(data, where)})

PROGRAM: Form[p.Program[Any]] = record(
    p.Program,
    name=STR,
    methods=table(METHOD),
    states=many(STATE),
    blocks=table(BLOCK),
    graphs=GRAPHS,
    frozen=many(FROZEN),
)
