"""Models of builtins for arguments that are not known yet, by family. Importing a family registers it."""

from dyncc.compiler.specialize.execution.models import (
    conversions,
    iterables,
    linalg,
    messages,
    orders,
    reductions,
)

__all__ = ["conversions", "iterables", "linalg", "messages", "orders", "reductions"]
