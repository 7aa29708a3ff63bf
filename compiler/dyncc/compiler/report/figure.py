"""The control flow as a figure: boxes and arrows, of all blocks or with repeated regions folded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dyncc.compiler.report.facts import BlockFacts, Facts, Way
from dyncc.compiler.report.flow import Flow
from dyncc.compiler.report.folding import Fold, folds
from dyncc.compiler.report.words import amount, count, flops_text, shortened

_PILL = 60
_OPERATORS = 31
_DECIDES = 31


@dataclass(frozen=True)
class Box:
    """A box of the figure. ``blocks`` are numbers of blocks: several where it stands for repeated ones,
    none where a method begins. ``foot`` is what it decides or how it leaves, of the kind ``kind``."""

    blocks: tuple[int, ...]
    title: str
    lines: tuple[str, ...]
    foot: str
    kind: str
    """``entry``, ``fold``, or how the block ends."""
    entered: tuple[int, ...] = ()
    work: float = 0.0
    """Its share of the dearest block's."""
    times: int = 0


@dataclass(frozen=True)
class Arrow:
    """An edge between boxes, by their positions; ``taken`` by each of the runs, of ``given`` that could."""

    source: int
    target: int
    label: str
    taken: tuple[int, ...] = ()


@dataclass(frozen=True)
class Figure:
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def flow_of(facts: Facts) -> Flow:
    """The control flow, from the facts."""
    ways = [[way.target - 1 for way in block.ways] for block in facts.blocks]
    entries = list(dict.fromkeys(entry.block - 1 for entry in facts.entries))
    return Flow.of(ways, entries, [block.flops for block in facts.blocks])


def figures(facts: Facts) -> tuple[Figure, Figure | None]:
    """The figure of all blocks, and that with repeated regions folded where there are some."""
    folded = folds(facts.blocks, flow_of(facts))
    return _figure(facts, []), _figure(facts, folded) if folded else None


def _figure(facts: Facts, folded: Sequence[Fold]) -> Figure:
    boxes = [_entry(entry.signature, entry.state) for entry in facts.entries]
    most = max((block.flops for block in facts.blocks), default=0)
    functions = {block.function for block in facts.blocks if block.function}
    owners = {name[: name.rfind(".") + 1] for name in functions}
    owner = owners.pop() if len(owners) == 1 else ""
    position: dict[int, int] = {}
    inside = {node + 1: fold for fold in folded for node in fold.blocks}
    for block in facts.blocks:
        if block.number in position:
            continue
        fold = inside.get(block.number)
        members = [facts.blocks[node] for node in fold.blocks] if fold else [block]
        position.update(dict.fromkeys((member.number for member in members), len(boxes)))
        boxes.append(_fold(members, fold.times) if fold else _box(block, most, len(functions) > 1, owner))
    arrows = [Arrow(number, position[entry.block], "", ()) for number, entry in enumerate(facts.entries)]
    return Figure(tuple(boxes), (*arrows, *_arrows(facts, position)))


def _arrows(facts: Facts, position: dict[int, int]) -> list[Arrow]:
    """The edges between boxes: those of one source and one target are one arrow."""
    between: dict[tuple[int, int], list[Way]] = {}
    sizes = Counter(position.values())
    for block in facts.blocks:
        for way in block.ways:
            source, target = position[block.number], position[way.target]
            if source != target or sizes[source] == 1:
                between.setdefault((source, target), []).append(way)
    sources = Counter(source for source, _ in between)
    return [
        Arrow(
            source,
            target,
            _label(ways) if sources[source] > 1 else "",
            tuple(map(sum, zip(*(way.taken for way in ways), strict=True))),
        )
        for (source, target), ways in between.items()
    ]


def _label(ways: Sequence[Way]) -> str:
    labels = list(dict.fromkeys(way.label for way in ways if way.label))
    if len(labels) > 4:
        return f"{labels[0]} … {labels[-1]}"
    return " or ".join(labels)


def _entry(signature: str, state: str) -> Box:
    return Box((), shortened(signature, _PILL), (state,) if state else (), "", "entry")


def _box(block: BlockFacts, most: int, several: bool, owner: str) -> Box:
    """``several``: the program is from several functions, so their names are shown, but for the
    ``owner`` of all of them."""
    function = block.function.removeprefix(owner) if several else ""
    where = block.place.partition(":")[2].partition(", ")[0] if block.place else ""
    lines = where and f"line {where}" if "-" not in where else f"lines {where}"
    title = " · ".join(part for part in (f"#{block.number}", lines, function) if part)
    return Box(
        (block.number,),
        title,
        (shortened(_work(block), _OPERATORS), _size(block.parameters, block.flops, block.free)),
        shortened(_foot(block), _DECIDES),
        block.end,
        block.entered,
        block.flops / most if most else 0.0,
    )


def _fold(members: Sequence[BlockFacts], times: int) -> Box:
    flops = sum(block.flops for block in members)
    parameters = sum(block.parameters for block in members)
    entered = tuple(map(sum, zip(*(block.entered for block in members), strict=True)))
    numbers = sorted(block.number for block in members)
    return Box(
        tuple(numbers),
        f"{times} × the same again",
        (
            f"{count(len(numbers), 'block')}, #{numbers[0]} to #{numbers[-1]}",
            _size(parameters, flops, any(block.free for block in members)),
        ),
        shortened(next((block.decides for block in members if block.by), ""), _DECIDES),
        "fold",
        entered,
        0.0,
        times,
    )


def _work(block: BlockFacts) -> str:
    """The operators that come most often, and how many more there are."""
    if not block.operators:
        return f"host only: {count(block.host, 'instruction')}" if block.host else "nothing to compute"
    names = [f"{op.count} {op.name}" if op.count > 1 else op.name for op in block.operators]
    total = sum(op.count for op in block.operators)
    shown: list[str] = []
    for name in names:
        if len(", ".join([*shown, name])) > _OPERATORS - 5 and shown:
            break
        shown.append(name)
    rest = total - sum(op.count for op in block.operators[: len(shown)])
    return ", ".join(shown) + (f" +{rest}" if rest else "")


def _size(parameters: int, flops: int, free: bool) -> str:
    parts = [f"{amount(parameters)} weights"] if parameters else []
    parts += [flops_text(flops, free)] if flops else []
    return " · ".join(parts)


def _foot(block: BlockFacts) -> str:
    if block.end == "jump":
        return ""
    return block.decides or block.end
