"""How much a channel matters: a score of every weight, aggregated over all that goes with the channel.

Criteria score single weights; a channel's score aggregates them over the whole coupled channel, and may be
normalized within its group so that groups can be compared (SPA, arXiv 2403.18955, section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from dyncc.passes.prune.errors import OptionError, PruneError
from dyncc.passes.prune.groups import Group, Member, is_floating

Aggregate: TypeAlias = Literal["sum", "mean", "max", "prod"]
Normalize: TypeAlias = Literal["none", "sum", "mean", "max", "standard"]
Scores = NDArray[np.float64]

AGGREGATES = ("sum", "mean", "max", "prod")
NORMALIZES = ("none", "sum", "mean", "max", "standard")
PLAIN = ("l1", "l2", "random", "bn-scale")
"""Criteria of the weights alone."""
RECONSTRUCTION = "obspa"
"""The criterion whose scores are those of whole columns: what refitting cannot make up for."""
GRADIENT = ("snip", "taylor", "grasp", "crop", "obs")
"""Criteria whose scores of single weights come from gradients (or a Hessian): given as arrays by name."""


CRITERIA = (*PLAIN, RECONSTRUCTION, *GRADIENT)


@dataclass(frozen=True)
class Importance:
    """``elementwise`` are the scores of single weights by name, for the criteria of :data:`GRADIENT`.

    ``columns`` are those of the input channels of layers, by name of the weight, with its axis, for
    ``obspa``; without them, and for channels that no layer takes in, ``obspa`` goes by L1.
    """

    criterion: str = "l1"
    aggregate: Aggregate = "mean"
    normalize: Normalize = "mean"
    seed: int = 0
    elementwise: Mapping[str, np.ndarray] | None = None
    columns: Mapping[str, tuple[int, np.ndarray]] | None = None

    def __post_init__(self) -> None:
        if self.criterion not in CRITERIA:
            raise OptionError(
                f"there is no criterion `{self.criterion}`", f"there are: {', '.join(CRITERIA)}"
            )
        if self.aggregate not in AGGREGATES:
            raise OptionError(f"cannot aggregate by `{self.aggregate}`; by {', '.join(AGGREGATES)}")
        if self.normalize not in NORMALIZES:
            raise OptionError(f"cannot normalize by `{self.normalize}`; by {', '.join(NORMALIZES)}")
        if self.criterion in GRADIENT and self.elementwise is None:
            raise OptionError(
                f"the criterion `{self.criterion}` needs gradients",
                "give data and a loss, or use l1, which needs none",
            )

    def scores(self, groups: tuple[Group, ...], usage: Mapping[str, float] | None = None) -> list[Scores]:
        """The score of every channel of every group.

        ``usage`` says how often a call uses each weight, by name. What is used more counts for more, within
        a group and, since scores are multiplied by the mean of it, between groups.
        """
        random = np.random.default_rng(self.seed)
        found: list[Scores] = []
        for group in groups:
            often, mean = _often(group, usage)
            scores = self._columns(group)
            if self.criterion == "random":
                scores = random.random(group.size)
            elif scores is None:
                scores = self._aggregated(group, often)
            found.append(_normalized(scores, self.normalize) * mean)
        return found

    def _columns(self, group: Group) -> Scores | None:
        """The sum over all layers that take the channels in; None where a channel goes into none."""
        total, seen = np.zeros(group.size), np.zeros(group.size, bool)
        for member in group.members:
            axis, scores = (self.columns or {}).get(member.name, (-1, total))
            if axis == member.axis:
                np.add.at(total, member.channels, scores[member.indices])
                seen[member.channels] = True
        return total if seen.all() and group.size else None

    def _aggregated(self, group: Group, often: Mapping[str, float]) -> Scores:
        """``often`` says what the weights count for, beside one another."""
        members = [member for member in group.members if self._counts(member)]
        members = members or [member for member in group.members if is_floating(member.value)] or []
        total = np.zeros(group.size)
        extreme = np.zeros(group.size)
        logs = np.zeros(group.size)
        count = np.zeros(group.size)
        for member in members:
            others = tuple(axis for axis in range(_array(member).ndim) if axis != member.axis)
            scores, weight = self._elements(member), often[member.name]
            rows = scores.sum(axis=others)[member.indices]
            np.add.at(total, member.channels, weight * rows)
            np.add.at(count, member.channels, weight * scores.size / scores.shape[member.axis])
            np.maximum.at(extreme, member.channels, weight * scores.max(axis=others)[member.indices])
            if self.aggregate == "prod":
                rows = np.log(np.abs(scores) + 1e-12).sum(axis=others)[member.indices]
                np.add.at(logs, member.channels, weight * rows)
        count = np.where(count > 0, count, 1)
        # a product of thousands of factors is its geometric mean: the order is the same
        return {
            "sum": total, "mean": total / count, "max": extreme, "prod": np.exp(logs / count)
        }[self.aggregate]  # fmt: skip

    def _counts(self, member: Member) -> bool:
        """Whether a weight speaks for its channels: matrices and kernels, and the scales of norms."""
        if not is_floating(member.value):
            return False
        if self.criterion == "bn-scale":
            return is_scale(member.value)
        return len(_array(member).shape) > 1 or is_scale(member.value)

    def _elements(self, member: Member) -> np.ndarray:
        array = _array(member)
        if self.criterion in GRADIENT:
            assert self.elementwise is not None
            given = self.elementwise.get(member.name)
            if given is None:
                return np.zeros(array.shape)
            if given.shape != array.shape:
                raise PruneError(
                    f"the scores of `{member.name}` have the shape {given.shape}, not {array.shape}"
                )
            return given.astype(np.float64)
        values = np.abs(array.astype(np.float64))
        return values**2 if self.criterion == "l2" else values


def _often(group: Group, usage: Mapping[str, float] | None) -> tuple[dict[str, float], float]:
    """How often the weights of a group are used, as shares of their mean, and the mean."""
    names = dict.fromkeys(member.name for member in group.members)
    if usage is None or not names:
        return dict.fromkeys(names, 1.0), 1.0
    mean = sum(usage.get(name, 0.0) for name in names) / len(names)
    if not mean:
        return dict.fromkeys(names, 1.0), 0.0
    return {name: usage.get(name, 0.0) / mean for name in names}, mean


def _array(member: Member) -> np.ndarray:
    assert member.value.const_value is not None
    return member.value.const_value.numpy()


def is_scale(value: onnx_ir.Value) -> bool:
    """Whether a weight is the scale of a normalization."""
    return any(use.idx == 1 and "Normalization" in use.node.op_type for use in value.uses())


def _normalized(scores: Scores, how: Normalize) -> Scores:
    functions: dict[str, Callable[[Scores], Scores]] = {
        "none": lambda s: s,
        "sum": lambda s: s / (np.abs(s).sum() or 1),
        "mean": lambda s: s / (np.abs(s).mean() or 1),
        "max": lambda s: s / (np.abs(s).max() or 1),
        "standard": lambda s: (s - s.mean()) / (s.std() or 1),
    }
    return functions[how](scores)
