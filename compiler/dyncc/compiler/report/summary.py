"""Why a network is dynamic, in sentences made from its program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dyncc.compiler.report.facts import BlockFacts, ExitFacts, LoopFacts, Runs
from dyncc.compiler.report.words import amount, count, flops_text, listed, shortened

_WIDTH = 44


def summary(
    blocks: Sequence[BlockFacts],
    exits: Sequence[ExitFacts],
    loops: Sequence[LoopFacts],
    runs: Sequence[Runs],
) -> tuple[str, ...]:
    """The sentences; the first says it all."""
    deciding = [block for block in blocks if block.by]
    if not deciding:
        return ("Nothing is decided while it runs: every input takes the same way.",)
    returns = returning(blocks, exits)
    parts = [_decides(deciding), *_loops(blocks, loops), _extent(blocks, returns, loops)]
    head = f"This network decides while it runs: {'; '.join(parts)}."
    return (head, *_cost(returns), *(_ran(run, blocks) for run in runs if run.calls > 1))


def returning(blocks: Sequence[BlockFacts], exits: Sequence[ExitFacts]) -> Sequence[ExitFacts]:
    """Where a call returns; where it never does, where it raises."""
    return [each for each in exits if blocks[each.block - 1].end == "return"] or exits


def _decides(deciding: Sequence[BlockFacts]) -> str:
    tensor = [block for block in deciding if block.by == "tensor"]
    if not tensor:
        return f"at {count(len(deciding), 'place')} it looks at sizes or numbers{_conditions(deciding)}"
    places = len({block.decides or block.name for block in tensor})
    often = f", {len(tensor)} times on the way," if len(tensor) > places else ""
    looks = "it looks at values that it has just computed"
    return f"at {count(places, 'place')}{often} {looks}{_conditions(tensor)}"


def _conditions(blocks: Sequence[BlockFacts]) -> str:
    """What is decided, as the source says it."""
    found = dict.fromkeys(block.decides for block in blocks if block.decides)
    width = _WIDTH if len(found) > 1 else 2 * _WIDTH
    texts = [f"`{shortened(text, width)}`" for text in found]
    return f" ({listed(texts)})" if texts else ""


def _loops(blocks: Sequence[BlockFacts], loops: Sequence[LoopFacts]) -> Iterator[str]:
    if loops:
        lines = dict.fromkeys(f"line {text}" for loop in loops if (text := _line(blocks[loop.head - 1])))
        at = f" ({listed(list(lines))})" if lines else ""
        turns = "turns" if len(loops) == 1 else "turn"
        yield f"{count(len(loops), 'loop')}{at} {turns} as often as the input asks for"


def _extent(blocks: Sequence[BlockFacts], exits: Sequence[ExitFacts], loops: Sequence[LoopFacts]) -> str:
    """How many blocks an input runs."""
    least = min((len(each.cheapest.blocks) for each in exits), default=0)
    most = max((len(each.dearest.blocks) for each in exits), default=0)
    total = count(len(blocks), "block")
    if loops:
        return f"an input runs {least} of its {total}, or more, and some of them again and again"
    if least == most:
        return f"every input runs {least} of its {total}, but not the same ones"
    return f"an input runs between {least} and {most} of its {total}"


def _line(block: BlockFacts) -> str:
    return block.place.rpartition(":")[2].split(",")[0].split("-")[0]


def _cost(exits: Sequence[ExitFacts]) -> Iterator[str]:
    """What that costs, where it differs."""
    if not exits:
        return
    least = min(each.cheapest.flops for each in exits)
    most = max(each.dearest.flops for each in exits)
    if least == most:
        return
    once = "" if all(each.bounded for each in exits) else ", each loop turned once,"
    yield f"The cheapest path costs {flops_text(least)}, the dearest{once} {flops_text(most)}."


def _ran(run: Runs, blocks: Sequence[BlockFacts]) -> str:
    mean = f"{run.blocks.mean:.1f}".removesuffix(".0")
    text = f"The {run.calls:,} calls of {run.label} ran {mean} of {len(blocks)} blocks on average"
    if run.flops.most:
        least, most = amount(run.flops.least), flops_text(run.flops.most)
        text += f", {flops_text(run.flops.mean)} a call ({least} to {most})"
    return text + "."
