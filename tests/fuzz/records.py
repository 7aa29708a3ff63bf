"""Statements about lists of texts (``T``), and of dicts with a text, a number and a tensor (``R``)."""

from __future__ import annotations

from tests.fuzz.expressions import any_vector, floating, integer, scalar, tensor_condition, vector
from tests.fuzz.scope import Writer

WORDS = ("a", "b", "long", "")


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


def _record(w: Writer) -> str:
    row = w.pick([any_vector(w), vector(w)])
    return f"{{'kind': {_word(w)}, 'f': {floating(w)}, 'row': {row}}}"


def make(w: Writer) -> None:
    """A new list, empty or not; a part or a copy of one."""
    kind = w.pick(["T", "R"])
    name, others = w.fresh(kind), w.of(kind)
    new = _word(w) if kind == "T" else _record(w)
    forms = ["[]", "[]", f"[{new}]"]
    if others:
        other = w.pick(others)
        each = "e" if kind == "T" else "e['kind']"
        forms += [
            f"{other}[{w.pick(['1:', ':-1', ':2', '::2'])}]",
            f"list({other})",
            f"[*{other}, {new}]",
            f"[e for e in {other} if {each} {w.pick(['==', '!='])} {w.rng.choice(WORDS)!r}]",
        ]
        if kind == "R":
            forms.append(f"sorted({other}, key=lambda e: e['f'])")
            forms.append(f"[{{**e, 'f': e['f'] * 0.5}} for e in {other}]")
    w.emit(f"{name} = {w.pick(forms)}")
    w.bind(name, kind)


def change(w: Writer) -> None:
    name = w.pick(w.of("T", "R", writable=True))
    new = _word(w) if w.kinds[name] == "T" else _record(w)
    forms = [f"{name}.append({new})"] * 4 + [f"{name} += [{new}]", f"{name}.insert(0, {new})"]
    if w.chance(0.75):
        return w.emit(w.pick(forms))
    guarded = [f"{name}.pop()", f"{name}[-1] = {new}", f"{name}.pop(0)"]
    with w.block(w.pick([f"if {name}:", f"if len({name}) > 1:"])):
        w.emit(w.pick(guarded))


def use(w: Writer) -> None:
    """A list enters a tensor, a number or a text."""
    name, one = w.pick(w.of("T", "R")), w.rng.choice(WORDS)
    if w.kinds[name] == "T":
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
    forms = [
        f"torch.tanh(sum((e['row'] * e['f'] for e in {name}), {any_vector(w)}))",
        f"{name}[-1]['row'] if {name} else {vector(w)}",
        f"torch.tanh({any_vector(w)} + sum(e['f'] for e in {name} if e['kind'] != {one!r}))",
        f"max({name}, key=lambda e: e['f'])['row'] * 0.5 if {name} else {vector(w)}",
        f"torch.stack([e['row'] for e in {name}]).mean(0) if len({name}) > 1 else {vector(w)}",
    ]
    w.emit(f"{target} = {w.pick(forms)}")
    w.bind(target, "v")


def loop(w: Writer, a: str) -> tuple[str, dict[str, str], str]:
    """A loop over a list: its header, what it binds, its first statement."""
    name, e = w.pick(w.of("T", "R")), w.fresh("e")
    if w.kinds[name] == "T":
        return f"for {e} in {name}:", {e: "t"}, f"{a} = torch.tanh({a} * (0.5 if {e} == 'a' else 0.9))"
    return f"for {e} in {name}:", {f"{e}['row']": "v", f"{e}['f']": "f"}, f"{a} = {a} * {e}['f']"
