"""Which objects of the prelude may decide when one goes through them."""

from __future__ import annotations

from dyncc.compiler.specialize.prelude.iterators import (
    ChainIterator,
    CountIterator,
    EnumerateIterator,
    FilterIterator,
    ListIterator,
    MapIterator,
    RangeIterator,
    SliceIterator,
    ZipIterator,
)
from dyncc.compiler.specialize.prelude.records import RecordList

DECIDING = (
    MapIterator, FilterIterator, ZipIterator, EnumerateIterator, RangeIterator, ListIterator, SliceIterator,
    ChainIterator, CountIterator, RecordList,
)  # fmt: skip
"""What may run code that decides when one goes through it."""
