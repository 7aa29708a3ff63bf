"""Sizes: of arguments, free at run time, decided by data."""

import torch
from tests.coverage.cases import table
from torch import nn

free = table("Sizes", "Free sizes of arguments")

LENGTHS = ([1, 2, 3], [1, -2, -3, 4, 5], [-1, -2], [4])
FREE = ({0: torch.export.Dim("n")},)


@free("`x.shape[0]` decides", calls=LENGTHS, dynamic=FREE)
def shape_decides(x):
    return x * 2 if x.shape[0] > 3 else x.sum()


@free("`len(x)`, `x.size(0)` in arithmetic", calls=LENGTHS, dynamic=FREE)
def arithmetic(x):
    return x / len(x) if x.sum() > 0 else x[: x.size(0) // 2]


@free("`range(x.shape[0])`", calls=LENGTHS, dynamic=FREE)
def loop(x):
    total = torch.zeros(())
    for i in range(x.shape[0]):
        if x[i] > 0:
            total = total + x[i] * i
    return total


@free("iterated over", calls=LENGTHS, dynamic=FREE)
def iterated(x):
    return [v for v in x if v > 1]


@free("`expand(n, -1)`, `new_zeros(n, 2)`, `view(n, 1)`", calls=LENGTHS, dynamic=FREE)
def spread(x):
    n = x.shape[0]
    wide = x[:, None].expand(n, 2) + x.new_zeros(n, 2)
    return wide * x.view(n, 1) if x.sum() > 0 else torch.ones(1, 3).expand(n, -1)


@free("`zeros(n)`, `arange(n)`, padding", calls=LENGTHS, dynamic=FREE)
def padded(x):
    n = x.shape[0]
    if x.sum() > 0:
        return torch.nn.functional.pad(x, (0, 2)) + torch.zeros(n + 2)
    return x * torch.arange(n)


@free("a loop that removes elements", calls=LENGTHS, dynamic=FREE)
def pruned(x):
    while x.shape[0] > 1 and x[0] > 0:
        x = x[1:]
    return x


@free("the shape in the result", calls=LENGTHS, dynamic=FREE)
def shape_result(x):
    return x.shape[0], x.numel() if x.sum() > 0 else 0


@free(
    "a slice of a table that may be too short for the argument: `self.position[:n]`",
    calls=LENGTHS,
    dynamic=FREE,
)
class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.position = nn.Parameter(torch.randn(4))
        self.register_buffer("mask", torch.tril(torch.ones(4, 4)))

    def forward(self, x):
        n = x.shape[0]
        x = x + self.position[:n]
        if x.sum() > 0:
            x = x * 2
        return (x[:, None] * x[None]).masked_fill(self.mask[:n, :n] == 0, -1.0).sum(1)


decided = table("Sizes", "Sizes that data decide")


@decided("kept rows, until few are left")
def kept_rows(x):
    while x.numel() > 1:
        x = x[x > x.mean()]
    return x


@decided("`if kept.numel() == 0`")
def empty(x):
    kept = x[x > 2]
    if kept.numel() == 0:
        return torch.zeros(1)
    return kept.max()


@decided("`kept.mean()` of perhaps nothing")
def mean_of_none(x):
    kept = x[x > 2]
    return kept.mean() if x[0] > 0 else kept.sum()


@decided("two masks of one size added")
def same_mask(x):
    m = x > 0 if x.sum() > 0 else x < 0
    return x[m] + x.flip(0)[m]


@decided("sizes from two masks added", calls=([1, 2, -3, -4], [-1, 2, 3, -2], [-5, -4, 1, 2]))
def two_masks(x):
    y = x[x > 0] + x[x < 0]
    return y if x[0] > 0 else y * 2


@decided("slices of run-time length, matrix product")
def slice_product(x):
    n = int(x.abs().max())
    return x[:n] @ x[:n]


@decided("`reshape` of a run-time size")
def reshaped(x):
    kept = x[x > 0].reshape(-1, 1)
    return kept if x.sum() > 0 else kept.t()


@decided("`split(2)` of a run-time size", refused="DY131")
def split(x):
    return x[x > 0].split(2)[0]


@decided("`repeat`, `repeat_interleave` by a number from data")
def repeated(x):
    n = int(x.abs().max())
    return x.repeat(n) if n > 2 else x[:1].expand(n)


@decided("`topk(k)` with `k` from data")
def topk(x):
    return x.topk(int(x.abs().max()) % 4).values


@decided("`repeat_interleave` by a tensor")
def interleaved(x):
    y = x.repeat_interleave(x.abs().long())
    return y if x.sum() > 0 else y.cumsum(0)


@decided("`bincount`, `histc`")
def bincount(x):
    counts = torch.bincount(x.abs().long())
    return counts if counts.numel() > 4 else x


@decided("`unique(return_inverse=True, return_counts=True)`")
def unique(x):
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    return (values, inverse, counts) if x.sum() > 0 else values[inverse]


@decided("`tensor_split`, `split` by sizes from data")
def split_by_data(x):
    n = int(x[0] > 0) + 1
    return x.split([n, 4 - n])


@decided("`cumsum` and a search in it")
def searched(x):
    c = x.abs().cumsum(0)
    k = int((c > 3).nonzero()[0]) if (c > 3).any() else 0
    return x[k], torch.searchsorted(c, 2.0).item()


@decided("a kernel size or stride from data", refused="DY130")
def kernel(x):
    return torch.nn.functional.avg_pool1d(x[None], int(x.abs().max()) % 2 + 1)


@decided("`padding`, `stride`, `dilation` or `groups` of a convolution from data", refused="DY130")
def padding(x):
    return torch.nn.functional.conv1d(x[None], torch.ones(1, 1, 1), padding=int(x.abs().max()))


@decided("`padding` of a convolution, looked up by a number from data: `self.sizes[c] // 2`")
def looked_up(x):
    size = (1, 3)[int(x.sum() > 0)]
    return torch.nn.functional.conv1d(x[None], torch.ones(1, 1, size), padding=size // 2)


@decided("parts of a `split` by sizes from data, put together again beside a tensor that fits them")
def split_and_joined(x):
    gates = torch.where(x[:, None] > torch.tensor([0.0, 1.0]), x[:, None], 0)
    counts = (gates != 0).sum(0).tolist()
    rows = torch.nonzero(gates)[torch.nonzero(gates)[:, 1].sort(stable=True)[1]]
    parts = x[rows[:, 0]].split(counts)
    joined = torch.cat([part * 2 for part in parts])
    return joined * gates[rows[:, 0], rows[:, 1]]


@decided("`torch.equal`, `x.equal` of tensors whose sizes data decide")
def equal(x):
    if torch.equal(x[x > 0], x[x > 1]):
        return x
    return -x if x.equal(x.unique()) else x * 2


@decided("a size that is the sum of truths: `sum([a > t for a in lengths])`")
def counted(x):
    lengths = x.abs().long().tolist()
    rows = sum([length > 1 for length in lengths])
    return x[:rows] * 2, rows


@decided("a tensor in place of a number: `x.topk(k)`, `x.select(0, i)`, `torch.arange(n)`, `one_hot(x, n)`")
def tensors_as_numbers(x):
    k = (x > 0).sum()
    classes = torch.nn.functional.one_hot(x.abs().long(), x.abs().long().max() + 1)
    return x.topk(k)[0], x.select(0, x.argmax()), torch.arange(k, device=x.device), classes, x.roll(k)


@decided("`one_hot` of as many classes as there are, `linspace` of a number from data")
def classes_from_data(x):
    chosen = (x > 0).nonzero().squeeze(1)
    counts = torch.nn.functional.one_hot(chosen).sum(0) if len(chosen) else chosen
    return counts, torch.linspace(0, 1, int((x > 0).sum()) + 1)


@decided("`tolist` of a tensor whose size data decide")
def listed(x):
    chosen = x[x > 0]
    return chosen.tolist(), torch.stack([chosen, chosen * 2], 1).tolist(), sum(chosen.long().tolist())


@decided("slices bounded by tensors: `x[: x.argmax()]`, `x[..., (x > 1).nonzero()[0, 0] :]`")
def bounded(x):
    first = x[: x.argmax()]
    if x.max() > 1:
        first = first + x[None][..., (x > 1).nonzero()[0, 0] :].sum()
    y = x.clone()
    y[x.argmin() :] = 7
    return first, y


@decided("a tensor of floats as a bound or a number: TypeError, as PyTorch raises")
def no_bound(x):
    try:
        return x[: x.sum()]
    except TypeError:
        pass
    try:
        return x.topk(x.sum())[0]
    except TypeError:
        return x * 3


@decided("lists of indices: `x[kept.tolist()]`, `out.index_add_(0, kept, …)` of what they gave")
def by_lists(x):
    rows = x.repeat(2, 1).t()
    kept = torch.where(rows[:, 0] > 0)[0]
    chosen = kept.tolist()
    out = torch.zeros_like(rows).index_add_(0, kept, rows[chosen] * 2)
    first = int(x.argmax())
    out[[first, 0], [0, 1]] = 5.0
    return out, rows[None, [first, 0]], x[[i for i in range(len(x)) if x[i] > 0.5]]
