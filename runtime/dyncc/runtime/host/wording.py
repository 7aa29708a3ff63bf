"""How results, errors and changes of state are worded in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field

from dyncc.runtime import program as p
from dyncc.runtime.host.expressions import ATOM, Expr, Text, constant, quoted, render
from dyncc.runtime.host.lowering import tree_operands
from dyncc.runtime.host.names import identifier
from dyncc.runtime.records import record


@record
class ClassNames:
    """The classes that the module needs besides the host: what they are called, how they are made."""

    taken: set[str]
    names: dict[tuple[str, ...], str] = field(default_factory=dict[tuple[str, ...], str])

    def of_node(self, node: p.Node) -> str:
        return self._name((node.kind, node.module, node.name, *map(str, node.keys)))

    def of_error(self, error: p.ExceptionType) -> str:
        if error.module == "builtins" and error.name == error.base:
            return error.name
        return self._name(("error", error.module, error.name, error.base))

    def note(self, terminator: p.Terminator) -> None:
        """Name the classes of what a block returns or raises: before its variables, which must differ."""
        if isinstance(terminator, p.Raise):
            self.of_error(terminator.error)
        elif isinstance(terminator, p.Return):
            self._note_tree(terminator.output)

    def _note_tree(self, tree: p.Tree) -> None:
        if isinstance(tree, p.Node):
            for child in tree.children:
                self._note_tree(child)
            if tree.kind in ("namedtuple", "dataclass", "record"):
                self.of_node(tree)

    def _name(self, key: tuple[str, ...]) -> str:
        if key not in self.names:
            self.names[key] = identifier(key[2].rpartition(".")[2], self.taken)
            self.taken.add(self.names[key])
        return self.names[key]

    def definitions(self) -> Iterator[str]:
        """The lines that define them, in the order of their first use."""
        for (kind, module, name, *rest), variable in self.names.items():
            if kind == "error":
                yield f"{variable} = error_class({quoted(module)}, {quoted(name)}, {rest[0]})"
            else:
                fields = ", ".join(map(quoted, rest)) + ("," if len(rest) == 1 else "")
                yield f"{variable} = {kind}_class({quoted(module)}, {quoted(name)}, ({fields}))"


def output_text(
    tree: p.Tree, texts: Iterator[Expr], types: Mapping[str, p.Type], classes: ClassNames, top: bool = True
) -> str:
    """The expression that builds an output tree. ``texts`` gives the leaves' expressions in order."""
    if isinstance(tree, p.Leaf):
        return _leaf_text(tree, next(texts), types)
    if tree.kind == "rows":
        return _rows_text(tree.children[0], texts, types, classes)
    items = [output_text(child, texts, types, classes, top=False) for child in tree.children]
    match tree.kind:
        case "tuple":
            inner = ", ".join(items) + ("," if len(items) == 1 else "")
            return inner if top and len(items) > 1 else f"({inner})"
        case "list":
            return f"[{', '.join(items)}]"
        case "set":
            return f"{{{', '.join(items)}}}" if items else "set()"
        case "ndarray":
            return f"numpy_array({items[0]})"
        case "scalar":
            return f"numpy_number({items[0]})"
        case "dict":
            keys = [key_text(key) for key in tree.keys]
            if tree.name == "OrderedDict":
                pairs = [f"({key}, {item})" for key, item in zip(keys, items, strict=True)]
                return f"OrderedDict([{', '.join(pairs)}])"
            return f"{{{', '.join(f'{key}: {item}' for key, item in zip(keys, items, strict=True))}}}"
        case "namedtuple" | "dataclass" | "record":
            arguments = [f"{key}={item}" for key, item in zip(tree.keys, items, strict=True)]
            return f"{classes.of_node(tree)}({', '.join(arguments)})"


def _rows_text(
    form: p.Tree, texts: Iterator[Expr], types: Mapping[str, p.Type], classes: ClassNames
) -> str:
    """A comprehension over the lists in the leaves of ``form``."""
    columns: dict[str, str] = {}
    elements: dict[str, p.Type] = {}
    items: list[Expr] = []
    for operand in tree_operands(form):
        expr = next(texts)
        if isinstance(operand, p.Ref):
            variable = columns.setdefault(text(expr), f"part{len(columns)}")
            of = types[operand.name]
            elements[operand.name] = of.element if isinstance(of, p.ListType) else of
            expr = Text(variable)
        items.append(expr)
    item = output_text(form, iter(items), elements, classes, top=False)
    if len(columns) == 1:
        ((column, variable),) = columns.items()
        return f"[{item} for {variable} in {column}]"
    # (in parentheses, so that the lines of a long one may be broken at its commas)
    return f"[{item} for ({', '.join(columns.values())}) in zip({', '.join(columns)}, strict=True)]"


def key_text(key: bool | int | float | str | None) -> str:
    """A dictionary's key."""
    return text(constant(key))


def _leaf_text(leaf: p.Leaf, expr: Expr, types: Mapping[str, p.Type]) -> str:
    text = render(expr, lambda name: name, 1)
    of = types.get(leaf.value.name) if isinstance(leaf.value, p.Ref) else None
    if isinstance(of, p.ListType):
        return f"nested_list({text})" if holds(of, "nested") else f"list({text})"
    if isinstance(of, p.TensorType) and of.dtype == "bfloat16":
        return f"bfloat16({text})"
    return text


def holds(of: p.ListType, what: str) -> bool:
    """Whether the elements of a list need more than ``list()`` when they are returned."""
    element = of.element
    return isinstance(element, p.ListType) or (
        isinstance(element, p.TensorType) and element.dtype == "bfloat16"
    )


def message_text(parts: tuple[p.TextPart, ...], texts: list[Expr]) -> str:
    """The expression of an error's argument."""
    rendered = [render(expr, lambda name: name, 1) for expr in texts]
    if p.lone_value(parts) is not None:
        return rendered[0]
    literals: list[str | None] = []
    for part in parts:
        literals.append(_literal(part) if isinstance(part.value, p.Const) else None)
    if all(literal is not None for literal in literals):
        return quoted("".join(literal for literal in literals if literal is not None))
    values = [text for text, literal in zip(rendered, literals, strict=True) if literal is None]
    simple = not any(mark in text for text in values for mark in "\"'\\{}#\n:!=")
    pieces: list[str] = []
    for part, literal, text in zip(parts, literals, rendered, strict=True):
        if literal is not None:
            pieces.append(literal.replace("{", "{{").replace("}", "}}"))
            continue
        conversion = f"!{part.conversion}" if part.conversion else ""
        spec = f":{part.spec}" if part.spec else ""
        pieces.append(f"{{{text if simple else ''}{conversion}{spec}}}")
    template = quoted("".join(pieces))
    return f"f{template}" if simple else f"{template}.format({', '.join(values)})"


def _literal(part: p.TextPart) -> str:
    assert isinstance(part.value, p.Const)
    convert: dict[str, Callable[[object], object]] = {"r": repr, "a": ascii, "s": str}
    value = part.value.value
    return format(convert[part.conversion](value) if part.conversion else value, part.spec)


def text(expr: Expr) -> str:
    """An expression whose names are given."""
    return render(expr, lambda name: name, 1)


def variable(name: str) -> Text:
    return Text(name, ATOM)
