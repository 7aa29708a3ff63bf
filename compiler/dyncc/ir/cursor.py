"""A place in a line of a program's text, and the atoms that can be read there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

from dyncc.ir.printer import CONSTANTS, LONG_DTYPES, NAME, PLAIN_PATH
from dyncc.runtime.program import (
    Const,
    Dim,
    Fixed,
    Input,
    InputNode,
    InputTree,
    Leaf,
    ListType,
    Node,
    Operand,
    Ref,
    ScalarType,
    Span,
    TensorType,
    Tree,
    Type,
)

T = TypeVar("T")

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_QUOTED = re.compile(r"`(?:[^`\\]|\\.)*`")
_INTEGER = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"-inf\b|-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?")
_DIM = re.compile(r"[^\],\"]+")
_PLACE = re.compile(r":([0-9]+):([0-9]+)-([0-9]+):([0-9]+)")
_SCALARS = ("int", "float", "bool", "str")
_CONTAINERS = (
    "tuple",
    "list",
    "set",
    "dict",
    "namedtuple",
    "dataclass",
    "record",
    "ndarray",
    "scalar",
    "rows",
)


class ParseError(ValueError):
    """The text is not that of a program. ``line`` and ``column`` are 1-based."""

    def __init__(self, message: str, line: int, column: int, text: str) -> None:
        self.message = message
        self.line = line
        self.column = column
        super().__init__(
            f"{message}\n  line {line}: {text}\n  {' ' * (len(f'line {line}: ') + column - 1)}^"
        )


class Cursor:
    """Reads one line from left to right; ``number`` is the line's, from 0."""

    def __init__(self, text: str, number: int, at: int = 0) -> None:
        self.text = text
        self.number = number
        self.at = at

    # ------------------------------------------------------------------------------- symbols

    def error(self, message: str) -> ParseError:
        return ParseError(message, self.number + 1, self.at + 1, self.text)

    def space(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def peek(self) -> str:
        """The next character that is not a space, or nothing at the end."""
        self.space()
        return self.text[self.at : self.at + 1]

    def take(self, symbol: str) -> bool:
        self.space()
        if not self.text.startswith(symbol, self.at):
            return False
        self.at += len(symbol)
        return True

    def expect(self, symbol: str) -> None:
        if not self.take(symbol):
            raise self.error(f"expected `{symbol}`")

    def end(self) -> None:
        if self.peek():
            raise self.error("expected the end of the line")

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self.space()
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def peek_name(self) -> str | None:
        """The plain name that comes next."""
        self.space()
        found = NAME.match(self.text, self.at)
        return found[0] if found else None

    def take_word(self, word: str) -> bool:
        if self.peek_name() != word:
            return False
        self.at += len(word)
        return True

    def word(self, word: str) -> None:
        if not self.take_word(word):
            raise self.error(f"expected `{word}`")

    def sequence(self, left: str, right: str, item: Callable[[], T], count: int | None = None) -> list[T]:
        """Items between commas and brackets; ``count`` says how many there must be."""
        self.expect(left)
        found: list[T] = []
        if not self.take(right):
            found.append(item())
            while self.take(","):
                found.append(item())
            self.expect(right)
        if count is not None and len(found) != count:
            raise self.error(f"expected {count} items, not {len(found)}")
        return found

    # --------------------------------------------------------------------------------- atoms

    def name(self) -> str:
        if (quoted := self.match(_QUOTED)) is not None:
            return self.unescaped(quoted[0][1:-1])
        plain = self.peek_name()
        if plain is None or plain[0].isdigit() or plain in CONSTANTS:
            raise self.error("expected a name")
        self.at += len(plain)
        return plain

    def string(self) -> str:
        found = self.match(_STRING)
        if found is None:
            raise self.error("expected a string")
        return self.unescaped(found[0][1:-1])

    def unescaped(self, inner: str) -> str:
        try:
            return json.loads(f'"{inner}"')
        except json.JSONDecodeError as error:
            raise self.error(f"the string is wrong: {error.msg}") from None

    def integer(self) -> int:
        found = self.match(_INTEGER)
        if found is None:
            raise self.error("expected a whole number")
        return int(found[0])

    def constant(self) -> bool | int | float | str | None:
        if self.peek() == '"':
            return self.string()
        for word, value in CONSTANTS.items():
            if self.take_word(word):
                return value
        found = self.match(_NUMBER)
        if found is None:
            raise self.error("expected a constant")
        return int(found[0]) if _INTEGER.fullmatch(found[0]) else float(found[0])

    def at_constant(self) -> bool:
        self.space()
        return (
            self.peek() == '"' or self.peek_name() in CONSTANTS or bool(_NUMBER.match(self.text, self.at))
        )

    def operand(self) -> Operand:
        return Const(self.constant()) if self.at_constant() else Ref(self.name())

    def spans(self) -> tuple[Span, ...]:
        """The places after an ``@``."""
        if not self.take("@"):
            return ()
        found = [self.span()]
        while self.take(","):
            found.append(self.span())
        return tuple(found)

    def span(self) -> Span:
        if self.peek() == '"':
            path = self.string()
        elif (plain := self.match(PLAIN_PATH)) is not None:
            path = plain[0]
        else:
            raise self.error("expected a path")
        place = self.match(_PLACE)
        if place is None:
            raise self.error("expected `:line:column-line:column`")
        line, column, end_line, end_column = map(int, place.groups())
        function = self.name() if self.take_word("in") else ""
        return Span(path, line, column, end_line, end_column, function)

    # --------------------------------------------------------------------------------- types

    def type(self) -> Type:
        if self.peek() != "`":
            word = self.peek_name()
            if word == "list":
                self.word("list")
                self.expect("<")
                element = self.type()
                self.expect(">")
                return ListType(element)
            if word in _SCALARS and not self.text.startswith("[", self.at + len(word)):
                self.word(word)
                return ScalarType(word)  # pyright: ignore[reportArgumentType] -- one of the kinds
        dtype = self.name()
        shape = self.sequence("[", "]", self.dim)
        return TensorType(LONG_DTYPES.get(dtype, dtype), tuple(shape))

    def dim(self) -> Dim:
        if self.peek() == '"':
            return self.string()
        found = self.match(_DIM)
        if found is None:
            raise self.error("expected a size")
        text = found[0].strip()
        return int(text) if _INTEGER.fullmatch(text) else text

    # --------------------------------------------------------------------------------- trees

    def at_container(self) -> bool:
        """Whether a container comes next: its kind, then its class or its children."""
        kind = self.peek_name()
        if self.peek() == "`" or kind is None:
            return False
        after = self.text[self.at + len(kind) :]
        return kind in _CONTAINERS and after.startswith(("(", '["'))

    def at_fixed(self) -> bool:
        return self.peek_name() == "fixed" and self.text.startswith("(", self.at + len("fixed"))

    def tree(self) -> Tree:
        if not self.at_container():
            return Leaf(self.operand())
        return Node(*self.container(self.tree))  # pyright: ignore[reportArgumentType] -- one of the kinds

    def input_tree(self) -> InputTree:
        if self.at_container():
            return InputNode(*self.container(self.input_tree))
        if self.at_fixed():
            self.word("fixed")
            self.expect("(")
            value = self.constant()
            opaque = self.string() if self.take(",") else ""
            self.expect(")")
            return Fixed(value, opaque)
        type_ = self.type()
        self.word("as")
        return Input(self.name(), type_)

    def container(self, child: Callable[[], T]) -> tuple[str, tuple[T, ...], tuple[Any, ...], str, str]:
        kind = self.name()
        name, module = self.sequence("[", "]", self.string, count=2) if self.peek() == "[" else ("", "")
        keys: list[Any] = []

        def item() -> T:
            if self.at_key():
                keys.append(self.constant())
                self.expect(":")
            return child()

        self.expect("(")
        children: list[T] = []
        while self.peek() not in (")", ";", ""):
            children.append(item())
            if not self.take(","):
                break
        if self.take(";"):
            keys.append(self.constant())
            while self.take(","):
                keys.append(self.constant())
        self.expect(")")
        return kind, tuple(children), tuple(keys), name, module

    def at_key(self) -> bool:
        """Whether a constant and a colon come next."""
        if not self.at_constant():
            return False
        ahead = Cursor(self.text, self.number, self.at)
        ahead.constant()
        return ahead.peek() == ":"
