"""Expressions of the generated programs, by kind. All are tame: tensors stay within a few units."""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz.scope import Writer

KEYED = ("Ci", "Cp", "Vi", "Vp", "Gi", "Gp", "Si", "Sp")
"""Kinds of containers with keys from data."""


def vector(w: Writer) -> str:
    """A fresh float32 tensor [D] (never an alias of a variable)."""
    a = any_vector(w)
    forms = [
        f"torch.tanh(self.{w.pick(['f1', 'f2'])}({a}))",
        f"{a} * {w.constant(0.3, 0.9)}",
        f"{a} + {w.constant()}",
        f"({a} - {any_vector(w)}) * 0.5",
        f"{a} * torch.sigmoid({any_vector(w)})",
        f"{a}.clone()",
        f"torch.relu({a})",
        f"-{a}",
        f"torch.where({a} > {w.constant()}, {a}, {any_vector(w)} * 0.5)",
        f"torch.cat([{a}[{w.width // 2}:], {any_vector(w)}[:{w.width // 2}]])",
        f"torch.softmax({a}, dim=0)",
        f"{a}.flip(0)",
        f"torch.tanh({a} @ self.weight)",
        f"torch.clamp({a}, -1.5, 1.5)",
    ]
    if w.of("s"):
        forms.append(f"{a} * torch.tanh({w.pick(w.of('s'))})")
    if w.has("numbers") and w.of("n"):
        forms += [f"torch.tanh({a} + {w.pick(w.of('n'))})", f"torch.tanh({a} * {w.pick(w.of('n'))})"]
    if w.has("numbers") and w.of("f"):
        forms += [f"torch.tanh({a} + {w.pick(w.of('f'))})", f"torch.tanh({a} * {w.pick(w.of('f'))})"]
    if w.has("numbers"):
        forms.append(f"torch.tanh({a} * {w.pick(['max', 'min'])}({floating(w)}, {w.constant()}))")
    if w.of("q"):
        forms.append(f"torch.tanh({a} * {w.pick(w.of('q'))})")
        forms.append(f"torch.tanh({w.pick(w.of('q'))} * ({floating(w)}))")
    if w.of("w"):
        forms.append(f"torch.tanh({a} + {w.pick(w.of('w'))}).float()")
    if w.has("experts"):
        forms.append(f"torch.tanh(self.experts[{index(w, 3)}]({a}))")
        by = any_vector(w)  # an item by a tensor, and by a number of NumPy's
        forms.append(f"torch.tanh(self.experts[{by}[:3].argmax()]({a}))")
        forms.append(
            f"[{a}, {any_vector(w)}, -{by}][{w.pick([f'{by}[:3].argmin()', f'{by}.numpy()[:3].argmax()'])}]"
        )
    if w.has("helper") and not w.inner:
        forms.append(helper_call(w, a))
    if w.of("m"):
        forms.append(f"torch.tanh({a} + {w.pick(w.of('m'))}).float()")
    if w.of("z"):
        forms.append(f"torch.tanh({a} * {w.pick(w.of('z'))}.mean())")
        forms.append(f"torch.tanh(({w.pick(w.of('z'))}.unsqueeze(1) * {a}).mean(0))")
        given = w.pick(w.of("z"))  # a square table, cut to the length
        rows = f"{given}[: {w.width}].unsqueeze(1) + self.weight[: {given}.shape[0], : {given}.shape[0]]"
        forms.append(f"torch.tanh({a} * ({rows}).sum() * 0.1)")
        forms.append(f"torch.nn.functional.pad({w.pick(w.of('z'))}, (0, {w.width}))[: {w.width}] * 0.5")
    if w.of("h"):
        half = w.pick(w.of("h"))
        forms.append(f"torch.cat([{half}, {half} * 0.5])")
    if w.of(*KEYED) and w.chance(0.5):
        forms += [keyed_vector(w)] * 3
    if w.has("random"):
        forms += [
            f"torch.tanh({a} + {w.pick(['torch.rand', 'torch.randn'])}({w.width}) * 0.3)",
            f"{a} + {w.pick(['torch.rand', 'torch.randn'])}_like({a}) * 0.2",
            f"{a} * torch.bernoulli(torch.sigmoid({a}))",
            f"torch.nn.functional.dropout({a}, 0.3, training=True)",
            f"{a}[torch.randperm({w.width})]",
        ]
    if w.has("comprehension") and w.chance(0.6):
        forms += [
            f"sorted([{several(w)}], key=lambda e: {order(w)})[{w.rng.randrange(2)}] * 0.5",
            f"{w.pick(['max', 'min'])}([{several(w)}], key=lambda e: {order(w)}) * 0.5",
        ]
    return w.pick(forms)


def order(w: Writer) -> str:
    """What vectors called ``e`` are ordered by: a number or a tensor."""
    if w.chance(0.2):  # the order of tensors is told by a decision for each comparison
        return w.pick(["e.sum()", "e[0]"])
    return w.pick(["e.sum().item()", "float(e.norm())", "-e.max().item()"])


def several(w: Writer) -> str:
    """Two or three vectors that differ, comma by comma."""
    a = any_vector(w)
    return ", ".join([a, f"{any_vector(w)} * 0.7", f"{a} - 0.3"][: w.rng.randint(2, 3)])


def helper_call(w: Writer, argument: str) -> str:
    if w.chance(0.5):
        return f"self.helper({argument})"
    return f"self.helper({argument}, {w.pick(['2', '0', 'k=1', *w.of('n')])})"


def any_vector(w: Writer) -> str:
    """A float32 tensor [D]: a variable, a buffer or an item."""
    choices = w.of("v")
    if w.chance(0.12):
        return "self.bias"
    return w.pick(choices[-3:] if w.chance(0.4) else choices)


def scalar(w: Writer) -> str:
    """A float32 tensor []."""
    a = any_vector(w)
    forms = [
        f"{a}.mean()",
        f"{a}.sum() * 0.3",
        f"{a}.abs().max()",
        f"{a}[{w.rng.randrange(w.width)}]",
        f"{a}[-1]",
        f"({a} * {any_vector(w)}).sum()",
        f"torch.norm({a})",
        f"{a}.max() - {a}.min()",
        f"{a}[1:].mean()",
    ]
    if w.of("h"):
        forms.append(f"{w.pick(w.of('h'))}.mean()")
    if w.of("s"):
        forms += [w.pick(w.of("s")), f"{w.pick(w.of('s'))} * 0.5"]
    if w.of("w"):
        forms.append(f"{w.pick(w.of('w'))}.mean().float()")
    if w.has("slices") and w.of("n"):
        forms.append(f"{a}[: {size(w)}].sum() * 0.4")
        forms.append(f"{a}[{size(w)} :].sum() * 0.4")
    return w.pick(forms)


def size(w: Writer) -> str:
    """A number in 1 .. D - 1."""
    return f"1 + {w.pick(w.of('n'))} % {w.width - 1}"


def index(w: Writer, count: int) -> str:
    """A number in 0 .. count - 1 that depends on a tensor."""
    a = any_vector(w)
    forms = [
        f"int({a}.argmax()) % {count}",
        f"{a}[:{count}].argmax().item()",
        f"int({a}[:{count}].argmin())",
        f"int({a}.abs().sum() * 1.37) % {count}",
    ]
    if w.of("n"):
        forms.append(f"({w.pick(w.of('n'))} + int({a}.argmax())) % {count}")
    if w.has("random"):
        forms.append(f"int(torch.multinomial(torch.softmax({a}[:{count}], 0), 1))")
        forms.append(f"torch.randint({count}, (1,)).item()")
    return w.pick(forms)


def tensor_condition(w: Writer) -> str:
    """A condition that reads a tensor."""
    a = any_vector(w)
    op = w.pick([">", "<", ">=", "<="])
    forms = [
        f"{scalar(w)} {op} {w.constant()}",
        f"{scalar(w)} {op} {w.constant()}",
        f"{scalar(w)} {op} {scalar(w)} + {w.constant()}",
        f"({a} > {w.constant(0.3, 0.9)}).any()",
        f"({a} > {w.constant(-0.9, -0.2)}).all()",
        f"torch.any({a} < {w.constant(-0.9, -0.3)})",
        f"{a}.argmax() == {w.rng.randrange(w.width)}",
        f"bool({scalar(w)} {op} {w.constant()})",
        f"({scalar(w)}).item() {op} {w.constant()}",
        f"float({scalar(w)}) {op} {w.constant()}",
        f"{w.constant(-0.9, -0.1)} < {scalar(w)} < {w.constant(0.1, 0.9)}",
        f"(({a} > {w.constant()}).sum() {op} {w.rng.randrange(1, w.width)})",
    ]
    if w.of("b"):
        forms += [w.pick(w.of("b"))] * 2
    if w.has("random"):
        forms += [f"torch.rand(()) {op} {w.constant(0.2, 0.8)}", f"torch.rand(1).item() {op} {scalar(w)}"]
    if w.has("numbers") and w.of("n"):
        forms.append(f"{scalar(w)} * 2 {op} {w.pick(w.of('n'))} - 0.3717")
    if w.has("comprehension") and w.of("L"):
        word = w.pick(["any", "all"])
        forms.append(f"{word}(e.mean() > {w.constant()} for e in {w.pick(w.of('L'))})")
    if w.has("comprehension"):
        word = w.pick(["any", "all"])
        forms.append(f"{word}(e.mean() > {w.constant()} for e in ({several(w)}))")
    if w.of("v") and w.chance(0.05):
        forms.append(f"torch.equal({a}, {any_vector(w)})")
    return w.pick(forms)


def number_condition(w: Writer) -> str | None:
    """A condition on Python values that may be static or dynamic by now."""
    forms: list[str] = []
    for name in w.of("n"):
        forms += [f"{name} > {w.rng.randrange(4)}", f"{name} % 2 == {w.rng.randrange(2)}"]
    for name in w.of("f"):
        forms.append(f"{name} > {w.constant()}")
    forms += [*w.of("g"), *(f"not {name}" for name in w.of("g"))]
    forms += [f'{name} == "{w.pick(["a", "b"])}"' for name in w.of("t")]
    forms += [f"len({name}) > {w.rng.randrange(3)}" for name in w.of("L", "N")]
    forms += [f"{name} is None" for name in w.of("o")]
    forms += [f"{name}.dtype == torch.float64" for name in w.of("m")]
    forms += [f"{name}.shape[0] > {w.rng.randrange(1, 2 * w.width)}" for name in w.of("z")]
    forms += [keyed_condition(w, name) for name in w.of(*KEYED)]
    return w.pick(forms) if forms else None


def condition(w: Writer) -> str:
    """Any condition, mostly one that reads a tensor."""
    static = number_condition(w)
    if static is None:
        return tensor_condition(w)
    if w.has("boolops") and w.chance(0.35):
        first, second = tensor_condition(w), static if w.chance(0.6) else tensor_condition(w)
        if w.chance(0.5):
            first, second = second, first
        first, second = f"({first})", f"({second})"
        text = f"{first} {w.pick(['and', 'or'])} {second}"
        return f"not ({text})" if w.chance(0.2) else text
    return static if w.chance(0.25) else tensor_condition(w)


def integer(w: Writer) -> str:
    """An int."""
    n = w.of("n")
    forms = [str(w.rng.randrange(4))]
    if n:
        a = w.pick(n)
        forms += [f"{a} + 1", f"{a} * 2 - 1", f"max({a}, 2)", f"min({a}, 3)", f"{a} % 3", f"abs({a} - 2)"]
        forms += [f"3 - {a}", f"7 // ({a} % 3 + 1)"]
        forms += [f"{a} if {condition(w)} else {w.rng.randrange(3)}"] if w.has("boolops") else []
    if w.has("numbers"):
        forms += [f"int({scalar(w)} * 3.3)", f"int({any_vector(w)}.argmax())", index(w, 4)]
    if w.of("L"):
        forms.append(f"len({w.pick(w.of('L'))})")
    if w.of(*KEYED):
        forms += [keyed_number(w)] * 2
    if w.of("z"):
        forms.append(f"{w.pick(w.of('z'))}.shape[0]")
    return w.pick(forms)


def floating(w: Writer) -> str:
    """A float."""
    forms = [w.constant(), f"({scalar(w)}).item()", f"float({scalar(w)})"]
    for a in w.of("f"):
        forms += [f"{a} * 0.5 + 0.1", f"min({a}, 0.5)", f"max({a}, {w.constant()})", f"abs({a})", f"-{a}"]
        forms += [f"0.7 - {a}", f"0.5 / (abs({a}) + 1)"]
    for n in w.of("n"):
        forms += [f"{n} / 3", f"{n} * 0.25"]
    if w.has("comprehension"):
        forms.append(f"sorted([({scalar(w)}).item(), {w.constant()}, float({scalar(w)})])[1]")
    return w.pick(forms)


def truth(w: Writer) -> str:
    """A bool of Python."""
    forms = ["True", "False", f"bool({tensor_condition(w)})"]
    static = number_condition(w)
    if static is not None:
        forms += [f"bool({static})"] * 2
    return w.pick(forms)


def initial(w: Writer, kind: str) -> str:
    """A value of ``kind`` for a variable that starts its life."""
    a = any_vector(w)
    makers: dict[str, Callable[[], str]] = {
        "v": lambda: vector(w),
        "w": lambda: w.pick([f"{a}.double()", f"{a}.to(torch.float64) * 0.5"]),
        "q": lambda: w.pick([f"({a} * 2.3).round().long()", f"torch.arange({w.width}) - 2"]),
        "h": lambda: w.pick(views(w, a)),
        "s": lambda: scalar(w),
        "b": lambda: f"{scalar(w)} > {w.constant()}",
        "n": lambda: integer(w),
        "f": lambda: floating(w),
        "g": lambda: truth(w),
        "t": lambda: w.pick(['"a"', '"b"', '""']),
        "L": lambda: w.pick(["[]", f"[{a}]", f"[{a}, {vector(w)}]"]),
        "N": lambda: "[]",
        "o": lambda: "None",
        "m": lambda: vector(w),
        "z": lambda: w.pick([vector(w), f"{a}[:{w.width // 2}]", *(f"{z} * 0.5" for z in w.of("z"))]),
    }
    return makers[kind]()


def views(w: Writer, base: str) -> list[str]:
    """Views of ``base`` with D // 2 elements."""
    half = w.width // 2
    return [
        f"{base}[:{half}]",
        f"{base}[{w.width - half}:]",
        f"{base}[1 : {half + 1}]",
        f"{base}.narrow(0, {w.width - half - 1}, {half})",
        f"{base}[: {half * 2}].view(2, {half})[{w.rng.randrange(2)}]",
        f"{base}[: {half * 2}].view({half}, 2).t()[1]",
        f"{base}[::2][:{half}]",
    ]


# ------------------------------------------------------------------------------- keys from data


def number_key(w: Writer) -> str:
    """One of few ints, mostly read from a tensor."""
    a = any_vector(w)
    forms = [
        f"int({a}[:{w.rng.randint(2, 3)}].argmax())",
        f"{a}[-3:].argmin().item()",
        f"int({a}.argmax()) % {w.rng.randint(2, 3)}",
        f"int({scalar(w)} > {w.constant()})",
        f"({a}[:3] > {w.constant()}).sum().item()",
        f"min(int({a}.abs().sum() * 1.37), 2)",
    ]
    forms += [f"{name}[{w.rng.randrange(2)}]" for name in w.of("K")] * 2
    forms += [f"{name} % 3" for name in w.of("n")]
    return w.pick(forms) if w.chance(0.85) else str(w.rng.randrange(3))


def key(w: Writer, kind: str) -> str:
    """A key of a container of ``kind``."""
    if kind[1] == "i":
        return number_key(w)
    first, second = number_key(w), str(w.rng.randrange(2))
    return f"({second}, {first})" if w.chance(0.3) else f"({first}, {second})"


def keyed_vector(w: Writer) -> str:
    """A tensor [D] that a container with keys from data gives or changes."""
    name, a = w.pick(w.of(*KEYED)), any_vector(w)
    kind, k = w.kinds[name], key(w, w.kinds[name])
    first = "e" if kind[1] == "i" else "e[0]"
    forms: dict[str, list[str]] = {
        "C": [
            f"torch.tanh({a} * {name}.get({k}, 2))",
            f"torch.tanh({a} + sum({name}.values()))",
            f"sum([torch.tanh({a} * {first}) * c for e, c in {name}.items()], {a}) * 0.1",
        ],
        "V": [
            f"({name}[{k}] if {k} in {name} else {a}) * 0.5",
            f"{name}.get({k}, {a}) * 0.5",
            f"(torch.stack(list({name}.values())).mean(0) if {name} else {a}.clone())",
            f"torch.tanh(sum({name}.values(), {a}))",
            f"sum([e * 0.5 for _, e in sorted({name}.items(), key=lambda e: e[0])], {a}) * 0.3",
        ],
        "G": [
            f"torch.tanh(sum({name}.get({k}, []), {a}))",
            f"(torch.stack({name}[{k}]).mean(0) if {k} in {name} else {a} * 0.5)",
            f"sum([torch.stack(g).amax(0) for g in {name}.values() if g], {a}) * 0.3",
            f"torch.tanh({a} * max([len(g) for g in {name}.values()], default=0))",
        ],
        "S": [
            f"(torch.tanh({a}) if {k} in {name} else {a} * 0.5)",
            f"torch.tanh({a} * len({name}))",
            f"sum([torch.tanh({a} * {first}) for e in sorted({name})], {a}) * 0.3",
        ],
    }
    return w.pick(forms[kind[0]])


def keyed_number(w: Writer) -> str:
    """An int that a container with keys from data gives."""
    name = w.pick(w.of(*KEYED))
    kind, k = w.kinds[name], key(w, w.kinds[name])
    first = "" if kind[1] == "i" else "[0]"
    forms: dict[str, list[str]] = {
        "C": [
            f"{name}.get({k}, {w.rng.randrange(3)})",
            f"({name}[{k}] if {k} in {name} else -1)",
            f"sum({name}.values())",
            f"max({name}.values(), default=1)",
            f"(max({name}, key=lambda e: {name}[e]){first} if {name} else 0)",
            f"sum([e{first} * c for e, c in sorted({name}.items())])",
        ],
        "V": [f"(next(iter({name})){first} if {name} else 3)", f"(min({name}){first} if {name} else 2)"],
        "G": [f"len({name}.get({k}, ()))", f"sum(len(g) for g in {name}.values())"],
        "S": [
            f"int({k} in {name})",
            f"len({name} | {{{k}}})",
            f"(sorted({name})[0]{first} if {name} else 2)",
        ],
    }
    forms["C"] += (
        [f"{name}[{k}]", f"(0, *(e{first} for e, _ in {name}.most_common(1)))[-1]"] * 2
        if w.classes[name] == "Counter"
        else []
    )
    return w.pick([f"len({name})", *forms[kind[0]]])


def keyed_condition(w: Writer, name: str) -> str:
    """A condition on a container with keys from data."""
    kind, k = w.kinds[name], key(w, w.kinds[name])
    forms = [f"{k} in {name}", f"{k} not in {name}", f"len({name}) > {w.rng.randrange(3)}", f"bool({name})"]
    if kind[0] == "C":
        forms += [f"{name}.get({k}, 0) > 1", f"{k} in {name}.keys()", f"1 in {name}.values()"]
    if kind[0] == "V":
        forms.append(f"{name}.get({k}) is None")
    if kind[0] == "S":
        forms += [f"{name} <= {{{k}, {key(w, kind)}}}", f"{name} == {{{k}}}", f"not {name} & {{{k}}}"]
    return w.pick(forms)
