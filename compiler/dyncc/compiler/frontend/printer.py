"""The text form of a control-flow graph, for tests and for debugging."""

from __future__ import annotations

import types

from dyncc.compiler.frontend import cfg
from dyncc.runtime.program import Span


def dump(function: cfg.Function) -> str:
    """One line per instruction, with the place that it comes from at its end."""
    header = f"function {function.name} at {place(function.span)}"
    if function.is_generator:
        header += " generator"
    if function.cellvars:
        header += f" cells {', '.join(function.cellvars)}"
    if function.freevars:
        header += f" free {', '.join(function.freevars)}"
    lines = [header]
    for block in function.blocks.values():
        lines.append(_block_line(block, function))
        for node in (*block.instructions, block.terminator):
            lines.append(f"  {text(node):<60}  ; {place(node.span)}".rstrip())
    return "\n".join(lines) + "\n"


def place(span: Span) -> str:
    """``line:column-column``, or ``line:column-line:column``."""
    end = f"{span.end_column}" if span.line == span.end_line else f"{span.end_line}:{span.end_column}"
    return f"{span.line}:{span.column}-{end}"


def _block_line(block: cfg.Block, function: cfg.Function) -> str:
    line = block.label
    if block.catch is not None:
        line += f" catch {block.catch}"
    if block.handler is not None:
        line += f" handler {block.handler}"
    marks = [mark for mark, on in (("loop", block.loop_header), ("join", block.join)) if on]
    if marks:
        line += f" ({', '.join(marks)})"
    if block.hint:
        line += f" hint {block.hint!r}"
    live = " ".join(sorted(function.live_in.get(block.label, ())))
    return f"{line}:  live {live}" if live else f"{line}:"


def text(node: cfg.Instruction | cfg.Terminator) -> str:
    """An instruction or terminator on a line, without its place."""
    match node:
        case cfg.Goto(target=target):
            return f"goto {target}"
        case cfg.If(cond=cond, then=then, orelse=orelse):
            return f"if {cond} then {then} else {orelse}"
        case cfg.ForNext(dst=dst, iterator=iterator, body=body, orelse=orelse, result=result):
            returned = f" with {result}" if result else ""
            return f"{dst} = next {iterator} then {body} else {orelse}{returned}"
        case cfg.Return(value=value):
            return f"return {value}"
        case cfg.Raise(exc=exc, cause=cause):
            return " ".join(["raise", *([exc] if exc else []), *(["from", cause] if cause else [])])
        case cfg.Reraise(exc=exc):
            return f"reraise {exc}"
        case _:
            return _instruction(node)


def _instruction(node: cfg.Instruction) -> str:
    match node:
        case cfg.SetAttr(obj=obj, name=name, src=src):
            return f"{obj}.{name} = {src}"
        case cfg.DelAttr(obj=obj, name=name):
            return f"delete {obj}.{name}"
        case cfg.SetItem(obj=obj, index=index, src=src):
            return f"{obj}[{index}] = {src}"
        case cfg.DelItem(obj=obj, index=index):
            return f"delete {obj}[{index}]"
        case cfg.ListAppend(collection=collection, kind=kind, item=item):
            return f"{collection}.{'add' if kind == 'set' else 'append'} {item}"
        case cfg.DictSet(collection=collection, key=key, value=value):
            return f"{collection}.put {key}: {value}"
        case cfg.Unsupported(what=what):
            return f"unsupported {what!r}"
        case cfg.Delete(register=register):
            return f"delete {register}"
        case cfg.Unpack(before=before, star=star, after=after, src=src):
            targets = [*before, *([] if star is None else [f"*{star}"]), *after]
            return f"unpack {', '.join(targets)} = {src}"
        case cfg.WithEnter(dst=dst, exit=exit_, manager=manager):
            return f"{dst}, {exit_} = enter {manager}"
        case cfg.StoreGlobal() | cfg.DeleteGlobal() | cfg.StoreDeref() | cfg.DeleteDeref() | cfg.NewCell():
            return _outer_variable(node)
        case _:
            return f"{node.dst} = {_value(node)}"


def _outer_variable(
    node: cfg.StoreGlobal | cfg.DeleteGlobal | cfg.StoreDeref | cfg.DeleteDeref | cfg.NewCell,
) -> str:
    match node:
        case cfg.StoreGlobal(name=name, src=src):
            return f"global {name} = {src}"
        case cfg.DeleteGlobal(name=name):
            return f"delete global {name}"
        case cfg.StoreDeref(name=name, src=src):
            return f"cell {name} = {src}"
        case cfg.DeleteDeref(name=name):
            return f"delete cell {name}"
        case cfg.NewCell(name=name):
            return f"new cell {name}"


def _value(node: cfg.Instruction) -> str:
    """The right side of an instruction that has a ``dst``."""
    match node:
        case cfg.Const(value=value):
            return f"const {_constant(value)}"
        case cfg.Move(src=src):
            return src
        case cfg.LoadGlobal(name=name):
            return f"global {name}"
        case cfg.LoadDeref(name=name):
            return f"cell {name}"
        case cfg.GetAttr(obj=obj, name=name):
            return f"{obj}.{name}"
        case cfg.GetItem(obj=obj, index=index):
            return f"{obj}[{index}]"
        case cfg.Unary(op=op, operand=operand):
            return f"{op} {operand}"
        case cfg.Binary(op=op, left=left, right=right, inplace=inplace):
            return f"{left} {op}{'=' if inplace else ''} {right}"
        case cfg.Compare(op=op, left=left, right=right):
            return f"{left} {op} {right}"
        case cfg.Build(kind=kind, items=items):
            return f"{kind} ({', '.join(map(_arg, items))})"
        case cfg.BuildDict(items=items):
            return f"dict ({', '.join(f'**{v}' if k is None else f'{k}: {v}' for k, v in items)})"
        case cfg.BuildSlice(lower=lower, upper=upper, step=step):
            return "slice " + ":".join(part or "" for part in (lower, upper, step))
        case _:
            return _call_like(node)


def _call_like(node: cfg.Instruction) -> str:
    match node:
        case cfg.Format(value=value, conversion=conversion, spec=spec):
            return f"format {value}{f'!{conversion}' if conversion else ''}{f':{spec}' if spec else ''}"
        case cfg.Join(parts=parts):
            return f"join {' '.join(parts)}"
        case cfg.Call(func=func, args=args, kwargs=kwargs):
            named = [f"**{value}" if name is None else f"{name}={value}" for name, value in kwargs]
            return f"{func}({', '.join([*map(_arg, args), *named])})"
        case cfg.GetIter(src=src):
            return f"iter {src}"
        case cfg.Listed(src=src):
            return f"listed {src}"
        case cfg.MakeFunction(code=code, defaults=defaults, kwdefaults=kwdefaults, closure=closure):
            parts = [*defaults, *(f"{name}={value}" for name, value in kwdefaults)]
            cells = f" closure {', '.join(closure)}" if closure else ""
            return f"function {code.co_name} ({', '.join(parts)}){cells}"
        case cfg.Import(module=module, fromlist=fromlist, level=level):
            return f"import {'.' * level}{module} ({', '.join(fromlist)})"
        case cfg.ImportFrom(module=module, name=name):
            return f"from {module} import {name}"
        case cfg.WithExit(exit=exit_, exc=exc):
            return f"exit {exit_} {exc or ''}".rstrip()
        case cfg.ExcMatch(exc=exc, types=kinds):
            return f"{exc} matches {kinds}"
        case cfg.Yield(value=value):
            return f"yield {value}"
        case _:
            raise TypeError(f"{type(node).__name__} has no text form")


def _arg(arg: cfg.Arg) -> str:
    return f"*{arg.register}" if arg.starred else arg.register


def _constant(value: object) -> str:
    """A constant's text, the same in every process."""
    if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        return value.__qualname__
    return repr(value)
