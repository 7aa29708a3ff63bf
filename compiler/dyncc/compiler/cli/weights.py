"""``--weights``: a state dict into the model, and what is said where it does not fit."""

from __future__ import annotations

import pickletools
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from dyncc.compiler.cli.discover import Target
from dyncc.compiler.cli.exits import CliError, Exit, absent, usage
from dyncc.compiler.diagnostics import Diagnostic

_SAVE = "only a state dict is loaded: `torch.save(model.state_dict(), file)`"
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How files of PyTorch's format before 1.6 begin: a pickle of its magic number."""


def load_weights(target: Target, file: Path) -> None:
    """Load a state dict into the network: ``.safetensors``, or what ``torch.save`` wrote (weights only).

    Raises a usage error where there is no such file, it cannot be read or there is no network, exit code 1
    where the weights do not fit.
    """
    network = target.network
    if network is None:
        raise usage("--weights needs an nn.Module, and this is a plain function")
    if file.is_dir():
        raise usage(f"{file} is a folder", notes=["named by --weights"])
    if not file.is_file():
        raise absent(file, notes=["named by --weights"], suffix=file.suffix)
    state = _read_weights(file)
    own = network.state_dict()
    problems = _mismatch(own, state)
    try:
        if not problems:
            result = network.load_state_dict(state, strict=False)
            problems = _missing(result.missing_keys, result.unexpected_keys)
    except RuntimeError as error:  # a module's own hook
        problems = [line.strip() for line in str(error).splitlines()[1:]]
    if problems:
        message = f"the weights in {file} do not fit `{type(network).__name__}`"
        helps = _prefix_help(own, state)
        raise CliError(Exit.REFUSED, [Diagnostic("", message, None, notes=tuple(problems), helps=helps)])


def _read_weights(file: Path) -> dict[str, torch.Tensor]:
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(file)
        else:
            with warnings.catch_warnings(action="ignore"):  # of pickles that are none of PyTorch's
                state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        # safetensors and torch raise classes of their own, all of which mean the same here
        raise usage(f"cannot read the weights in {file}", _SAVE, notes=[_reason(file, error)]) from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if wrong := _no_state_dict(state):
        raise usage(f"{file} holds no state dict", _SAVE, notes=[wrong])
    return state


def _reason(file: Path, error: Exception) -> str:
    """Why a file of weights cannot be read.

    It is told by the file: PyTorch's texts are about ways to load pickled objects after all, which is not
    what one should do, and are those of any pickle for bytes that are none.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    with file.open("rb") as stream:
        start = stream.read(len(_LEGACY))
    if not start:
        return "the file is empty"
    if file.suffix == ".safetensors":
        return str(error).strip().partition("\n")[0] or type(error).__name__
    if start.startswith(b"PK") and not zipfile.is_zipfile(file):
        return "the file is damaged: its end is missing"
    if start.startswith(b"PK") or start == _LEGACY:
        pickled = "weights_only" in str(error) and "Unsupported" in str(error)
        return "it holds Python objects, not just tensors" if pickled else "the file is damaged"
    if _is_pickle(file):
        return "it is a pickle of other objects, no file of `torch.save`"
    return "it is no file of `torch.save`"


def _is_pickle(file: Path) -> bool:
    """Whether a file is a pickle from its first byte to its last; nothing in it is executed."""
    try:
        with file.open("rb") as stream:
            for _ in pickletools.genops(stream):
                pass
            return not stream.read(1)
    except Exception:  # of many kinds, for bytes that are none
        return False


def _no_state_dict(state: Any) -> str:
    """What is wrong with what a file holds; empty where it is tensors by name."""
    if not isinstance(state, dict):
        return f"it holds an object of type `{type(state).__name__}`"
    for key, value in state.items():
        if not isinstance(key, str):
            return f"its key {key!r} is no name"
        if not isinstance(value, torch.Tensor):
            return f"`{key}` is of type `{type(value).__name__}`, no tensor"
    return ""


def _mismatch(own: Mapping[str, Any], state: Mapping[str, Any]) -> list[str]:
    """Tensors of other shapes than the model's; if there are some, the names that one side lacks too."""
    sizes = [
        f"`{key}`: the file has {list(state[key].shape)}, the model {list(value.shape)}"
        for key, value in own.items()
        if isinstance(value, torch.Tensor)
        and not is_lazy(value)
        and key in state
        and state[key].shape != value.shape
    ]
    if not sizes:
        return []
    more = [f"and {len(sizes) - 6} more of other shapes"] if len(sizes) > 6 else []
    return [
        *sizes[:6],
        *more,
        *_missing([k for k in own if k not in state], [k for k in state if k not in own]),
    ]


def _prefix_help(own: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[str, ...]:
    """Where all names of one side begin with what the other's lack, as those of a wrapped model do."""
    for more, less, where in ((state, own, "file"), (own, state, "model")):
        prefix = next(iter(more), "").partition(".")[0] + "."
        if all(key.startswith(prefix) for key in more) and {
            key.removeprefix(prefix) for key in more
        } == set(less):
            return (
                f"the names in the {where} begin with `{prefix}`, the others do not: rename and save anew",
            )
    return ()


def _missing(missing: Sequence[str], unexpected: Sequence[str]) -> list[str]:
    groups = (("missing in the file", missing), ("not in the model", unexpected))
    return [f"{text}: {_short(keys)}" for text, keys in groups if keys]


def _short(keys: Sequence[str]) -> str:
    shown = ", ".join(f"`{key}`" for key in keys[:6])
    return shown + (f" and {len(keys) - 6} more" if len(keys) > 6 else "")
