"""Finding the model in a file: ``dyncc FILE[:ENTRY]``.

Without ENTRY, in this order: ``get_model()``, a module-level ``model``, KernelBench's ``Model`` built from
``get_init_inputs()``, or the one ``nn.Module`` class that needs no arguments and that no other class of the
file uses. ENTRY is ``Class``, ``Class.method``, ``function``, or a module-level object (and its method); a
function without parameters is called first (``get_model.encode``).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias, TypeGuard

import torch

from dyncc.compiler.cli.exits import CliError, usage
from dyncc.compiler.cli.references import used_by_others
from dyncc.compiler.cli.usercode import display, import_file, split_entry, user_code

Compilable: TypeAlias = "torch.nn.Module | Callable[..., Any] | dict[str, Callable[..., Any]]"


@dataclass(frozen=True)
class Target:
    """What to compile. ``found`` says how it was found, in words."""

    file: Path
    module: ModuleType
    model: Compilable
    found: str

    @property
    def network(self) -> torch.nn.Module | None:
        """The module whose weights and mode are at stake, if there is one."""
        return network_of(self.model)

    @property
    def method(self) -> str:
        """The name of the one method that is compiled."""
        return getattr(self.entry, "__name__", "forward")

    @property
    def entry(self) -> Callable[..., Any]:
        """The callable whose signature names the inputs (the first one of several methods)."""
        model = next(iter(self.model.values())) if isinstance(self.model, dict) else self.model
        return model.forward if isinstance(model, torch.nn.Module) else model


def network_of(model: Compilable) -> torch.nn.Module | None:
    """The ``nn.Module`` itself, or the one whose methods ``model`` holds."""
    if isinstance(model, dict):
        return next((network for m in model.values() if (network := network_of(m)) is not None), None)
    owner = getattr(model, "__self__", model)
    return owner if isinstance(owner, torch.nn.Module) else None


def discover(text: str) -> Target:
    """Import the file and build what it names. Raises :class:`CliError` (1 or 2)."""
    path, entry = split_entry(text)
    module = import_file(path)
    file = path.resolve()
    finder = _Finder(file, module)
    model, found = finder.named(entry) if entry else finder.default()
    missing = torch.nn.Module.forward
    if isinstance(model, torch.nn.Module) and getattr(model.forward, "__func__", None) is missing:
        raise no_forward(model, f"{display(file)}:{entry or _entry_of(found)}")
    return Target(file, module, model, found)


@dataclass(frozen=True)
class _Finder:
    file: Path
    module: ModuleType

    def default(self) -> tuple[Compilable, str]:
        """Whatever the file offers without being asked for by name."""
        for found in (self._get_model, self._model_variable, self._kernelbench):
            result = found()
            if result is not None:
                return result
        return self._only_class()

    def named(self, entry: str) -> tuple[Compilable, str]:
        """ENTRY: a class, a function or an object of the file, with or without a method."""
        name, _, method = entry.partition(".")
        if not hasattr(self.module, name):
            raise usage(
                f"{display(self.file)} has no `{name}`",
                *self._choices(),
                notes=[f"it defines {_listing(self._public())}"],
            )
        value, origin = getattr(self.module, name), ""
        if inspect.isclass(value):
            model, origin = self._instance_of(value)
        elif inspect.isfunction(value) and not _parameters(value):
            model = self._call(value, f"{name}()")
        else:
            model = value
        if method:
            model = self._method(model, name, method)
        return self._checked(model, entry), f"`{entry}`" + (f" of {origin}" if origin else "")

    def _get_model(self) -> tuple[Compilable, str] | None:
        function = getattr(self.module, "get_model", None)
        if not callable(function):
            return None
        return self._checked(self._call(function, "get_model()"), "get_model()"), "`get_model()`"

    def _model_variable(self) -> tuple[Compilable, str] | None:
        model = getattr(self.module, "model", None)
        if isinstance(model, ModuleType) or model is None or inspect.isclass(model):
            return None
        return self._checked(model, "model"), "module-level `model`"

    def _kernelbench(self) -> tuple[Compilable, str] | None:
        cls = getattr(self.module, "Model", None)
        if not _is_network_class(cls) or not hasattr(self.module, "get_init_inputs"):
            return None
        return self._kernelbench_model(cls), "`Model(*get_init_inputs())`"

    def _kernelbench_model(self, cls: type[torch.nn.Module]) -> torch.nn.Module:
        inputs = self._call(self.module.get_init_inputs, "get_init_inputs()")
        args, kwargs = split_arguments(inputs)
        return self._call(cls, "Model(*get_init_inputs())", *args, **kwargs)

    def _only_class(self) -> tuple[Compilable, str]:
        classes = self._classes()
        if not classes:
            raise usage(
                f"no model found in {display(self.file)}",
                "define `get_model()` or a module-level `model` in it",
                "or name a function or an object: " + f"dyncc {display(self.file)}:NAME",
                notes=[f"it defines {_listing(self._public())}"],
            )
        used = used_by_others(self.file, set(classes))
        roots = {name: cls for name, cls in classes.items() if name not in used} or classes
        free = {name: cls for name, cls in roots.items() if not _parameters(cls)}
        if len(free) == 1:
            ((name, cls),) = free.items()
            return self._call(cls, f"{name}()"), f"the only model class `{name}`"
        raise self._cannot_choose(roots, free)

    def _cannot_choose(self, roots: dict[str, type], free: dict[str, type]) -> CliError:
        file = display(self.file)
        if free:
            return usage(
                f"{file} has several models",
                *(f"dyncc {file}:{name}" for name in free),
                notes=[f"found the classes {_listing(free)}, none of which the others use"],
            )
        needs = [f"`{name}` needs {_listing(_parameters(cls))}" for name, cls in roots.items()]
        name, cls = next(iter(roots.items()))
        arguments = ", ".join(f"{parameter}=…" for parameter in _parameters(cls))
        return usage(
            f"the model of {file} cannot be built without arguments",
            f"add to the file:\ndef get_model():\n    return {name}({arguments})",
            notes=needs,
        )

    def _instance_of(self, cls: type) -> tuple[Any, str]:
        """An object of ``cls``, and where it is from: the one that the file builds itself, which may have
        trained weights, else one that is built where that needs nothing."""
        if cls is getattr(self.module, "Model", None) and hasattr(self.module, "get_init_inputs"):
            return self._kernelbench_model(cls), ""
        needs_nothing = not _parameters(cls)
        for find in (self._model_variable, self._get_model):
            found = find()
            network = network_of(found[0]) if found is not None else None
            if found is not None and (
                type(network) is cls or (not needs_nothing and isinstance(network, cls))
            ):
                return network, found[1]
        if needs_nothing:
            return self._call(cls, f"{cls.__name__}()"), ""
        raise self._cannot_choose({cls.__name__: cls}, {})

    def _method(self, owner: object, name: str, method: str) -> Any:
        value = getattr(owner, method, None)
        if not callable(value):
            methods = [
                m for m in vars(type(owner)) if not m.startswith("_") and callable(getattr(owner, m))
            ]
            notes = [f"its methods: {_listing(methods)}"] if methods else []
            raise usage(f"`{name}` has no method `{method}`", notes=notes)
        return value

    def _call(self, function: Callable[..., Any], text: str, *args: Any, **kwargs: Any) -> Any:
        with user_code(f"{text} in {display(self.file)}", self.file):
            return function(*args, **kwargs)

    def _checked(self, model: Any, name: str) -> Compilable:
        if isinstance(model, dict):
            methods = {str(key): self._checked(value, f"{name}[{key!r}]") for key, value in model.items()}
            if methods:
                return methods  # type: ignore[return-value]
        elif callable(model) and not inspect.isclass(model):
            return model
        raise usage(
            f"`{name}` in {display(self.file)} is a `{type(model).__name__}`, not a model",
            "it must be an nn.Module, a function or a method of a module",
        )

    def _classes(self) -> dict[str, type[torch.nn.Module]]:
        """The ``nn.Module`` classes that the file itself defines, in order."""
        return {
            name: value
            for name, value in vars(self.module).items()
            if _is_network_class(value) and value.__module__ == self.module.__name__
        }

    def _public(self) -> list[str]:
        own = self.module.__name__
        return [
            name
            for name, value in vars(self.module).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == own
        ]

    def _choices(self) -> list[str]:
        file = display(self.file)
        return [f"dyncc {file}:{name}" for name in self._classes()]


def no_forward(model: torch.nn.Module, place: str) -> CliError:
    """A module with methods of other names alone; ``place`` is how the command line names it."""
    methods = [m for m, value in vars(type(model)).items() if m[0] != "_" and inspect.isfunction(value)]
    helps = [f"name one: dyncc {place}.{method}" for method in methods[:1]]
    notes = [f"its methods: {_listing(methods)}"] if methods else []
    return usage(f"`{type(model).__name__}` has no `forward`", *helps, notes=notes)


def _entry_of(found: str) -> str:
    """The name in the words that say how a model was found."""
    name = re.search(r"`(\w+)", found)
    return name[1] if name else "Model"


def split_arguments(inputs: object) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments as users write them: a list or tuple of positional ones, a dict of named ones, a pair of
    both, or a single value."""
    if isinstance(inputs, dict):
        return (), dict(inputs)
    if isinstance(inputs, tuple | list):
        if len(inputs) == 2 and isinstance(inputs[0], tuple | list) and isinstance(inputs[1], dict):
            return tuple(inputs[0]), dict(inputs[1])
        return tuple(inputs), {}
    return (inputs,), {}


def _is_network_class(value: object) -> TypeGuard[type[torch.nn.Module]]:
    return inspect.isclass(value) and issubclass(value, torch.nn.Module)


def _parameters(function: Callable[..., Any]) -> list[str]:
    """The parameters of a class or function that have no default."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.default is inspect.Parameter.empty and p.kind not in kinds]


def _listing(names: Iterable[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    if len(quoted) > 8:
        return ", ".join(quoted[:8]) + f" and {len(quoted) - 8} more"
    return ", ".join(quoted) if quoted else "nothing"
