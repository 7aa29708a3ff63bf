"""Statements of the generated programs that do not branch."""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz.expressions import (
    any_vector,
    floating,
    initial,
    integer,
    order,
    scalar,
    size,
    tensor_condition,
    truth,
    vector,
    views,
)
from tests.fuzz.scope import Writer


def assign(w: Writer) -> None:
    """``h1 = torch.tanh(self.f1(x))``."""
    name = w.target("v")
    w.emit(f"{name} = {vector(w)}")
    w.bind(name, "v")


def alias(w: Writer) -> None:
    """A second name for a tensor (a write through one is seen through the other)."""
    source = w.pick(w.of("v"))
    name = w.target("v", new=0.7)
    w.emit(f"{name} = {source}")
    w.bind(name, "v")


def new_view(w: Writer) -> None:
    name = w.target("h", new=0.5)
    w.emit(f"{name} = {w.pick(views(w, w.pick(w.of('v'))))}")
    w.bind(name, "h")


def update(w: Writer) -> None:
    """A write into a tensor [D]."""
    a, half = w.pick(w.of("v")), w.width // 2
    start = w.rng.randrange(w.width - 1)
    forms = [
        f"{a}.add_({w.constant()})",
        f"{a}.mul_({w.constant(0.3, 0.9)})",
        f"{a} += {any_vector(w)} * {w.constant()}",
        f"{a} *= {w.constant(0.3, 0.9)}",
        f"{a}[{start}:{start + 2}] = {w.constant()}",
        f"{a}[{w.rng.randrange(w.width)}] += {w.constant()}",
        f"{a}[-1] = {scalar(w)}",
        f"{a}[:{half}].mul_({w.constant()})",
        f"{a}[{half}:] = {any_vector(w)}[:{half}] * 0.5",
        f"{a}.clamp_(-0.8, 0.8)",
        f"{a}.copy_({vector(w)})",
        f"torch.tanh_({a})",
        f"{a}[::2].add_({scalar(w)} * 0.2)",
        f"{a}[{a} > {w.constant(0.2, 0.9)}] = {w.constant()}",
        f"{a}.masked_fill_({a} < {w.constant()}, {w.constant()})",
    ]
    if w.of("n"):
        forms.append(f"{a}[{size(w)}] = {w.constant()}")
        forms.append(f"{a}[: {size(w)}] *= 0.5")
    # An augmented assignment to a name makes it local: not to one that an inner function captures.
    w.emit(w.pick([form for form in forms if a not in w.frozen or form[len(a)] in "[."]))


def update_view(w: Writer) -> None:
    """A write through a view, or into a tensor without dimensions that may be one."""
    part = w.pick(w.of("h", "s"))
    forms = [
        f"{part}.add_({w.constant()})",
        f"{part} *= {w.constant(0.3, 0.9)}",
        f"{part} += {w.constant()}",
    ]
    if w.kinds[part] == "h":
        forms += [f"{part}[0] = {scalar(w)}", f"{part}.copy_({part}.flip(0))"]
    w.emit(w.pick(forms))


def bookkeeping(w: Writer) -> None:
    """A counter, a flag, a tag or a number changes."""
    kinds = [kind for kind in "nfgt" if w.of(kind, writable=True)]
    if not kinds:
        return introduce(w)
    kind = w.pick(kinds)
    name = w.pick(w.of(kind, writable=True))
    forms: dict[str, Callable[[], list[str]]] = {
        "n": lambda: [f"{name} += 1", f"{name} += 1", f"{name} = {integer(w)}", f"{name} -= 2"],
        "f": lambda: [
            f"{name} = {floating(w)}",
            f"{name} = {name} * 0.5 + {floating(w)}",
            f"{name} += 0.37",
        ],
        "g": lambda: [f"{name} = {truth(w)}", f"{name} = not {name}", f"{name} = True"],
        "t": lambda: [f'{name} = "a"', f'{name} = "b"', f'{name} = {name}[:3] + "c"'],
    }
    w.emit(w.pick(forms[kind]()))


def other_tensor(w: Writer) -> None:
    """A tensor that is not float32 [D] changes."""
    names = w.of("w", "q", "s", "b", "m", "z", writable=True)
    if not names:
        return introduce(w)
    name = w.pick(names)
    forms: dict[str, Callable[[], list[str]]] = {
        "w": lambda: [f"{name} = {name} * 0.5 + {any_vector(w)}", f"{name}.add_({any_vector(w)})"],
        "q": lambda: [
            f"{name} = {name} * 2 % 7",
            f"{name} += {integer(w)}",
            f"{name} = ({vector(w)} * 3.1).round().long()",
            f"{name}[0] = {integer(w)}",
        ],
        "s": lambda: [f"{name} = {name} * 0.5 + {scalar(w)}", f"{name} = {scalar(w)}"],
        "b": lambda: [f"{name} = {name} & ({scalar(w)} > {w.constant()})", f"{name} = ~{name}"],
        "m": lambda: [f"{name} = {name}.double()", f"{name} = {name} * 0.5", f"{name} = {vector(w)}"],
        "z": lambda: [
            f"{name} = torch.cat([{name}, {any_vector(w)}])",
            f"{name} = torch.cat([{any_vector(w)}[:2], {name} * 0.5])",
            f"{name} = {name}[:{w.width}]",
            f"{name} = {vector(w)}",
            f"{name} = {name} * 0.5 + {scalar(w)}",
            f"{name} = {w.pick(w.of('z'))} * 0.5",
            f"{name} = torch.cat([{name}, {w.pick(w.of('z'))} * 0.5])[:{2 * w.width}]",
            f"{name} = {w.pick(w.of('z'))}[{w.pick(['1:', ':-1', '::2', f': {integer(w)}'])}]",
            f"{name} = {name}[{name} > {w.constant()}]",
            f"{name} = torch.softmax({w.pick(w.of('z'))}, dim=0)",
            f"{name} = {name} if {name}.shape[0] <= {w.width} else {name}[-{w.width} :]",
            f"{name} = {name}[: {w.width}] + self.bias[: {name}.shape[0]]",
            f"{name} = {name}.{w.pick(['flip(0)', 'cumsum(0) * 0.2', 'sort().values'])}",
        ],
    }
    w.emit(w.pick(forms[w.kinds[name]]()))


KINDS = {
    "numbers": "nnf",
    "flags": "g",
    "tags": "t",
    "lists": "LN",
    "views": "h",
    "dtypes": "wqm",
    "optional": "o",
    "slices": "zn",
    "free sizes": "z",
}
"""Kinds of variables that a feature brings."""


def introduce(w: Writer, kind: str = "") -> None:
    """A new variable of a kind that the program's features call for."""
    wanted = ["s", "b", *(kind for feature, kinds in KINDS.items() if w.has(feature) for kind in kinds)]
    kind = kind or w.pick(wanted)
    name = w.fresh(kind)
    w.emit(f"{name} = {initial(w, kind)}")
    w.bind(name, kind)


def declare(w: Writer) -> None:
    """Variables that live through the whole program, so that branches differ in them where they meet."""
    if w.has("inplace") and w.chance(0.3):
        name = w.fresh("v")
        w.emit(f"{name} = x")
        w.bind(name, "v")
    for feature, kinds in KINDS.items():
        if w.has(feature) and w.chance(0.5):
            introduce(w, w.pick(list(kinds)))


def grow(w: Writer) -> None:
    """A list changes."""
    lists = w.of("L", "N", writable=True)
    if not lists:
        return introduce(w)
    name = w.pick(lists)
    if w.kinds[name] == "N":
        value = w.pick([floating(w), *w.of("f")])
        return w.emit(f"{name}.append({value})")
    a = any_vector(w)
    forms = [
        f"{name}.append({a})",
        f"{name}.append({vector(w)})",
        f"{name} += [{a}]",
        f"{name} = {name} + [{vector(w)}]",
        f"{name} = [{a}, *{name}]",
        f"{name}.extend([{a}, {vector(w)}])",
        f"{name} = list({name})",
    ]
    guarded = [f"{name}.pop()", f"{name}[-1] = {vector(w)}", f"{name}[0].add_({w.constant()})"]
    if not w.chance(0.35):
        return w.emit(w.pick(forms))
    with w.block(w.pick([f"if {name}:", f"if len({name}) > 1:"])):
        w.emit(w.pick(guarded))


def consume(w: Writer) -> None:
    """A list enters a tensor."""
    lists = w.of("L", "N")
    if not lists:
        return introduce(w)
    name, target = w.pick(lists), w.target("v")
    if w.kinds[name] == "N":
        w.emit(f"{target} = torch.tanh({any_vector(w)} + sum({name}))")
    else:
        forms = [
            f"{target} = torch.stack({name}).mean(0) if {name} else {vector(w)}",
            f"{target} = torch.tanh(sum({name}, {any_vector(w)}))",
            f"{target} = torch.cat({name})[-{w.width} :] * 0.5 if len({name}) > 0 else {vector(w)}",
            f"{target} = {name}[-1] if len({name}) > 1 else {vector(w)}",
            f"{target} = torch.stack([{any_vector(w)}, *{name}]).max(0).values",
        ]
        if w.has("comprehension"):
            forms.append(f"{target} = sum((e * 0.5 for e in {name}), {any_vector(w)})")
            forms.append(
                f"{target} = sum([e for e in {name} if {tensor_condition(w)}], {any_vector(w)}) * 0.3"
            )
        w.emit(w.pick(forms))
    w.bind(target, "v")


def fill_optional(w: Writer) -> None:
    """A variable that may be None gets a value, or gives it."""
    names = w.of("o", writable=True)
    if not names:
        return introduce(w)
    name = w.pick(names)
    if w.chance(0.5):
        return w.emit(f"{name} = {w.pick([any_vector(w), vector(w)])}")
    target = w.target("v")
    w.emit(
        w.pick(
            [
                f"{target} = {vector(w)} if {name} is None else {name} * 0.5",
                f"{target} = {name} if {name} is not None else {vector(w)}",
            ]
        )
    )
    w.bind(target, "v")


def container(w: Writer) -> None:
    """A dict or an object with tensors in it; a second name for one that exists."""
    w.names += 1
    stem, mapping = f"{w.names}", w.has("dicts")
    fields = ("['a']", "['n']") if mapping else (".h", ".n")
    kinds = ("v", "n")
    others = [name[: -len(fields[0])] for name in w.of("v") if name.endswith(fields[0])]
    name = f"cache{stem}" if mapping else f"box{stem}"
    value = w.pick([any_vector(w), vector(w)])
    if others and w.chance(0.4):
        w.emit(f"{name} = {w.pick(others)}")
    elif mapping:
        w.emit(f"{name} = {{'a': {value}, 'n': {integer(w)}}}")
    else:
        w.emit(f"{name} = Box({value}, {integer(w)})")
    for suffix, kind in zip(fields, kinds, strict=True):
        w.bind(name + suffix, kind)


def ternary(w: Writer) -> None:
    name = w.target("v")
    choices = w.of("v")
    w.emit(f"{name} = {w.pick(choices)} if {tensor_condition(w)} else {w.pick([vector(w), *choices])}")
    w.bind(name, "v")


def swap(w: Writer) -> None:
    names = w.of("v", writable=True)
    first, second = w.pick(names), w.pick(names)
    w.emit(f"{first}, {second} = {second}, {w.pick([first, vector(w)])}")


def comprehension(w: Writer) -> None:
    name = w.fresh("L")
    a = any_vector(w)
    forms = [
        f"[torch.tanh(layer({a})) for layer in self.layers]",
        f"[{a} * c for c in (0.3, 0.5) if {tensor_condition(w)}]",
        f"[e for e in [{a}, {vector(w)}] if e.mean() > {w.constant()}]",
    ]
    if w.of("L"):
        other = w.pick(w.of("L"))
        forms.append(f"[e + {a} * 0.5 for e in {other}]")
        forms.append(f"[e for e in {other} if e.max() > {w.constant()}]")
        reverse = w.pick(["", ", reverse=True"])
        forms.append(f"sorted({other}, key=lambda e: {order(w)}{reverse})")
    w.emit(f"{name} = {w.pick(forms)}")
    w.bind(name, "L")
