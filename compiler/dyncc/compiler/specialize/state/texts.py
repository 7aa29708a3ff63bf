"""What the key and the leaves of a state say of its texts and members of enums."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize.recording.block import BlockBuilder
from dyncc.compiler.specialize.recording.texts import text_operand
from dyncc.compiler.specialize.state.leaves import Instance, Leaf, Path, Slot, hint_of, is_member
from dyncc.compiler.specialize.values import SESSION, DynamicTag, DynamicText, Scalar, SymTensor, is_scalar
from dyncc.runtime.program import Const, Operand

if TYPE_CHECKING:
    from dyncc.compiler.specialize.state.capture import Capture


MOST_PARTS = 8
"""A text of more parts is written where a block ends: one that grows in a loop has no end of them."""


class TextCapture:
    """Texts that are known, and tags: those that data choose from a table."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture

    def visit_static(self, value: Any, path: Path) -> None:
        """A text or a member of an enum."""
        place = (self.capture.point, path)
        if place in self.capture.facts.tables and not self.capture.facts.keeps(place):
            index = self._in_table(place, (value,))[0]
            self._tag_leaf(place, lambda: Const(index))
            return
        exact = ("text", _identity(value))
        self.capture.keep.append(value)
        if self.capture.facts.keeps(place) or not path or type(path[-1]) is int or is_member(path):
            self.capture.emit(exact)
            return
        self.capture.emit(exact, ("text", type(value)))
        self.capture.slots[path] = Slot("text", (value,))

    def visit_dynamic(self, tag: DynamicTag, path: Path) -> None:
        place = (self.capture.point, path)
        self.capture.keep.append(tag.table)
        if place in self.capture.facts.tables and not self.capture.facts.keeps(place):
            indices = self._in_table(place, tag.table)
            self._tag_leaf(place, lambda: self._converted(tag, indices))
            return
        self.capture.emit(("tag", tuple(_identity(v) for v in tag.table)), ("text", type(tag.table[0])))
        start = len(self.capture.skeleton), len(self.capture.shapeless)
        self.capture.visit(tag.scalar, (*path, ".tag"))
        del self.capture.skeleton[start[0] :], self.capture.shapeless[start[1] :]
        self.capture.slots[path] = Slot("text", tag.table)

    def visit_parts(self, text: DynamicText, path: Path) -> None:
        """A text with numbers in it: its parts, or one value of the host where they are many."""
        whole = any(
            type(part) is tuple and is_scalar(part[0]) and part[0].kind == "str" for part in text.parts
        )
        if (whole or len(text.parts) > MOST_PARTS) and self._is_written(text, path):
            return
        self.capture.emit(("text", len(text.parts)))
        for index, part in enumerate(text.parts):
            self.capture.visit(part, (*path, index))

    def _is_written(self, text: DynamicText, path: Path) -> bool:
        """Whether the text can be a parameter of its own."""
        block = self.capture.recorder.block
        if self.capture.point == SESSION:
            why = "a text that grows from call to call is kept in the state"
            helps = ("keep the numbers in a list",)
            raise CompileError([Diagnostic("DY104", why, block.span, label="kept here", helps=helps)])
        if any(type(part[0]) is SymTensor for part in text.parts if type(part) is tuple):
            return False

        def bind(block: BlockBuilder, instance: Instance) -> None:
            made = Scalar("str", block.scalar_param(hint_of(path), "str"))
            instance.replacements[path] = DynamicText(((made, "", ""),))

        self.capture.emit(("text", "whole"))
        self.capture.leaves.append(Leaf(path, lambda: text_operand(block, text), bind))
        return True

    def _in_table(self, place: Any, values: tuple[Any, ...]) -> tuple[int, ...]:
        """Where ``values`` are in the table of a tag that was generalized; what is new there is added."""
        table = self.capture.facts.tables[place]
        for value in values:
            if value not in table:
                table.append(value)
                self.capture.facts.note(f"text: {place}")
        return tuple(table.index(value) for value in values)

    def _converted(self, tag: DynamicTag, indices: tuple[int, ...]) -> Operand:
        """The index into another table."""
        if indices == tuple(range(len(indices))):
            return tag.scalar.operand
        operands = [tag.scalar.operand, *(Const(index) for index in indices)]
        return self.capture.recorder.block.host_leaf("lookup", operands, "int").operand

    def _tag_leaf(self, place: Any, operand: Callable[[], Operand]) -> None:
        table, path = tuple(self.capture.facts.tables[place]), place[1]
        self.capture.emit(("tag", tuple(_identity(v) for v in table)), ("text", type(table[0])))

        def bind(block: BlockBuilder, instance: Instance) -> None:
            expr = block.scalar_param(hint_of(path), "int")
            instance.replacements[path] = DynamicTag(table, Scalar("int", expr, frozenset((place,))))

        self.capture.leaves.append(Leaf(path, operand, bind))


def _identity(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else id(value)
