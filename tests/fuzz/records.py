"""Statements about lists of texts (``T``), and of dicts (``R``) or objects (``O``) of a text, a number and
a tensor."""

from __future__ import annotations

from tests.fuzz.expressions import any_vector, floating, integer, scalar, tensor_condition, vector
from tests.fuzz.scope import Writer

WORDS = ("a", "b", "long", "")
KINDS = ("T", "R", "O")


def _word(w: Writer) -> str:
    """A text: a literal, a variable, one that a condition or an index chooses."""
    one, two = w.rng.sample(WORDS, 2)
    forms = [
        repr(one),
        repr(one),
        f"({one!r} if {tensor_condition(w)} else {two!r})",
        f"['a', 'b', 'long', 'a'][int({scalar(w)} * 5) % 4]",
        f"{{0: 'b', 1: '', 2: 'long'}}[int({scalar(w)} * 5) % 3]",
        *w.of("t"),
    ]
    return w.pick(forms)


def _new(w: Writer, kind: str) -> str:
    """An element of a list of that kind."""
    if kind == "T":
        return _word(w)
    word, number, row = _word(w), floating(w), w.pick([any_vector(w), vector(w)])
    if kind == "O":
        return f"Item({word}, {number}, {row})"
    return f"{{'kind': {word}, 'f': {number}, 'row': {row}}}"


def _part(kind: str, name: str, each: str = "e") -> str:
    """A part of an element."""
    return f"{each}.{name}" if kind == "O" else f"{each}[{name!r}]"


def make(w: Writer) -> None:
    """A new list, empty or not; a part or a copy of one."""
    kind = w.pick(["T", "R", "O"])
    name, others = w.fresh(kind), w.of(kind)
    new = _new(w, kind)
    forms = ["[]", "[]", f"[{new}]"]
    if others:
        other = w.pick(others)
        each = "e" if kind == "T" else _part(kind, "kind")
        forms += [
            f"{other}[{w.pick(['1:', ':-1', ':2', '::2'])}]",
            f"list({other})",
            f"[*{other}, {new}]",
            f"[e for e in {other} if {each} {w.pick(['==', '!='])} {w.rng.choice(WORDS)!r}]",
        ]
        if kind != "T":
            forms.append(f"sorted({other}, key=lambda e: {_part(kind, 'f')})")
            halved = "{**e, 'f': e['f'] * 0.5}" if kind == "R" else "e.scaled(0.5)"
            forms.append(f"[{halved} for e in {other}]")
    w.emit(f"{name} = {w.pick(forms)}")
    w.bind(name, kind)


def change(w: Writer) -> None:
    name = w.pick(w.of(*KINDS, writable=True))
    new = _new(w, w.kinds[name])
    forms = [f"{name}.append({new})"] * 4 + [f"{name} += [{new}]", f"{name}.insert(0, {new})"]
    if w.chance(0.75):
        return w.emit(w.pick(forms))
    guarded = [f"{name}.pop()", f"{name}[-1] = {new}", f"{name}.pop(0)"]
    with w.block(w.pick([f"if {name}:", f"if len({name}) > 1:"])):
        w.emit(w.pick(guarded))


def use(w: Writer) -> None:
    """A list enters a tensor, a number or a text."""
    name, one = w.pick(w.of(*KINDS)), w.rng.choice(WORDS)
    kind = w.kinds[name]
    if kind == "T":
        forms = [
            f"{name}.count({one!r})",
            f"len({name})",
            f"int({one!r} in {name})",
            f"len(' '.join({name}))" if w.chance(0.2) else f"len({name})",
            f"sum(2 for e in {name} if e == {one!r})",
            f"({integer(w)} if {name} and {name}[-1] == {one!r} else 1)",
        ]
        target = w.target("n")
        w.emit(f"{target} = {w.pick(forms)}")
        return w.bind(target, "n")
    target = w.target("v")
    row, f, word = (_part(kind, part) for part in ("row", "f", "kind"))
    last, largest = _part(kind, "row", f"{name}[-1]"), _part(kind, "row", f"max({name}, key=lambda e: {f})")
    forms = [
        f"torch.tanh(sum(({row} * {f} for e in {name}), {any_vector(w)}))",
        f"{last} if {name} else {vector(w)}",
        f"torch.tanh({any_vector(w)} + sum({f} for e in {name} if {word} != {one!r}))",
        f"{largest} * 0.5 if {name} else {vector(w)}",
        f"torch.stack([{row} for e in {name}]).mean(0) if len({name}) > 1 else {vector(w)}",
    ]
    w.emit(f"{target} = {w.pick(forms)}")
    w.bind(target, "v")


def loop(w: Writer, a: str) -> tuple[str, dict[str, str], str]:
    """A loop over a list: its header, what it binds, its first statement."""
    name, e = w.pick(w.of(*KINDS)), w.fresh("e")
    kind = w.kinds[name]
    if kind == "T":
        return f"for {e} in {name}:", {e: "t"}, f"{a} = torch.tanh({a} * (0.5 if {e} == 'a' else 0.9))"
    row, f = (_part(kind, part, e) for part in ("row", "f"))
    return f"for {e} in {name}:", {row: "v", f: "f"}, f"{a} = {a} * {f}"
