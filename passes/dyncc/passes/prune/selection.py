"""Which channels go: a share of every group, or of all channels together, or what a budget asks for."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dyncc.passes.prune.errors import OptionError, PruneError
from dyncc.passes.prune.flops import Cost
from dyncc.passes.prune.groups import Group, Network
from dyncc.passes.prune.importance import Scores

Removed = NDArray[np.bool_]


@dataclass(frozen=True)
class Selection:
    """``ratio`` is the share of channels to remove; ``parameters``, ``flops`` and ``latency`` (measured,
    see :mod:`~.latency`) the share to keep at most. ``depth`` is the share of residual branches to remove
    (see :mod:`~.depth`), before the channels of what is left.

    ``scope`` compares channels within their group or all together. ``minimum`` channels of a group stay,
    and a number that is divisible by ``multiple`` where the group is large enough. ``keep`` are
    patterns (``fnmatch``) of names of weights whose groups stay whole.
    """

    ratio: float | None = None
    parameters: float | None = None
    flops: float | None = None
    scope: Literal["group", "global"] = "group"
    minimum: int = 1
    multiple: int = 1
    keep: tuple[str, ...] = ()
    latency: float | None = None
    depth: float | None = None

    def __post_init__(self) -> None:
        budgets = {"parameters": self.parameters, "flops": self.flops, "latency": self.latency}
        if self.ratio is None and self.depth is None and not self.budget:
            raise OptionError(
                "how much to prune is not said", "give a ratio, or a budget of parameters, flops or latency"
            )
        if self.ratio is not None and not 0 <= self.ratio < 1:
            raise OptionError(
                f"the ratio {self.ratio} is not in [0, 1)", "0.5 removes half of the channels"
            )
        if self.depth is not None and not 0 <= self.depth < 1:
            raise OptionError(
                f"the depth {self.depth} is not in [0, 1)",
                "0.25 removes a quarter of the residual branches",
            )
        for name, share in budgets.items():
            if share is not None and not 0 < share <= 1:
                raise OptionError(f"the share of {name} {share} is not in (0, 1]", "0.5 keeps half of them")
        if self.ratio is not None and self.budget:
            raise OptionError("a ratio and a budget contradict each other", "give one of them")
        if self.scope not in ("group", "global"):
            raise OptionError(f"there is no scope `{self.scope}`; there are `group` and `global`")
        if self.minimum < 1 or self.multiple < 1:
            raise OptionError("the least number of channels and the multiple are at least 1")

    @property
    def budget(self) -> bool:
        """Whether channels go until something is small enough."""
        return any(share is not None for share in (self.parameters, self.flops, self.latency))

    @property
    def channels(self) -> bool:
        """Whether channels are to go at all."""
        return bool(self.ratio) or self.budget

    def removed(
        self,
        network: Network,
        scores: Sequence[Scores],
        cost: Callable[[Removed], Cost],
        dense: Cost | None = None,
        time: Callable[[Removed], float] | None = None,
    ) -> Removed:
        """By class whether it goes. Raises :class:`PruneError` where a budget cannot be met.

        Whatever is asked for, no axis of any value loses all of its channels. Budgets are shares of
        ``dense``, what the network costs that nothing is removed from; ``time`` gives the share of time.
        """
        groups, scores = self._prunable(network.groups, scores)
        if not self.budget:
            return self._at(self.ratio or 0.0, groups, scores, network)
        whole = cost(network.none()) if dense is None else dense

        def fits(removed: Removed) -> bool:
            now = cost(removed)
            return (
                (self.parameters is None or now.parameters <= self.parameters * whole.parameters)
                and (self.flops is None or now.flops <= self.flops * whole.flops)
                and (self.latency is None or time is None or time(removed) <= self.latency)
            )

        return self._search(fits, groups, scores, network, time)

    def _prunable(
        self, groups: Sequence[Group], scores: Sequence[Scores]
    ) -> tuple[Sequence[Group], Sequence[Scores]]:
        for pattern in self.keep:
            if not any(_matches(group, pattern) for group in groups):
                raise PruneError(
                    f"`{pattern}` matches no weight of a group",
                    "`dyncc groups` lists them with their weights",
                )
        kept = [
            number
            for number, group in enumerate(groups)
            if not any(_matches(group, pattern) for pattern in self.keep)
        ]
        return [groups[number] for number in kept], [scores[number] for number in kept]

    def _search(
        self,
        fits: Callable[[Removed], bool],
        groups: Sequence[Group],
        scores: Sequence[Scores],
        network: Network,
        time: Callable[[Removed], float] | None,
    ) -> Removed:
        """The smallest ratio that fits: to a thousandth, or to what can be measured."""
        precision = 1e-3 if self.latency is None else 1 / 64
        low, high = 0.0, 1.0
        most = self._at(1.0, groups, scores, network)
        if not fits(most):
            raise PruneError(
                "the budget cannot be met, even with all channels pruned that can be"
                + (f" (it takes {time(most):.2f} of the time then)" if time is not None else ""),
                "`dyncc groups` shows what stays and why; give a larger share",
            )
        if fits(none := network.none()):
            return none
        best = most
        while high - low > precision:
            middle = (low + high) / 2
            tried = self._at(middle, groups, scores, network)
            if fits(tried):
                high, best = middle, tried
            else:
                low = middle
        return best

    def _at(
        self, ratio: float, groups: Sequence[Group], scores: Sequence[Scores], network: Network
    ) -> Removed:
        removed = network.none()
        counts = self._counts(ratio, groups, scores)
        for group, mine, count in zip(groups, scores, counts, strict=True):
            # stable: of equal scores the last channels go
            order = np.lexsort((-np.arange(mine.size), mine))
            removed[group.labels[order[:count]]] = True
        self._repair(removed, groups, scores, network)
        return removed

    def _repair(
        self, removed: Removed, groups: Sequence[Group], scores: Sequence[Scores], network: Network
    ) -> None:
        """Bring back the best channel of every axis that would be empty."""
        value = np.zeros(removed.size)
        for group, mine in zip(groups, scores, strict=True):
            value[group.labels] = mine
        while empty := network.emptied(removed):
            for labels in empty:
                if removed[labels].all():
                    removed[labels[np.argmax(value[labels])]] = False

    def _counts(self, ratio: float, groups: Sequence[Group], scores: Sequence[Scores]) -> list[int]:
        """How many channels each group loses."""
        if self.scope == "group" or not groups:
            return self._by_family(ratio, groups)
        everything = np.sort(np.concatenate(scores))
        number = math.floor(ratio * everything.size + 1e-9)
        limit = everything[number - 1] if number else -np.inf
        wanted = [int((mine <= limit).sum()) for mine in scores]
        return [self._allowed(group.size, count) for group, count in zip(groups, wanted, strict=True)]

    def _by_family(self, ratio: float, groups: Sequence[Group]) -> list[int]:
        """The ratio of every family, shared out among its groups: small ones would lose too few else."""
        families: dict[str, list[int]] = {}
        for number, group in enumerate(groups):
            families.setdefault(group.family, []).append(number)
        counts = [0] * len(groups)
        for numbers in families.values():
            total = sum(groups[number].size for number in numbers)
            going = self._allowed(total, math.floor(ratio * total + 1e-9))
            shares = [going * groups[number].size / total for number in numbers]
            for number, share in zip(numbers, shares, strict=True):
                counts[number] = math.floor(share + 1e-9)
            left = going - sum(counts[number] for number in numbers)
            by_rest = sorted(range(len(numbers)), key=lambda k: math.floor(shares[k] + 1e-9) - shares[k])
            for k in by_rest[:left]:
                counts[numbers[k]] += 1
        return counts

    def _allowed(self, size: int, wanted: int) -> int:
        left = max(size - wanted, min(self.minimum, size), 1)
        if self.multiple > 1:
            left = min(size, -(-left // self.multiple) * self.multiple)
        return size - left


def _matches(group: Group, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(member.name, pattern) for member in group.members)
