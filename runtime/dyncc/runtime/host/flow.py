"""The shape of a control-flow graph: order, dominators, loops; and making every loop have one entry.

Dominators after Cooper, Harvey & Kennedy, *A Simple, Fast Dominance Algorithm* (2001). A loop that is
entered in two places gets a dispatcher in front of them (as in LLVM's ``fixup-irreducible``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Successors = Mapping[str, Sequence[str]]


def reverse_postorder(entry: str, successors: Successors) -> list[str]:
    """The nodes that ``entry`` leads to; each comes before its successors, but for edges that close a loop.

    Of two successors the first, with all that only it leads to, comes first.
    """
    order: list[str] = []
    seen = {entry}
    stack = [(entry, iter(tuple(reversed(successors[entry]))))]
    while stack:
        node, rest = stack[-1]
        for successor in rest:
            if successor not in seen:
                seen.add(successor)
                stack.append((successor, iter(tuple(reversed(successors[successor])))))
                break
        else:
            order.append(node)
            stack.pop()
    return order[::-1]


def predecessors(nodes: Sequence[str], successors: Successors) -> dict[str, list[str]]:
    """The sources of the edges into each node, one entry an edge."""
    found: dict[str, list[str]] = {node: [] for node in nodes}
    for node in nodes:
        for successor in successors[node]:
            found[successor].append(node)
    return found


def immediate_dominators(order: Sequence[str], before: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Of each node but the entry its immediate dominator. ``order`` is a reverse postorder."""
    position = {node: index for index, node in enumerate(order)}
    idom = {order[0]: order[0]}

    def meet(one: str, other: str) -> str:
        while one != other:
            while position[one] > position[other]:
                one = idom[one]
            while position[other] > position[one]:
                other = idom[other]
        return one

    changed = True
    while changed:
        changed = False
        for node in order[1:]:
            known = [source for source in before[node] if source in idom]
            best = known[0]
            for source in known[1:]:
                best = meet(best, source)
            if idom.get(node) != best:
                idom[node] = best
                changed = True
    del idom[order[0]]
    return idom


def components(nodes: Sequence[str], successors: Successors) -> list[list[str]]:
    """The strongly connected components of the graph that ``nodes`` induce (Tarjan, without recursion)."""
    inside = set(nodes)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    on_path: set[str] = set()
    found: list[list[str]] = []
    for root in nodes:
        if root in index:
            continue
        work = [(root, iter([s for s in successors[root] if s in inside]))]
        index[root] = low[root] = len(index)
        path.append(root)
        on_path.add(root)
        while work:
            node, rest = work[-1]
            for successor in rest:
                if successor not in index:
                    index[successor] = low[successor] = len(index)
                    path.append(successor)
                    on_path.add(successor)
                    work.append((successor, iter([s for s in successors[successor] if s in inside])))
                    break
                if successor in on_path:
                    low[node] = min(low[node], index[successor])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    start = path.index(node)
                    found.append(path[start:])
                    on_path.difference_update(path[start:])
                    del path[start:]
    return found


def split_entries(
    entry: str,
    nodes: Sequence[str],
    successors: Callable[[], Successors],
    dispatch: Callable[[list[str]], str],
) -> None:
    """Make every loop have one entry.

    ``dispatch(entries)`` is called for a loop with several: it puts a node in front of ``entries`` that
    takes over all edges into them, and returns its name; ``successors()`` gives the graph as it then is.
    """
    order = {node: index for index, node in enumerate(nodes)}
    work: list[list[str]] = [list(nodes)]
    while work:
        region = work.pop()
        graph = successors()
        for component in components(region, graph):
            members = set(component)
            if len(component) == 1 and component[0] not in graph[component[0]]:
                continue
            entries = {
                target
                for node in graph
                if node not in members
                for target in graph[node]
                if target in members
            }
            if entry in members:
                entries.add(entry)
            if len(entries) > 1:
                header = dispatch(sorted(entries, key=lambda node: order.get(node, -1)))
                graph = successors()
            else:
                (header,) = entries
            rest = [node for node in component if node != header]
            if rest:
                work.append(rest)
