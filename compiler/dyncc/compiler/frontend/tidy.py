"""From drafts to blocks: drop what is unreachable, thread jumps, merge straight lines, number, mark."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dyncc.compiler.frontend import cfg
from dyncc.compiler.frontend.emitter import Draft


def successors(terminator: cfg.Terminator) -> tuple[cfg.Label, ...]:
    """The labels of a terminator, in the order in which it names them."""
    match terminator:
        case cfg.Goto(target=target):
            return (target,)
        case cfg.If(then=then, orelse=orelse):
            return (then, orelse)
        case cfg.ForNext(body=body, orelse=orelse):
            return (body, orelse)
        case cfg.Return() | cfg.Raise() | cfg.Reraise():
            return ()


def tidy(drafts: Iterable[Draft]) -> dict[cfg.Label, cfg.Block]:
    """The blocks of a function in source order, the entry first. Drafts that are open are unreachable."""
    by_label = {draft.label: draft for draft in drafts if draft.terminator is not None}
    entry = next(iter(by_label))
    for draft in by_label.values():
        if not _can_raise(draft):
            draft.handler = None
    _thread(by_label)
    by_label = _reachable(by_label, entry)
    _merge(by_label, entry)
    return _number(by_label, entry)


def _terminator(draft: Draft) -> cfg.Terminator:
    assert draft.terminator is not None
    return draft.terminator


def _can_raise(draft: Draft) -> bool:
    if not isinstance(draft.terminator, cfg.Goto | cfg.Return):
        return True
    return any(map(instruction_can_raise, draft.instructions))


def instruction_can_raise(instruction: cfg.Instruction) -> bool:
    """Whether the language lets it raise (memory, signals and the recursion limit aside)."""
    match instruction:
        case cfg.Const() | cfg.NewCell() | cfg.MakeFunction() | cfg.StoreDeref() | cfg.StoreGlobal():
            return False
        case cfg.Move(src=src):
            return not src.startswith("%")
        case cfg.Build(kind=kind, items=items):
            return kind == "set" or any(item.starred for item in items)
        case cfg.BuildDict(items=items):
            return bool(items)
        case cfg.BuildSlice() | cfg.Join():
            return False
        case cfg.ListAppend(kind=kind):
            return kind == "set"
        case _:
            return True


def _thread(drafts: dict[cfg.Label, Draft]) -> None:
    """Jumps to a block that is only a jump go where it goes."""
    final: dict[cfg.Label, cfg.Label] = {}
    for label in drafts:
        seen = [label]
        while (following := _only_jumps(drafts[seen[-1]])) is not None and following not in seen:
            seen.append(following)
        final[label] = seen[-1]
        hint = next((drafts[each].hint for each in seen if drafts[each].hint), "")
        drafts[seen[-1]].hint = drafts[seen[-1]].hint or hint
    for draft in drafts.values():
        draft.terminator = _renamed(_terminator(draft), final)


def _only_jumps(draft: Draft) -> cfg.Label | None:
    empty = not draft.instructions and draft.catch is None
    return draft.terminator.target if empty and isinstance(draft.terminator, cfg.Goto) else None


def _renamed(terminator: cfg.Terminator, names: dict[cfg.Label, cfg.Label]) -> cfg.Terminator:
    match terminator:
        case cfg.Goto(target=target):
            return replace(terminator, target=names[target])
        case cfg.If(then=then, orelse=orelse):
            return replace(terminator, then=names[then], orelse=names[orelse])
        case cfg.ForNext(body=body, orelse=orelse):
            return replace(terminator, body=names[body], orelse=names[orelse])
        case cfg.Return() | cfg.Raise() | cfg.Reraise():
            return terminator


def _reachable(drafts: dict[cfg.Label, Draft], entry: cfg.Label) -> dict[cfg.Label, Draft]:
    found = {entry}
    work = [entry]
    while work:
        draft = drafts[work.pop()]
        following = successors(_terminator(draft))
        for label in following if draft.handler is None else (*following, draft.handler):
            if label not in found:
                found.add(label)
                work.append(label)
    return {label: draft for label, draft in drafts.items() if label in found}


def _predecessors(drafts: dict[cfg.Label, Draft]) -> dict[cfg.Label, list[cfg.Label]]:
    """By label, the blocks that jump there; handlers not counted."""
    found: dict[cfg.Label, list[cfg.Label]] = {label: [] for label in drafts}
    for label, draft in drafts.items():
        for following in dict.fromkeys(successors(_terminator(draft))):
            found[following].append(label)
    return found


def _merge(drafts: dict[cfg.Label, Draft], entry: cfg.Label) -> None:
    """A block that only one other jumps to, by a Goto, becomes its end, if their handlers agree."""
    predecessors = _predecessors(drafts)
    for label in list(drafts):
        second = drafts[label]
        if label == entry or second.catch is not None or len(predecessors[label]) != 1:
            continue
        first = drafts[predecessors[label][0]]
        if first is second or not isinstance(first.terminator, cfg.Goto):
            continue
        if first.handler != second.handler and _can_raise(first) and _can_raise(second):
            continue
        first.handler = second.handler if _can_raise(second) else first.handler
        first.instructions += second.instructions
        first.terminator = _terminator(second)
        del drafts[label]
        for following in successors(first.terminator):
            predecessors[following] = [first.label if p == label else p for p in predecessors[following]]


def _number(drafts: dict[cfg.Label, Draft], entry: cfg.Label) -> dict[cfg.Label, cfg.Block]:
    """Final labels, and the marks of loops and joins."""
    names = {label: f"b{i}" for i, label in enumerate(drafts)}
    headers = _loop_headers(drafts, entry)
    predecessors = _predecessors(drafts)
    blocks: dict[cfg.Label, cfg.Block] = {}
    for label, draft in drafts.items():
        header = label in headers
        blocks[names[label]] = cfg.Block(
            label=names[label],
            instructions=tuple(draft.instructions),
            terminator=_renamed(_terminator(draft), names),
            handler=None if draft.handler is None else names[draft.handler],
            catch=draft.catch,
            loop_header=header,
            join=len(predecessors[label]) > 1,
            hint=draft.hint if header else "",
        )
    return blocks


def _loop_headers(drafts: dict[cfg.Label, Draft], entry: cfg.Label) -> set[cfg.Label]:
    """Targets of edges that go back to a block on the depth-first path from the entry."""
    headers: set[cfg.Label] = set()
    done: set[cfg.Label] = set()
    path = {entry}
    stack = [(entry, iter(_edges(drafts[entry])))]
    while stack:
        label, following = stack[-1]
        target = next(following, None)
        if target is None:
            stack.pop()
            path.discard(label)
            done.add(label)
        elif target in path:
            headers.add(target)
        elif target not in done:
            path.add(target)
            stack.append((target, iter(_edges(drafts[target]))))
    return headers


def _edges(draft: Draft) -> tuple[cfg.Label, ...]:
    following = successors(_terminator(draft))
    return following if draft.handler is None else (*following, draft.handler)
