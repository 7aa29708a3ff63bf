"""Programs of any shape that the data types allow (valid or not), for the text form."""

from __future__ import annotations

from hypothesis import strategies as st

from dyncc import ir

names = st.one_of(
    st.sampled_from(
        ["x", "h.1", "%3", "jump", "state", "keyword", "compute", "tuple", "inf.x", "True", "fixed"]
    ),
    st.text(min_size=1, max_size=5),
)
texts = st.text(max_size=6)
constants = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts)
dims = st.one_of(
    st.integers(0, 99), st.sampled_from(["s0", "s0 + 1", "2*s0", "Max(1, s0)", "7", " u"]), texts
)
dtypes = st.sampled_from(["float32", "bool", "int64", "bfloat16", "complex128", "float8_e4m3fn"])
tensors = st.builds(ir.TensorType, dtypes, st.lists(dims, max_size=3).map(tuple))
scalars = st.builds(ir.ScalarType, st.sampled_from(["int", "float", "bool", "str"]))
types = st.recursive(st.one_of(tensors, scalars), lambda inner: st.builds(ir.ListType, inner), max_leaves=2)
values = st.builds(ir.Value, names, types)
operands = st.one_of(st.builds(ir.Ref, names), st.builds(ir.Const, constants))
spans = st.builds(ir.Span, names, *[st.integers(0, 99)] * 4, st.one_of(st.just(""), names))
maybe_span = st.one_of(st.none(), spans)


def tuples(items, most=3):
    return st.lists(items, max_size=most).map(tuple)


edges = st.builds(ir.Edge, names, tuples(operands))
writes = st.builds(ir.Write, names, operands)


@st.composite
def containers(draw, node, children):
    """A container with a key for each child, or none (a dict without children has no keys either way)."""
    inner = draw(tuples(children))
    keyed = draw(st.booleans())
    keys = tuple(draw(constants) for _ in inner) if keyed else ()
    kind = draw(st.sampled_from(["tuple", "list", "set", "dict", "namedtuple", "dataclass", "record"]))
    return node(kind, inner, keys, draw(texts), draw(texts))


trees = st.recursive(st.builds(ir.Leaf, operands), lambda inner: containers(ir.Node, inner), max_leaves=4)
fixed = st.builds(ir.Fixed, constants, texts)
input_trees = st.recursive(
    st.one_of(st.builds(ir.Input, names, types), fixed),
    lambda inner: containers(ir.InputNode, inner),
    max_leaves=4,
)
leaving = (tuples(writes), st.integers(0, 3), tuples(operands), maybe_span)
exceptions = st.one_of(
    st.builds(lambda name: ir.ExceptionType(name, "builtins", name), names),
    st.builds(ir.ExceptionType, names, texts, texts),
)
parts = st.builds(ir.TextPart, operands, st.sampled_from(["", "r", "s"]), texts)


@st.composite
def switches(draw):
    choices = draw(st.lists(st.integers(-9, 9), max_size=3, unique=True))
    cases = tuple(draw(edges) for _ in choices)
    return ir.Switch(draw(operands), tuple(choices), cases, draw(edges), draw(maybe_span))


terminators = st.one_of(
    st.builds(ir.Jump, edges, maybe_span),
    st.builds(ir.Branch, operands, edges, edges, maybe_span),
    switches(),
    st.builds(ir.Return, trees, *leaving),
    st.builds(ir.Raise, exceptions, st.one_of(st.none(), tuples(parts)), *leaving),
)
steps = st.one_of(
    st.builds(ir.Compute, names, tuples(operands), tuples(values), maybe_span),
    st.builds(
        ir.HostOp, names.filter(lambda name: name != "compute"), tuples(operands), values, maybe_span
    ),
)
blocks = st.builds(ir.Block, names, tuples(values), tuples(steps), terminators, tuples(spans), texts)
parameters = st.builds(
    ir.Parameter,
    names,
    st.sampled_from(["positional", "keyword", "var_positional", "var_keyword"]),
    input_trees,
    st.booleans(),
    constants,
)
methods = st.builds(
    ir.Method,
    names,
    tuples(parameters),
    tuples(st.builds(ir.Entry, names, tuples(names))),
    tuples(st.builds(ir.Constraint, texts, texts)),
    maybe_span,
    tuples(st.builds(ir.Identity, names, names, st.booleans())),
)
initial = st.one_of(st.none(), names, st.builds(ir.Const, constants))
cells = st.builds(ir.Cell, names, types, texts, initial)


def keyed(items):
    return st.lists(items, max_size=3, unique_by=lambda item: item.name).map(
        lambda found: {item.name: item for item in found}
    )


programs = st.builds(
    ir.Program,
    names,
    keyed(methods),
    tuples(st.builds(ir.State, tuples(cells))),
    keyed(blocks),
    st.dictionaries(names, st.text(alphabet="ab {}#\n\t", max_size=12), max_size=2),
    tuples(st.builds(ir.Frozen, texts, texts, maybe_span)),
)
