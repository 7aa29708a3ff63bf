"""A loaded program as the caller sees it: functions, sessions, limits."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dyncc.runtime import program as p
from dyncc.runtime.engine import Engine
from dyncc.runtime.manifest import Manifest
from dyncc.runtime.session import Machine, Session


class Net:
    """A loaded program. Calling it runs the default method in the net's own session.

    ``net(x)`` runs ``forward`` (or the only method), ``net.encode(x)`` or ``net.method("encode")`` another.
    Beside the method's own arguments a call takes, by keyword and unless the method has a parameter of
    that name: ``max_steps`` (StepLimit when the call enters more blocks), ``timeout`` in seconds (Timeout),
    and ``trace``, a list or a function that gets each :class:`~dyncc.runtime.limits.Step` the call takes.

    A compiled method that is called ``reset`` (or as another function of this class) is what ``net.reset``
    runs; the class's own is then ``Net.reset(net)``.
    """

    def __init__(self, manifest: Manifest, machine: Machine, engine: Engine, folder: str) -> None:
        self._machine = machine
        self._session = Session(machine)
        self.manifest = manifest
        self.engine = engine
        self.folder = folder
        self._default_name = default_method(self.program)
        _give_way(self, self._session)

    @property
    def program(self) -> p.Program[Any]:
        """The program, as data."""
        return self.manifest.program

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of the compiled methods."""
        return tuple(self.program.methods)

    @property
    def host_source(self) -> str:
        """The text of the host that runs."""
        return self._machine.modules.plain.text

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._session.call(self._default_name or self._default(), args, kwargs)

    def _default(self) -> str:
        if self._default_name is None:
            raise AttributeError(
                f"the program has no forward: call one of {', '.join(self.methods)} by name"
            )
        return self._default_name

    def method(self, name: str) -> Callable[..., Any]:
        """A compiled method as a function. Raises AttributeError for a name that is none."""
        return bound_method(self._session, name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return bound_method(self._session, name)

    def session(self) -> SessionNet:
        """A session of its own, with the state that the program starts with."""
        return SessionNet(self._machine, self._default)

    def reset(self) -> None:
        """The net's own session: back to the initial state."""
        self._session.reset()

    def seed(self, seed: int | None) -> None:
        """Have the net's own session draw its random numbers from ``seed`` (see :meth:`Session.seed`)."""
        self._session.seed(seed)

    def save(self) -> dict[str, np.ndarray]:
        """The state of the net's own session."""
        return self._session.save()

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Give the net's own session a state that :meth:`save` gave."""
        self._session.restore(saved)

    def __repr__(self) -> str:
        return f"<dyncc {self.program.name} from {self.folder}: {', '.join(self.methods)}>"


class SessionNet(Session):
    """A session that is called like the net it comes from."""

    def __init__(self, machine: Machine, default: Callable[[], str]) -> None:
        super().__init__(machine)
        self._default = default
        _give_way(self, self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return Session.call(self, self._default(), args, kwargs)

    def method(self, name: str) -> Callable[..., Any]:
        """As :meth:`Net.method`."""
        return bound_method(self, name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return bound_method(self, name)


def default_method(program: p.Program[Any]) -> str | None:
    """The method that calling a net runs: ``forward``, ``__call__``, or the only one."""
    if len(program.methods) == 1:
        return next(iter(program.methods))
    return next((name for name in ("forward", "__call__") if name in program.methods), None)


def _give_way(owner: Net | SessionNet, session: Session) -> None:
    """Let compiled methods have the names of functions of ``owner``'s class."""
    for name in session._machine.plans:
        if not name.startswith("_") and inspect.isfunction(getattr(type(owner), name, None)):
            setattr(owner, name, bound_method(session, name))


def bound_method(session: Session, name: str) -> Callable[..., Any]:
    """The method ``name`` of a session's program as a function."""
    plans = session._machine.plans
    if name not in plans:
        raise AttributeError(f"the program has no method {name!r}: it has {', '.join(plans)}")

    def call(*args: Any, **kwargs: Any) -> Any:
        return Session.call(session, name, args, kwargs)

    call.__name__ = call.__qualname__ = name
    return call
