"""Python definitions of what CPython does in C: iterators and builtins that call back or decide.

The machine puts these in place of the builtins, runs them natively like any other function, and interprets
them when a value that is not known yet is involved.
"""

from dyncc.compiler.specialize.prelude import (
    arrays,
    functions,
    iterators,
    itertools_,
    keyed_sets,
    keys,
    mappings,
    records,
    sorting,
)
from dyncc.compiler.specialize.prelude.deciding import DECIDING
from dyncc.compiler.specialize.prelude.functions import (
    COMPENSATED,
    all_of,
    any_of,
    as_list,
    as_tuple,
    best_of,
    call_module,
    close_generator,
    contained,
    count_in,
    equal_tensors,
    extend_list,
    index_in,
    is_float,
    join_text,
    least,
    list_of_tensor,
    made_up,
    missing_attribute,
    next_or,
    of_lists,
    operate,
    pop_of,
    range_with_step,
    reduce_of,
    sum_of,
    tensor_of_list,
    tensor_of_tensors,
)
from dyncc.compiler.specialize.prelude.iterators import (
    MISSING,
    ChainIterator,
    CountIterator,
    DynamicRange,
    EnumerateIterator,
    FilterIterator,
    ListIterator,
    MapIterator,
    RangeIterator,
    SequenceIterator,
    SliceIterator,
    ZipIterator,
)
from dyncc.compiler.specialize.prelude.keyed_sets import KeyedSet
from dyncc.compiler.specialize.prelude.keys import is_grown
from dyncc.compiler.specialize.prelude.mappings import KeyedDict, KeyedView
from dyncc.compiler.specialize.prelude.records import RecordList
from dyncc.compiler.specialize.prelude.sorting import by_insertion, in_order, sort_in_place, sorted_list

FILES = frozenset(
    module.__file__
    for module in (arrays, functions, iterators, itertools_, keyed_sets, keys, mappings, records, sorting)
)
"""Where the code of the prelude is: spans and frames in it are not the user's own."""
__all__ = [
    "COMPENSATED",
    "DECIDING",
    "FILES",
    "MISSING",
    "ChainIterator",
    "CountIterator",
    "DynamicRange",
    "EnumerateIterator",
    "FilterIterator",
    "KeyedDict",
    "KeyedSet",
    "KeyedView",
    "ListIterator",
    "MapIterator",
    "RangeIterator",
    "RecordList",
    "SequenceIterator",
    "SliceIterator",
    "ZipIterator",
    "all_of",
    "any_of",
    "arrays",
    "as_list",
    "as_tuple",
    "best_of",
    "by_insertion",
    "call_module",
    "close_generator",
    "contained",
    "count_in",
    "equal_tensors",
    "extend_list",
    "in_order",
    "index_in",
    "is_float",
    "is_grown",
    "join_text",
    "keys",
    "least",
    "list_of_tensor",
    "made_up",
    "mappings",
    "missing_attribute",
    "next_or",
    "of_lists",
    "operate",
    "pop_of",
    "range_with_step",
    "reduce_of",
    "sort_in_place",
    "sorted_list",
    "sum_of",
    "tensor_of_list",
    "tensor_of_tensors",
]
