"""The numbers that modules keep beside their parameters: sizes that must follow what was removed.

Of PyTorch's own layers it is known which attribute is which axis. In other modules an attribute (a whole
number, or a tuple of them) is taken for a size where it equals one of the sizes that changed inside of
the module; what comes of that is then checked by running the module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

Kept = Mapping[str, tuple[np.ndarray, ...]]
"""By name of a parameter or buffer, for each axis which indices stay."""


@dataclass(frozen=True)
class Change:
    """An attribute of a module, and its new value."""

    module: str
    name: str
    old: object
    new: object


def known_changes(name: str, module: nn.Module, kept: Kept) -> Iterator[Change]:
    """The attributes of PyTorch's own layers."""
    weight = _axes(kept, name, "weight")
    new: dict[str, object] = {}
    if isinstance(module, nn.modules.conv._ConvNd) and weight is not None:
        new = _convolution(module, weight)
    elif isinstance(module, nn.Linear) and weight is not None:
        new = {"out_features": _count(weight[0]), "in_features": _count(weight[1])}
    elif isinstance(module, nn.modules.batchnorm._NormBase):
        axes = weight or _axes(kept, name, "running_mean")
        new = {"num_features": _count(axes[0])} if axes else {}
    elif isinstance(module, nn.LayerNorm | nn.RMSNorm) and weight is not None:
        new = {"normalized_shape": tuple(map(_count, weight))}
    elif isinstance(module, nn.GroupNorm) and weight is not None:
        groups = weight[0].reshape(module.num_groups, -1).any(axis=1).sum()
        new = {"num_channels": _count(weight[0]), "num_groups": int(groups)}
    elif isinstance(module, nn.Embedding) and weight is not None:
        new = {"num_embeddings": _count(weight[0]), "embedding_dim": _count(weight[1])}
    elif isinstance(module, nn.RNNBase):
        new = _recurrent(name, module, kept)
    elif isinstance(module, nn.PReLU) and weight is not None:
        new = {"num_parameters": _count(weight[0])}
    elif isinstance(module, nn.MultiheadAttention):
        new = _attention(name, module, kept)
    for attribute, value in new.items():
        old = getattr(module, attribute)
        if old != value:
            yield Change(name, attribute, old, value)


def is_known(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.nn.modules") and not isinstance(
        module, nn.Sequential | nn.ModuleList | nn.ModuleDict
    )


def _count(kept: np.ndarray) -> int:
    return int(kept.sum())


def _axes(kept: Kept, module: str, name: str) -> tuple[np.ndarray, ...] | None:
    return kept.get(f"{module}.{name}" if module else name)


def _convolution(module: nn.modules.conv._ConvNd, weight: tuple[np.ndarray, ...]) -> dict[str, object]:
    first = weight[0].reshape(module.groups, -1)
    groups = int(first.any(axis=1).sum())
    one, other = _count(weight[0]), _count(weight[1]) * groups
    if module.transposed:
        one, other = other, one
    return {"out_channels": one, "in_channels": other, "groups": groups}


def _recurrent(name: str, module: nn.RNNBase, kept: Kept) -> dict[str, object]:
    recurrence, inputs = _axes(kept, name, "weight_hh_l0"), _axes(kept, name, "weight_ih_l0")
    if recurrence is None or inputs is None or module.proj_size:
        return {}
    return {"hidden_size": _count(recurrence[1]), "input_size": _count(inputs[1])}


def _attention(name: str, module: nn.MultiheadAttention, kept: Kept) -> dict[str, object]:
    rows = _axes(kept, name, "in_proj_weight")
    if rows is None:
        return {}
    width = _count(rows[1])
    inner = _count(rows[0]) // 3
    heads = rows[0].reshape(3, module.num_heads, -1)[0].any(axis=1).sum()
    return {
        "embed_dim": width,
        "kdim": width,
        "vdim": width,
        "num_heads": int(heads),
        "head_dim": inner // int(heads),
    }


def guessed_changes(model: nn.Module, kept: Kept, factors: Mapping[int, int]) -> list[Change]:
    """Attributes of the user's own modules that look like sizes that changed.

    ``factors`` are old and new sizes of the parts of axes that reshapes take apart (heads, their width).
    """
    found: list[Change] = []
    for name, module in model.named_modules():
        if is_known(module):
            continue
        sizes = dict(factors)
        for parameter, axes in kept.items():
            if parameter.startswith(f"{name}." if name else ""):
                sizes |= {axis.size: _count(axis) for axis in axes if not axis.all()}
        for attribute, value in list(vars(module).items()):
            if attribute.startswith("_") or attribute == "training":
                continue
            new = _renewed(value, sizes)
            if new != value:
                found.append(Change(name, attribute, value, new))
    return found


def _renewed(value: object, sizes: Mapping[int, int]) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return sizes.get(value, value)
    if isinstance(value, tuple | list) and value and all(type(size) is int for size in value):
        return type(value)(sizes.get(size, size) for size in value)
    return value


def apply(model: nn.Module, changes: list[Change]) -> None:
    for change in changes:
        setattr(model.get_submodule(change.module), change.name, change.new)


def slice_parameters(model: nn.Module, kept: Kept) -> None:
    """Remove channels from the parameters and buffers of a module, which stay the objects that they are.

    Gradients are dropped; a parameter that several modules share is cut once.
    """
    done: set[int] = set()
    for name, tensor in [*model.named_parameters(remove_duplicate=False), *model.named_buffers()]:
        axes = kept.get(name)
        if axes is None or id(tensor) in done or all(axis.all() for axis in axes):
            continue
        done.add(id(tensor))
        data = tensor.detach()
        for axis, indices in enumerate(axes):
            if not indices.all():
                data = data.index_select(axis, torch.from_numpy(np.flatnonzero(indices)).to(data.device))
        with torch.no_grad():
            tensor.data = data.clone()
        tensor.grad = None
    for module in model.modules():
        if isinstance(module, nn.RNNBase):
            module.flatten_parameters()
