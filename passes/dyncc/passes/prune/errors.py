"""The one error of pruning."""

from __future__ import annotations


class PruneError(ValueError):
    """What was asked for cannot be done. ``help`` says what to do about it, if that is known."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help


class InexactError(PruneError):
    """The pruned network does not give what the original gives with the same channels zeroed."""


class OptionError(PruneError):
    """A number or a name among the options is not one that there can be."""
