"""Statements about dicts and sets that a call makes and whose keys are numbers read from tensors.

Few keys are possible, and each program changes such containers a few times only: a block is made for each
way in which the keys may be equal.
"""

from __future__ import annotations

from tests.fuzz.expressions import (
    KEYED,
    any_vector,
    integer,
    key,
    keyed_number,
    keyed_vector,
    vector,
)
from tests.fuzz.scope import Writer


def _maker(w: Writer, kind: str) -> tuple[str, str]:
    """The class of a new container, and a display or call that makes it."""
    one, two = key(w, kind), key(w, kind)
    empty = w.pick(["{}", "dict()", "collections.OrderedDict()"])
    plain = "OrderedDict" if "Ordered" in empty else "dict"
    if kind[0] == "S":
        made = [
            "set()",
            f"{{{one}}}",
            f"{{{one}, {two}}}",
            f"set([{one}, {two}])",
            f"{{e for e in ({one}, {two})}}",
        ]
        return "set", w.pick(made + [f"set({k})" for k in w.of("K") if kind == "Si"])
    if kind[0] == "G":
        return ("defaultdict", "collections.defaultdict(list)") if w.chance(0.5) else (plain, empty)
    if kind[0] == "V":
        a, b = any_vector(w), vector(w)
        full = [f"{{{one}: {b}}}", f"{{{one}: {a}, {two}: {b}}}", f"dict([({one}, {a}), ({two}, {b})])"]
        return (plain, empty) if w.chance(0.5) else ("dict", w.pick(full))
    choices = [
        (plain, empty),
        ("dict", f"{{{one}: {integer(w)}, {two}: {integer(w)}}}"),
        ("dict", f"{{e: i for i, e in enumerate(({one}, {two}))}}"),
        ("defaultdict", "collections.defaultdict(int)"),
        ("Counter", "collections.Counter()"),
        ("Counter", f"collections.Counter([{one}, {two}])"),
        *(("Counter", f"collections.Counter({k})") for k in w.of("K") if kind == "Ci"),
    ]
    return choices[w.rng.randrange(len(choices))]


def make(w: Writer) -> None:
    """A new container, a second name for one, or numbers that may be keys."""
    if w.chance(0.2):
        name = w.fresh("K")
        a, last = any_vector(w), w.rng.randint(2, 3)
        w.emit(
            f"{name} = "
            + w.pick(
                [
                    f"({a}[:{last}] > {w.constant()}).long().tolist()",
                    # (of equal values PyTorch does not say which come first)
                    f"({a} + torch.arange({a}.shape[0]) * 0.0137).topk(2).indices.tolist()",
                    f"({a}[:{last}] * 1.7).round().clamp(0, 2).long().tolist()",
                ]
            )
        )
        return w.bind(name, "K")
    others = w.of(*KEYED)
    if others and w.chance(0.15):
        other = w.pick(others)
        name, kind, cls = w.fresh(w.kinds[other]), w.kinds[other], w.classes[other]
        w.emit(f"{name} = {w.pick([other, f'{other}.copy()'])}")
    else:
        kind = w.pick([*KEYED, *(each for each in KEYED if each[1] == "i")])  # pairs less often
        name = w.fresh(kind)
        cls, text = _maker(w, kind)
        w.emit(f"{name} = {text}")
    w.bind(name, kind)
    w.classes[name] = cls


def may_change(w: Writer) -> bool:
    return w.has("keys") and bool(w.of(*KEYED)) and w.loops < 2 and w.key_writes > 0


def change(w: Writer) -> None:
    """A container gets a key, another value for one, or loses one."""
    w.key_writes -= 2 if w.loops or w.inner else 1
    name = w.pick(w.of(*KEYED))
    change_at(w, name, key(w, w.kinds[name]))


def change_at(w: Writer, name: str, k: str) -> None:
    # A key that is read is computed again wherever its text stands: a name sees to it that all are one.
    if not k.isidentifier() and w.chance(0.5):
        local = w.fresh("k")
        w.emit(f"{local} = {k}")
        if w.kinds[name][1] == "i":
            w.bind(local, "n")
        k = local
    for line in w.pick(_forms(w, name, k)).split("\n"):
        w.emit(line)


def one_line(w: Writer, name: str, k: str) -> str:
    """A change that is one line."""
    return w.pick([form for form in _forms(w, name, k) if "\n" not in form])


def _forms(w: Writer, name: str, k: str) -> list[str]:
    """Changes of a container at a key."""
    makers = {"C": _counts, "V": _vectors, "G": _groups, "S": _members}
    return makers[w.kinds[name][0]](w, name, k)


def use(w: Writer) -> None:
    """A container with keys from data enters a tensor or a number."""
    if w.chance(0.3):
        name = w.target("n")
        w.emit(f"{name} = {keyed_number(w)}")
        return w.bind(name, "n")
    name = w.target("v")
    w.emit(f"{name} = {keyed_vector(w)}")
    w.bind(name, "v")


def _counts(w: Writer, name: str, k: str) -> list[str]:
    number, cls = integer(w), w.classes[name]
    forms = [f"{name}[{k}] = {name}.get({k}, 0) + {w.pick(['1', number])}"] * 2
    if cls in ("defaultdict", "Counter"):
        forms += [f"{name}[{k}] += 1", f"{name}[{k}] += {number}", f"{name}[{k}] -= 1"]
    if cls == "defaultdict":
        forms.append(f"{name}[{k}]")  # (which stores a zero)
    if cls == "Counter":
        return [*forms, f"{name}.update([{k}, {key(w, w.kinds[name])}])", f"{name}.subtract([{k}])"]
    if cls == "OrderedDict":
        forms.append(f"if {k} in {name}:\n    {name}.move_to_end({k}{w.pick(['', ', last=False'])})")
    return [
        *forms,
        f"{name}[{k}] = {number}",
        f"{name}.setdefault({k}, {number})",
        f"{name}.update({{{k}: {number}}})",
        f"if {k} in {name}:\n    {name}[{k}] += {number}",
        f"if {k} not in {name}:\n    {name}[{k}] = {number}",
        w.pick(_removals(w, name, k)),
    ]


def _vectors(w: Writer, name: str, k: str) -> list[str]:
    return [
        f"{name}[{k}] = {vector(w)}",
        f"{name}[{k}] = {any_vector(w)}",
        f"{name}.setdefault({k}, {vector(w)})",
        f"{name}[{k}] = {name}.get({k}, {any_vector(w)}) * 0.5",
        f"if {k} in {name}:\n    {name}[{k}] = {name}[{k}] * 0.5 + {w.constant()}",
        f"if {k} not in {name}:\n    {name}[{k}] = {vector(w)}",
        *([f"if {k} in {name}:\n    {name}[{k}].add_({w.constant()})"] * (1 + w.has("inplace"))),
        w.pick(_removals(w, name, k)),
    ]


def _groups(w: Writer, name: str, k: str) -> list[str]:
    a = w.pick([any_vector(w), vector(w)])
    append = f"{name}.setdefault({k}, []).append({a})"
    if w.classes[name] == "defaultdict":
        append = f"{name}[{k}].append({a})"
    return [
        *[append] * 5,
        f"{name}.setdefault({k}, [{any_vector(w)}]).append({a})",
        f"if {k} in {name}:\n    {name}[{k}] = {name}[{k}] + [{a}]",
        f"for e in {name}.get({k}, ()):\n    e.mul_({w.constant(0.3, 0.9)})",
        w.pick(_removals(w, name, k)),
    ]


def _removals(w: Writer, name: str, k: str) -> list[str]:
    return [
        f"{name}.pop({k}, None)",
        f"if {k} in {name}:\n    del {name}[{k}]",
        f"if {name}:\n    {name}.popitem()",
        f"try:\n    del {name}[{k}]\nexcept KeyError:\n    {w.pick(w.of('v'))}.mul_(0.5)",
    ]


def _members(w: Writer, name: str, k: str) -> list[str]:
    other = key(w, w.kinds[name])
    rebound = [
        f"{name} |= {{{k}}}",
        f"{name} -= {{{k}}}",
        f"{name} &= {{{k}, {other}}}",
        f"{name} = {name} | {{{k}}}",
    ]
    return [
        *[f"{name}.add({k})"] * 3,
        f"{name}.discard({k})",
        f"{name}.update(({k}, {other}))",
        f"if {k} in {name}:\n    {name}.remove({k})",
        f"if {k} not in {name}:\n    {name}.add({other})",
        # (An augmented assignment makes a name local: not that of what an inner function captures.)
        *(rebound if name not in w.frozen else []),
    ]


def iteration(w: Writer, a: str) -> tuple[str, dict[str, str], str]:
    """A loop over a container, or over keys: its header, what it binds, its first statement."""
    name = w.pick(w.of(*KEYED, "K"))
    kind, e = w.kinds[name], w.fresh("n")
    bound = {e: "n"}
    if kind == "K":
        step = f"{a} = torch.tanh({a} * {e} + 0.2)"
        return w.pick([f"for {e} in {name}:", f"for _, {e} in enumerate({name}):"]), bound, step
    factor = e if kind[1] == "i" else "0.5"
    step = f"{a} = torch.tanh({a} * {factor} + 0.2)"
    e = e if kind[1] == "i" else f"({e}, _)"
    if kind[0] == "S":
        return f"for {e} in sorted({name}):", bound, step
    if w.chance(0.3):
        return f"for {e} in {w.pick([name, f'list({name})', f'sorted({name})'])}:", bound, step
    value, of = {"C": ("n", "n"), "V": ("v", "v"), "G": ("L", "L")}[kind[0]]
    value = w.fresh(value)
    by = "" if kind[0] == "C" else ", key=lambda e: e[0]"
    items = w.pick([f"{name}.items()", f"{name}.items()", f"sorted({name}.items(){by})"])
    return f"for {e}, {value} in {items}:", bound | {value: of}, step
