"""What the key and the leaves of a state say of its lists."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize.lists import host_lists
from dyncc.compiler.specialize.lists.copies import parts_of, refuse_changed
from dyncc.compiler.specialize.lists.elements import (
    Element,
    Mismatch,
    common,
    is_element,
    leaves,
    mutable_in,
    taken_apart,
    texts_of,
    uneven_part,
)
from dyncc.compiler.specialize.prelude import RecordList
from dyncc.compiler.specialize.recording.block import BlockBuilder
from dyncc.compiler.specialize.state.heap import Content
from dyncc.compiler.specialize.state.leaves import Instance, Leaf, Path, Slot, hint_of
from dyncc.compiler.specialize.values import DynamicList, ListElement
from dyncc.runtime.program import Operand

if TYPE_CHECKING:
    from dyncc.compiler.specialize.state.capture import Capture


class ListCapture:
    """Lists of known length, which may be generalized, and those of run-time length."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.grown: set[int] = set()
        self.stored: list[tuple[Any, tuple[Any, ...], frozenset[Any]]] = []
        self.lengths: dict[Path, tuple[Any, int]] = {}
        """How long the lists of run-time length are (see ``BlockBuilder.length_of``)."""
        self.classes: dict[Path, tuple[Any, int]] = {}
        """Which of them grow together, and how much longer than the shortest each is."""

    def visit_static(self, obj: Any, content: Content, path: Path) -> bool:
        """A list that may be (or was) generalized. Returns whether it has been dealt with."""
        place = (self.capture.point, path)
        if id(obj) in self.capture.heap.bases and id(obj) not in self.capture.dirty_ids:
            return False
        if place in self.capture.facts.elements and not self.capture.facts.keeps(place):
            self.capture.objects.pop()
            self.grown.add(id(obj))
            element: Element = self.capture.facts.elements[place]
            self.capture.emit(("dynamic list", element, False), "list", "list")
            self._generalized(obj, content, path, element)
            return True
        keeps = self.capture.facts.keeps(place) or id(obj) in self.capture.heap.pinned
        if keeps or not all(is_element(value) for _, value in content):
            return False
        tensors = self.capture.tensors
        start = (len(self.capture.skeleton), len(self.capture.shapeless), len(tensors.occurrences))
        self.capture.emit((list, len(content)))
        for accessor, value in content:
            self.capture.visit(value, (*path, accessor))
        del self.capture.skeleton[start[0] :], self.capture.shapeless[start[1] :]
        tensors.forget_skeleton(start[2])
        self.capture.skeleton.append("list")
        self.capture.shapeless.append("list")
        self.capture.slots[path] = Slot("list", [value for _, value in content])
        return True

    def _generalized(self, obj: Any, content: Content, path: Path, element: Element) -> None:
        """The leaves of a list that is generalized: one, or one for each part of its tuples."""
        origins = frozenset(((self.capture.point, path),))
        rows: list[tuple[Any, ...]] = []
        for _, value in content:
            try:
                rows.append(tuple(taken_apart(element, value)))
            except Mismatch:
                self.capture.facts.widen_elements(origins, *(value for _, value in content))
                host_lists.refuse_element(self.capture.recorder, origins, uneven_part([element, value]))
            for made in mutable_in(value):
                self.stored.append((made, parts_of(made), origins))
        for part in (part for row in rows for part in row):
            self.capture.tensors.add_element(part, origins)
            if type(part) is list:
                self.stored.append((part, parts_of(part), origins))
        for number, form in enumerate(forms := tuple(leaves(element))):
            column = [row[number] for row in rows]
            self.capture.leaves.append(self._column(obj, column, path, element, number, len(forms), form))

    def _column(
        self, obj: Any, column: list[Any], path: Path, element: Element, number: int, count: int,
        form: ListElement,
    ) -> Leaf:  # fmt: skip
        origins = frozenset(((self.capture.point, path),))

        def operand() -> Operand:
            fresh = DynamicList(form, None, origins)
            for value in column:
                host_lists.check_element(self.capture.recorder, fresh, value)
                fresh.tail.append(value)
            return host_lists.list_operand(self.capture.recorder, fresh)

        self.lengths[path] = (None, len(column))

        def bind(block: BlockBuilder, instance: Instance) -> None:
            base = block.list_param(hint_of(path), form.type, self.classes.get(path))
            columns = instance.columns.setdefault(id(obj), [])
            columns.append(DynamicList(form, base, origins))
            if len(columns) == count:
                single = isinstance(element, ListElement)
                instance.lists[id(obj)] = columns[0] if single else RecordList(element, columns)

        return Leaf(path, operand, bind)

    def visit_dynamic(self, items: DynamicList, path: Path) -> None:
        self._visit_columns(items, items.element, [items], path)

    def visit_records(self, items: RecordList, path: Path) -> None:
        self._visit_columns(items, items.element, items.columns, path)

    def _visit_columns(self, items: Any, element: Element, columns: list[DynamicList], path: Path) -> None:
        number = self.capture.seen.get(id(items))
        if number is not None:
            self.capture.emit(("again", number))
            return
        self.capture.seen[id(items)] = len(self.capture.seen)
        place = (self.capture.point, path)
        facts = self.capture.facts
        wanted = facts.elements.get(place, element)
        if wanted != element and not self.capture.facts.keeps(place):
            joint = common([wanted, element])
            if texts_of(joint) != texts_of(element):
                made_at = {origin for column in columns for origin in column.origins}
                self.capture.facts.widen_elements(made_at, wanted, element)
            elif joint == wanted:
                element = wanted
        shared = any(column.shared for column in columns)
        self.capture.emit(("dynamic list", element, shared), "list", "list")
        self.capture.slots[path] = Slot("list", element)
        for column, form in zip(columns, leaves(element), strict=True):
            if column is not items and self._seen_column(column):
                continue
            for value in column.tail:
                self.capture.tensors.add_element(value, column.origins)
                if type(value) is list:
                    self.stored.append((value, parts_of(value), column.origins))
            self.capture.leaves.append(self._dynamic_leaf(column, form, shared, path))
        if isinstance(items, RecordList):
            items.element = element

    def _seen_column(self, column: DynamicList) -> bool:
        """A list of records is reached by a column as well: while something goes through all of them."""
        number = self.capture.seen.get(id(column))
        if number is None:
            self.capture.seen[id(column)] = len(self.capture.seen)
            return False
        self.capture.emit(("again", number))
        return True

    def _dynamic_leaf(self, column: DynamicList, form: ListElement, shared: bool, path: Path) -> Leaf:
        def operand() -> Operand:
            return host_lists.list_operand(self.capture.recorder, column)

        self.lengths[path] = self.capture.recorder.block.length_of(column)

        def bind(block: BlockBuilder, instance: Instance) -> None:
            column.base = block.list_param(hint_of(path), form.type, self.classes.get(path))
            column.element, column.shared = form, shared
            column.tail.clear()

        return Leaf(path, operand, bind)

    def lockstep(self) -> tuple[tuple[Any, int], ...]:
        """Which lists grow together, where that is told (``Facts.lockstep``).

        For each list a class, and how much longer it is than the shortest of that; or the size of a tensor,
        by name, and how much longer it is than that.
        """
        facts = self.capture.facts
        if not facts.lockstep or not self.lengths:
            return ()
        groups: dict[Any, dict[Path, int]] = {}
        for path, (length, more) in self.lengths.items():
            group = (length, facts.uneven.get((self.capture.point, path)))
            groups.setdefault(group, {})[path] = more
        for number, ((length, _), group) in enumerate(groups.items()):
            found: Any = number
            least = min(group.values())
            for more in group.values():
                if (size := self._size_of(length, more)) is not None:
                    found, least = ("size", size), more
            self.classes |= {path: (found, more - least) for path, more in group.items()}
        return tuple(self.classes[path] for path in self.lengths)

    def _size_of(self, length: Any, more: int) -> str | None:
        """The name of the size of the state's tensors that a length is."""
        block = self.capture.recorder.block
        size = block.length_sizes.get((length, more))
        return None if size is None else self.capture.tensors.names.symbols.get(block.size(size).node.expr)

    def watched(self) -> list[tuple[Any, frozenset[Any]]]:
        """Lists and dicts that became elements of another and are seen under another name as well.

        They must not change; the next block watches over those that are still of known length.
        """
        watched: dict[int, tuple[Any, frozenset[Any]]] = {}
        block = self.capture.recorder.block
        for value, before, origins in block.copies:
            if not _is_as_before(value, before):  # (by its ``__dict__``)
                refuse_changed(self.capture.recorder, origins)
        for value, before, origins in (*block.stored, *self.stored):
            if not _is_as_before(value, before) or id(value) in self.grown:
                refuse_changed(self.capture.recorder, origins)
            if id(value) in self.capture.seen:
                known = watched.get(id(value), (value, frozenset()))[1]
                watched[id(value)] = (value, known | origins)
        for number in sorted(self.capture.seen[i] for i in watched):
            self.capture.emit(("watched", number))
        return list(watched.values())


def _is_as_before(value: Any, before: tuple[Any, ...]) -> bool:
    now = parts_of(value)
    return len(now) == len(before) and all(map(operator.is_, now, before))
