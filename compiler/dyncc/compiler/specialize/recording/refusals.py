"""What the recorder says of calls that it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize.recording.fake_calls import name_of
from dyncc.runtime.program import Span


def failure(func: Any, why: object, span: Span | None) -> CompileError:
    """A call that PyTorch itself cannot run without values; ``why``: its exception, or a text."""
    return _refused(
        "DY130",
        f"`{name_of(func)}` depends on data in a way that cannot be recorded",
        span,
        "here",
        f"PyTorch says: {_first_line(why) or type(why).__name__}",
        ("compute a result of a fixed size (for example with `torch.where` or a mask)",),
    )


def attribute(func: Any, name: str, span: Span | None) -> CompileError:
    """A call with an argument, ``name``, that has to be a plain number and is not."""
    helps = ["choose between calls in Python (`if k == 3: … else: …`): each has its own numbers"]
    if name == "padding":
        helps.append("pad before: `F.pad` takes such numbers")
    return _refused(
        "DY130",
        f"`{name}` of `{name_of(func)}` is known only when the network runs",
        span,
        "here",
        f"it depends on data or on a free size, and an operator is made for one `{name}`",
        tuple(helps),
    )


def undecided(func: Any, why: object, span: Span | None) -> CompileError:
    """A call whose result would be of another form for other sizes."""
    return _refused(
        "DY131",
        f"what `{name_of(func)}` does depends on a size that is known only when the network runs",
        span,
        "here",
        f"with sizes written as symbols: {_first_line(why)}",
        (
            "derive tensors that must fit from one mask or index: then their sizes are equal",
            "ask in Python (`if x.shape[0] == 0: …`), where both answers are compiled",
        ),
    )


def transformed(span: Span | None) -> CompileError:
    return _refused(
        "DY130",
        "a transform of functions (`torch.vmap`, `torch.func.grad`, …) cannot be recorded",
        span,
        "what it calls works on tensors of PyTorch's own",
        "",
        ("write the calls out for whole tensors: with a batch axis instead of `vmap`",),
    )


def random(func: Any, operator: str, kwargs: Mapping[str, Any], span: Span | None) -> CompileError:
    own = kwargs.get("generator") is not None
    layer = any(word in operator for word in ("dropout", "attention", "rrelu", "rnn", "lstm", "gru"))
    helps = ["pass the random tensor as an argument"]
    if own:
        helps.insert(0, "leave `generator=` out: `net.seed(n)` begins the bundle's random numbers")
    elif layer:
        helps.insert(0, "call `model.eval()` before compiling")
    else:
        helps.insert(0, "draw with an operator that is known: `dyncc explain DY120` lists them")
    what = "draws from a generator of its own" if own else "draws random numbers in a way that is not known"
    return _refused("DY120", f"`{name_of(func)}` {what}", span, f"`{operator}` runs here", "", tuple(helps))


def training(func: Any, span: Span | None) -> CompileError:
    return _refused(
        "DY120",
        f"`{name_of(func)}` drops at random, since the network is in training mode",
        span,
        "here",
        "",
        (
            "call `model.eval()` before compiling",
            "for dropout that is to stay, `F.dropout(x, p, training=True)` in a network in `eval()` mode",
        ),
    )


def _refused(
    code: str, message: str, span: Span | None, label: str, note: str, helps: tuple[str, ...]
) -> CompileError:
    notes = (note,) if note else ()
    return CompileError([Diagnostic(code, message, span, label=label, notes=notes, helps=helps)])


def _first_line(why: object) -> str:
    return (str(why).strip().splitlines() or [""])[0]
