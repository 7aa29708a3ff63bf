"""Statements of the generated programs that branch, loop, leave or call.

A body function returns whether control surely leaves at its end (``return``, ``break``, ``raise``, …).
"""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz import keyed, records
from tests.fuzz import statements as plain
from tests.fuzz.expressions import KEYED, any_vector, condition, scalar, tensor_condition, vector
from tests.fuzz.scope import Writer

Statement = Callable[[Writer], "bool | None"]


def body(w: Writer, most: int = 3) -> bool:
    """One to ``most`` statements."""
    for i in range(w.rng.randint(1, most)):
        if w.budget <= 0:
            if i == 0:
                w.rng.choice([plain.assign, plain.bookkeeping])(w)
            break
        if statement(w):
            return True
    return False


def statement(w: Writer) -> bool:
    """One statement of a random sort that the program's features allow here."""
    w.budget -= 1
    choices = [(weight, make) for weight, make, applies in TABLE if applies(w)]
    picked = w.rng.choices([make for _, make in choices], [weight for weight, _ in choices])[0]
    return bool(picked(w))


def _join(w: Writer, before: dict[str, str], arms: list[tuple[dict[str, str], bool]]) -> bool:
    """What is known where ``arms`` meet: the variables that each of them binds with the same kind."""
    live = [kinds for kinds, ended in arms if not ended]
    if not live:
        w.kinds = before
        return True
    w.kinds = {name: kind for name, kind in live[0].items() if all(k.get(name) == kind for k in live)}
    return False


def branch(w: Writer) -> bool:
    """``if``, ``elif``, ``else``."""
    header = condition(w)
    if w.chance(0.1):
        name = w.fresh("s")
        header = f"({name} := {scalar(w)}) > {w.constant()}"
        w.bind(name, "s")
    before, arms = dict(w.kinds), list[tuple[dict[str, str], bool]]()
    keyword = "if"
    for _ in range(w.rng.choice((1, 1, 1, 2, 3))):
        if keyword == "elif" and w.budget <= 0:
            break
        w.kinds = dict(before)
        with w.block(f"{keyword} {header}:"):
            ended = body(w)
        arms.append((w.kinds, ended))
        w.kinds = dict(before)
        keyword, header = "elif", condition(w)
    ended = False
    if w.budget > 0 and w.chance(0.55):
        with w.block("else:"):
            ended = body(w)
    arms.append((w.kinds, ended))
    return _join(w, before, arms)


def _loop_body(w: Writer, header: str, bound: dict[str, str], prologue: str = "") -> None:
    """A loop; what its body binds is forgotten after it. ``bound`` is bound at the start of a turn."""
    before, frozen = dict(w.kinds), set(w.frozen)
    w.kinds |= bound
    w.frozen |= set(bound)
    w.loops += 1
    start = len(w.lines)
    with w.block(header):
        if prologue:
            w.emit(prologue)
        body(w)
    w.loops -= 1
    w.kinds, w.frozen = dict(before), frozen
    if w.chance(0.6 if any(line.endswith("break") for line in w.lines[start:]) else 0.1):
        with w.block("else:"):
            plain.assign(w)
        w.kinds = dict(before)


def while_loop(w: Writer) -> None:
    counter = w.fresh("n")
    w.emit(f"{counter} = 0")
    w.bind(counter, "n")
    w.frozen.add(counter)
    limit = w.rng.randint(2, 4)
    test = tensor_condition(w)
    header = w.pick(
        [
            f"while {counter} < {limit} and {test}:",
            f"while ({test}) and {counter} < {limit}:",
            f"while {counter} < {limit}:",
            "while True:",
        ]
    )
    if header != "while True:":
        return _loop_body(w, header, {}, f"{counter} += 1")
    before = dict(w.kinds)
    w.loops += 1
    with w.block(header):
        w.emit(f"{counter} += 1")
        with w.block(f"if {test} or {counter} > {limit}:"):
            w.emit("break")
        body(w)
    w.loops -= 1
    w.kinds = before


def lists_together(w: Writer) -> None:
    """Two lists that grow in one loop, maybe apart, and what is made of both."""
    one, other, counter = w.fresh("L"), w.fresh("L"), w.fresh("n")
    w.emit(f"{one}, {other}, {counter} = [], [], 0")
    w.bind(counter, "n")
    w.frozen.add(counter)
    before = dict(w.kinds)
    w.loops += 1
    with w.block(f"while {counter} < {w.rng.randint(2, 6)} and {tensor_condition(w)}:"):
        w.emit(f"{counter} += 1")
        w.emit(f"{one}.append({vector(w)})")
        if w.chance(0.5):
            body(w, 2)
        w.emit(f"{other}.append({vector(w)})")
        if w.chance(0.5):
            a = w.target("v", new=0.0)
            w.emit(f"{a} = {a} * 0.7 + {other}[-1] * 0.4")
    w.loops -= 1
    w.kinds = before
    target = w.target("v")
    forms = [
        f"torch.stack({one}).gather(1, torch.stack({other}).argsort(1)).mean(0)",
        f"(torch.stack({one}) * torch.stack({other})).sum(0)",
        f"torch.where(torch.stack({one}) > {w.constant()}, torch.stack({other}), 0.1).amax(0)",
    ]
    w.emit(f"{target} = {w.pick(forms)} if {w.pick([one, other])} else {any_vector(w)} * 0.5")
    w.bind(target, "v")


def for_loop(w: Writer) -> None:
    layer, i = f"layer{w.names}", w.fresh("n")
    a = w.target("v", new=0.0)
    step = f"{a} = torch.tanh({layer}({a}))"
    forms: list[tuple[str, dict[str, str], str]] = [
        (f"for {layer} in self.layers:", {}, step),
        (f"for {i}, {layer} in enumerate(self.layers):", {i: "n"}, step),
        (f"for {layer}, {i} in zip(self.layers, (0, 2, 5)):", {i: "n"}, step),
        (f"for {layer} in reversed(self.layers):", {}, step),
        (f"for {i} in range({w.rng.randint(2, 3)}):", {i: "n"}, f"{a} = {a} * 0.8 + {i} * 0.1"),
    ]
    if w.has("numbers"):
        bound = w.pick([f"int({any_vector(w)}.argmax()) % 4", *(f"{n} % 4" for n in w.of("n"))])
        forms.append((f"for {i} in range({bound}):", {i: "n"}, f"{a} = {a} * 0.8 + {i} * 0.1"))
        forms.append((f"for {i} in range({bound}):", {i: "n"}, ""))
    if w.of("z") and w.chance(0.6):
        seq = w.pick(w.of("z"))
        # What a loop runs over stays as it is: its length bounds the index.
        bound = {i: "n"} | dict.fromkeys(w.of("z"), "z")
        return _loop_body(
            w, f"for {i} in range({seq}.shape[0]):", bound, f"{a} = {a} * 0.8 + {seq}[{i}] * 0.1"
        )
    if w.of(*KEYED, "K") and w.chance(0.6):
        return _keyed_loop(w, a)
    if w.of(*records.KINDS) and w.chance(0.5):
        header, bound, prologue = records.loop(w, a)
        kept = {
            name: w.kinds.pop(name) for name in w.of(*records.KINDS)
        }  # in the loop none of them changes
        _loop_body(w, header, bound, prologue)
        w.kinds |= kept
        return None
    if w.of("L"):
        e = w.fresh("v")
        header = f"for {e} in {w.pick(w.of('L'))}:"
        # Lists may share identity: while one is iterated over, none grows.
        bound = {e: "v"} | dict.fromkeys(w.of("L"), "L")
        return _loop_body(w, header, bound, f"{a} = {a} * 0.5 + {e}")
    header, bound_names, prologue = forms[w.rng.randrange(len(forms))]
    _loop_body(w, header, bound_names, prologue)


def _keyed_loop(w: Writer, a: str) -> None:
    """A loop over a container with keys from data, in which none of them changes, or over such keys."""
    header, bound, prologue = keyed.iteration(w, a)
    containers = w.of(*KEYED)
    if " keys" in header:
        e = next(iter(bound))
        for name in containers:
            if w.kinds[name][1] == "i" and w.key_writes > 1 and w.loops == 0 and w.chance(0.5):
                w.key_writes -= 2
                prologue = keyed.one_line(w, name, e)
        return _loop_body(w, header, bound, prologue)
    kept = {name: w.kinds.pop(name) for name in containers}
    _loop_body(w, header, bound, prologue)
    w.kinds |= kept


def leave(w: Writer) -> bool:
    """``break`` or ``continue``, under a condition or not."""
    word = w.pick(["break", "continue"])
    if w.chance(0.3):
        w.emit(word)
        return True
    with w.block(f"if {condition(w)}:"):
        w.emit(word)
    return False


def early_return(w: Writer) -> bool:
    with w.block(f"if {condition(w)}:"):
        w.emit(f"return {result(w)}")
    return False


def plain_return(w: Writer) -> bool:
    w.emit(f"return {result(w)}")
    return True


def result(w: Writer) -> str:
    """What a ``return`` gives: a vector from an inner function, anything from ``forward``."""
    if w.inner:
        return w.pick([vector(w), w.pick(w.of("v"))])
    leaves = [name for name, kind in w.kinds.items() if kind not in "LNO" and kind not in KEYED]
    leaves += [f"len({name})" for name in w.of("L", "N", *records.KINDS, *KEYED)] + [
        name for name in w.of("L", "N")
    ]
    picked = [w.pick(leaves[-8:]) for _ in range(w.rng.randint(1, 4))]
    first = w.pick([vector(w), w.pick(w.of("v"))])
    forms = [
        first,
        f"{first}, {', '.join(picked)}",
        f"{{'out': {first}, 'more': {picked[0]}}}",
        f"[{first}, {picked[0]}]",
        f"{first}, ({picked[0]}, {{'k': {picked[-1]}}})",
        f"Pair({first}, {picked[0]})",
    ]
    return w.pick(forms)


def try_except(w: Writer) -> bool:
    """``try`` with a ``raise`` under a condition, caught."""
    before = dict(w.kinds)
    kind = w.pick(["ValueError", "Exit"])
    w.guarded += 1
    with w.block("try:"):
        body(w, 2)
        with w.block(f"if {condition(w)}:"):
            w.emit('raise ValueError("low")' if kind == "ValueError" else f"raise Exit({any_vector(w)})")
        body(w, 2)
    w.guarded -= 1
    w.kinds = dict(before)
    name = w.target("v", new=0.0)
    with w.block(f"except {kind} as error:"):
        w.emit(f"{name} = {vector(w)}" if kind == "ValueError" else f"{name} = error.value")
        body(w, 1)
    if w.chance(0.3):
        w.kinds = dict(before)
        with w.block("finally:"):
            plain.bookkeeping(w)
    w.kinds = before
    return False


def try_finally(w: Writer) -> bool:
    before = dict(w.kinds)
    with w.block("try:"):
        ended = body(w)
    after, w.kinds = w.kinds, dict(before)
    with w.block("finally:"):
        w.rng.choice([plain.bookkeeping, plain.update])(w)
    w.kinds = after
    return ended


def raise_error(w: Writer) -> bool:
    text = w.pick(['"stop"', *(f'f"stop at {{{n}}}"' for n in w.of("n", "t", "g"))])
    if w.chance(0.3):
        w.emit(f"assert {condition(w)}, {text}")
        return False
    with w.block(f"if {condition(w)} and {tensor_condition(w)}:"):
        w.emit(f"raise {w.pick(['ValueError', 'RuntimeError', 'Stop'])}({text})")
    return False


def closure(w: Writer) -> None:
    """An inner function with decisions of its own, and calls to it."""
    w.names += 1
    name = f"step{w.names}"
    # Only plain locals can be declared nonlocal; those of an inner function's caller are out of reach.
    counters = [n for n in w.of("n", writable=True) if n.isidentifier() and n not in ("k",)]
    saved = (w.kinds, w.loops, w.inner, w.guarded, w.frozen)
    captured = {n for n in w.of("v", *KEYED) if n.isidentifier()} if w.chance(0.5) else set[str]()
    outer = {n: k for n, k in w.kinds.items() if n.startswith("self.") or n in captured}
    with w.block(f"def {name}(t, c=0.3):"):
        w.kinds = {**outer, "t": "v", "c": "f"}
        w.loops, w.inner, w.guarded, w.frozen = 0, True, 0, captured
        if counters and w.chance(0.5):
            w.emit(f"nonlocal {counters[0]}")
            w.emit(f"{counters[0]} += 1")
            w.bind(counters[0], "n")
        if not body(w, 2):
            with w.block(f"if {tensor_condition(w)}:"):
                w.emit(f"return {vector(w)}")
            w.emit(f"return {vector(w)} * c")
    w.kinds, w.loops, w.inner, w.guarded, w.frozen = saved
    for _ in range(w.rng.randint(1, 2)):
        target = w.target("v")
        w.emit(f"{target} = {name}({any_vector(w)}{w.pick(['', ', 0.5', ', c=0.7'])})")
        w.bind(target, "v")


def context(w: Writer) -> bool:
    before = dict(w.kinds)
    with w.block("with torch.no_grad():"):
        ended = body(w)
    w.kinds = before
    return ended


def recurse(w: Writer) -> None:
    target = w.target("v")
    w.emit(f"{target} = self.descend({any_vector(w)}, {w.rng.randint(1, 3)})")
    w.bind(target, "v")


def _always(w: Writer) -> bool:
    return True


def _feature(name: str) -> Callable[[Writer], bool]:
    return lambda w: w.has(name)


TABLE: list[tuple[float, Statement, Callable[[Writer], bool]]] = [
    (3.0, plain.assign, _always),
    (3.0, branch, lambda w: w.indent < 6),
    (0.8, plain.ternary, _always),
    (1.2, plain.introduce, _always),
    (1.2, plain.alias, _feature("inplace")),
    (2.5, plain.update, _feature("inplace")),
    (1.2, plain.new_view, _feature("views")),
    (1.5, plain.update_view, lambda w: w.has("views") and bool(w.of("h", "s"))),
    (1.5, plain.bookkeeping, lambda w: bool({"numbers", "flags", "tags"} & w.features)),
    (1.0, plain.other_tensor, _always),
    (2.0, plain.grow, _feature("lists")),
    (1.0, plain.consume, _feature("lists")),
    (1.0, plain.fill_optional, _feature("optional")),
    (0.5, plain.container, lambda w: bool({"dicts", "attributes"} & w.features)),
    (0.4, plain.swap, lambda w: len(w.of("v", writable=True)) > 1),
    (0.7, plain.comprehension, _feature("comprehension")),
    (1.2, records.make, lambda w: w.has("records") and len(w.of(*records.KINDS)) < 3),
    (2.5, records.change, lambda w: bool(w.of(*records.KINDS, writable=True))),
    (1.2, records.use, lambda w: bool(w.of(*records.KINDS))),
    (1.6, keyed.make, lambda w: w.has("keys") and len(w.of(*KEYED)) < 3),
    (3.0, keyed.change, keyed.may_change),
    (1.2, keyed.use, lambda w: bool(w.of(*KEYED))),
    (1.2, while_loop, lambda w: w.has("whiles") and w.loops < 2 and w.indent < 5),
    (0.8, lists_together, lambda w: {"whiles", "lists"} <= w.features and w.loops < 1 and w.indent < 5),
    (1.4, for_loop, lambda w: w.has("loops") and w.loops < 2 and w.indent < 5),
    (1.5, leave, lambda w: w.loops > 0),
    (0.7, early_return, _feature("early")),
    (0.15, plain_return, lambda w: w.indent > 2 and w.has("early")),
    (0.8, try_except, lambda w: w.has("raises") and w.indent < 5),
    (0.5, try_finally, lambda w: w.has("finally") and w.indent < 5),
    (0.3, raise_error, _feature("raises")),
    (0.5, closure, lambda w: w.has("closure") and not w.inner and w.indent < 4),
    (0.3, context, lambda w: w.indent < 5),
    (0.5, recurse, lambda w: w.has("recursion") and not w.inner),
]
