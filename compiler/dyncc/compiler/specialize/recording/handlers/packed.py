"""Packed sequences: packing and unpacking in terms of masks, recurrent networks over them as one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.packed import PACKED, is_packed, places
from dyncc.compiler.specialize.recording.handlers import subscripts
from dyncc.compiler.specialize.recording.handlers.registry import FUNCTIONS, METHODS
from dyncc.compiler.specialize.values import SymTensor, is_scalar

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


def _pack(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``data`` and ``batch_sizes`` of padded sequences, [length, batch, …] or with the batch first."""
    input, lengths, batch_first = args
    known = lengths.constant if isinstance(lengths, SymTensor) else lengths
    with torch._C._EnableTorchFunction(), recorder.recording():
        padded = input.transpose(0, 1) if batch_first else input
        longest, batch = padded.shape[0], padded.shape[1]
        sized = not is_scalar(longest) and not is_scalar(batch)
        if known is not None and sized and recorder.cell_of(known) is None:
            return _pack_known(padded, known, (longest, batch))
        lengths = _checked(lengths, longest)
        mask = torch.arange(longest).unsqueeze(1) < lengths.unsqueeze(0)
        counts = mask.sum(1)
        data, batch_sizes = padded[mask], counts[counts > 0]
    if not is_scalar(batch):
        batch_sizes.first = batch
    return data, batch_sizes


def _pack_known(padded: torch.Tensor, lengths: torch.Tensor, sizes: tuple[int, int]) -> Any:
    with torch._C.DisableTorchFunction():
        # PyTorch's own, which also raises what is wrong with them
        rows = torch.arange(sizes[0] * sizes[1]).reshape(sizes)
        chosen, batch_sizes = torch._C._VariableFunctions._pack_padded_sequence(rows, lengths, False)
    return padded.flatten(0, 1).index_select(0, chosen), batch_sizes


def _checked(lengths: torch.Tensor, longest: Any) -> torch.Tensor:
    """``lengths`` where PyTorch takes them: sorted, none empty or too long. A look-up raises otherwise."""
    wrong = (lengths <= 0).any() | (lengths > longest).any() | (lengths[1:] > lengths[:-1]).any()
    return lengths + torch.zeros(1, dtype=torch.int64).index_select(0, wrong.to(torch.int64).reshape(1))


def _unpack(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Padded sequences, and their lengths."""
    data, batch_sizes, batch_first, padding_value, total_length = args
    with torch._C._EnableTorchFunction(), recorder.recording():
        batch = _count(recorder, batch_sizes)
        length = batch_sizes.shape[0]
        if _is_longer(total_length, length, batch_sizes):
            step = torch.arange(total_length)
            there = step < length
            batch_sizes = batch_sizes.index_select(0, torch.where(there, step, 0)) * there
            length = total_length
        place, mask = places(batch_sizes, batch)
        padded = data.index_select(0, place.flatten()).view(length, batch, *data.shape[1:])
        there = mask.view(length, batch, *[1] * (data.dim() - 1))
        padded = torch.where(there, padded, padding_value)
        return (padded.transpose(0, 1) if batch_first else padded), mask.sum(0)


def _count(recorder: Recorder, batch_sizes: Any) -> Any:
    """How many sequences there are: where it is not known, read from the sizes (in PyTorch, inside)."""
    if isinstance(batch_sizes, SymTensor) and batch_sizes.first is not None:
        return batch_sizes.first
    known = batch_sizes.constant if isinstance(batch_sizes, SymTensor) else batch_sizes
    if known is not None and recorder.cell_of(known) is None:
        with torch._C.DisableTorchFunction():
            return int(known[0])
    if recorder.block.span is not None:
        recorder.unseen.add(recorder.block.span)
    return batch_sizes[0].item()


def _is_longer(total: Any, length: Any, batch_sizes: Any) -> bool:
    """Whether a total length is asked for that is not the length itself."""
    if not is_scalar(total):
        return total > 0 and (is_scalar(length) or total > length)
    of_sizes = total.expr.op == "dim" and isinstance(batch_sizes, SymTensor)
    return not (of_sizes and total.expr.payload[0].fake is batch_sizes.fake)


def _first(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``batch_sizes[0]`` is the number of sequences: a constant, in the block that packed them."""
    known = getattr(args[0], "first", None)
    if known is not None and type(args[1]) is int and args[1] == 0:
        return recorder.call(torch.tensor, (known,), {})
    return subscripts.getitem(recorder, func, args, kwargs)


def _recurrent(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not is_packed(args):
        return NotImplemented
    if args[6] and args[7]:
        return NotImplemented  # dropout between layers: refused as what draws
    return recorder.record(PACKED[func], args, kwargs)


FUNCTIONS.update(dict.fromkeys(PACKED, _recurrent))
FUNCTIONS[torch._C._VariableFunctions._pack_padded_sequence] = _pack
FUNCTIONS[torch._C._VariableFunctions._pad_packed_sequence] = _unpack
METHODS["__getitem__"] = _first
