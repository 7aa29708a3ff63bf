"""Tensors: values read, changes in place, views, masks, conversions."""

import numpy as np
import torch
from tests.coverage.cases import table

reading = table("Tensors", "Values read")


@reading("`bool(x)`, `item()`, `int`, `float`")
def read(x):
    return bool(x[0] > 0), x[1].item(), int(x[2]), float(x[3])


@reading("`tolist`, of a vector and of a matrix")
def tolist(x):
    a, b, *_ = x.tolist()
    rows = x.reshape(2, 2).tolist()
    return a if a > b else rows


@reading("iterated over, unpacked, `len`")
def iterated(x):
    a, b, c, _ = x
    return [v for v in x.reshape(2, 2) if v.sum() > 0], len(x), a if a > b else c


@reading("`if x:` of one element; `is_nonzero`")
def truth(x):
    return 1 if x[:1] else 2, torch.is_nonzero(x[1])


@reading("`if x:` of several elements raises", refused="DY150")
def ambiguous(x):
    return x if x > 0 else -x


@reading("`any`, `all`, `numel`, `count_nonzero`")
def quantified(x):
    if (x > 0).all():
        return x.numel()
    return x if (x > 3).any() else torch.count_nonzero(x).item()


@reading("`torch.equal`, `allclose`, `isclose`")
def equal(x):
    if torch.equal(x, x.abs()):
        return 1
    return 2 if torch.allclose(x, x.round()) else torch.isclose(x, x.round())


@reading("`argmax`, `topk`, `sort`, `max(dim)` decide")
def selection(x):
    values, indices = x.topk(2)
    if indices[0] == 3:
        return values, x.argmax().item()
    best = x.reshape(2, 2).max(dim=1)
    return x.sort(descending=True).values if best.indices[0] == 1 else best.values


@reading("`isnan`, `isinf`, `isfinite`", calls=([1, 2], [float("nan"), 1], [float("inf"), -1]))
def nonfinite(x):
    if torch.isnan(x).any():
        return torch.nan_to_num(x)
    return x if torch.isfinite(x).all() else x * 0


@reading("`unique`, its size decides")
def unique(x):
    values = torch.unique(x)
    return values if values.numel() > 3 else x


@reading("`x.data`, `detach`, `cpu`, `requires_grad`")
def metadata(x):
    y = x.detach().cpu().data
    return (y * 2 if y.sum() > 0 else y), x.requires_grad, x.dim(), str(x.dtype), x.device.type


changes = table("Tensors", "Changes in place")


@changes("`add_`, `mul_`, `clamp_`, `zero_`, `copy_`, `fill_`")
def inplace(x):
    y = x.clone()
    z = torch.empty(4)
    if x.sum() > 0:
        y.add_(1).mul_(2)
        z.copy_(x)
    else:
        y.clamp_(min=-2)
        z.fill_(3)
    return y, z


@changes("of an argument, seen by the caller")
def argument(x):
    if x.sum() > 0:
        x.mul_(2)
    return x.sum()


@changes("`x[i] = v`, with an index from data, a slice, a mask")
def setitem(x):
    y = x.clone()
    y[int(x.argmax())] = 7
    y[1:3] = y[1:3] * 2 if x[0] > 0 else 0
    y[y < 0] = 0.5
    return y


@changes("through a view")
def through_view(x):
    y = x.clone()
    row = y.reshape(2, 2)[0]
    if x.sum() > 0:
        row += 5
    return y, row


@changes("`index_put_`, `scatter_`, `index_add_`, `masked_fill_`")
def scattered(x):
    y = torch.zeros(4)
    i = torch.tensor([0, 2])
    if x.sum() > 0:
        y.index_put_((i,), x[:2])
    else:
        y.scatter_(0, i, x[:2])
    y.index_add_(0, i, x[2:])
    return y.masked_fill_(y > 2, 9)


@changes("`out=`")
def out_argument(x):
    y = torch.empty(4)
    torch.add(x, 1, out=y)
    return y if y.sum() > 0 else x


@changes("`resize_`, `set_`", refused="DY130")
def resized(x):
    y = x.clone()
    y.resize_(2)
    return y if x.sum() > 0 else x


@changes("`detach_`, `requires_grad_`")
def grad_flags(x):
    y = x.clone().requires_grad_()
    return y.detach() * 2 if x.sum() > 0 else y.detach()


@changes("swap of two rows")
def swap_rows(x):
    y = x.reshape(2, 2).clone()
    if y[0].sum() < y[1].sum():
        y[[0, 1]] = y[[1, 0]]
    return y


masks = table("Tensors", "Masks, indices, views")


@masks("`x[mask]`, of a size that data decide")
def masked(x):
    kept = x[x > 0]
    return kept * 2 if kept.numel() > 2 else kept


@masks("`nonzero`, `where(cond)`, `argwhere`")
def nonzero(x):
    (i,) = torch.where(x > 0)
    return i if i.numel() > 1 else torch.nonzero(x < 0)


@masks("`where(cond, a, b)`, `masked_select`, `masked_fill`")
def where(x):
    y = torch.where(x > 0, x, -x)
    return y if x.sum() > 0 else torch.masked_select(x, x < 0)


@masks("slice with bounds from data")
def slices(x):
    n = int(x.abs().max()) % 4
    return x[n:], x[: n + 1]


@masks("slice with a step, negative bounds, `...`, `None`")
def fancy(x):
    m = x.reshape(2, 2)
    return m[..., 0] if x.sum() > 0 else m[None, -1, ::2]


@masks("index by a tensor, `index_select`, `gather`, `take`")
def gathered(x):
    i = x.argsort()
    return x[i] if x[0] > 0 else x.gather(0, i) + x.index_select(0, i) + x.take(i)


@masks("index by a list of numbers from data")
def list_index(x):
    return x[[int(x.argmax()), 0]] if x.sum() > 0 else x


@masks("`narrow`, `select`, `split`, `chunk`, `unbind`")
def pieces(x):
    a, b = x.split(2)
    c, d = x.chunk(2)
    return x.narrow(0, 1, 2) if a.sum() > b.sum() else c + d + x.select(0, 0)


@masks("`reshape`, `view`, `transpose`, `permute`, `expand`, `squeeze`")
def views(x):
    m = x.view(2, 2)
    return m.t().contiguous().view(4) if m[0, 0] > 0 else m.unsqueeze(0).expand(3, 2, 2).permute(1, 0, 2)


@masks("`unfold`, `roll`, `flip`, `diagonal`, `tril`")
def rearranged(x):
    return x.unfold(0, 2, 1) if x.sum() > 0 else (x.roll(1).flip(0), x.reshape(2, 2).tril().diagonal())


@masks("`as_strided`")
def strided(x):
    return x.as_strided((2, 2), (1, 1)) if x.sum() > 0 else x


@masks("`masked_select`, twice with one mask, and with a mask of another shape")
def masked_twice(x):
    mask = (x - x.min()).abs() < 3
    y = torch.masked_select(x, mask) - (x * 2).masked_select(mask)
    return y.abs().mean(), x.sum().masked_select(mask), torch.masked_select(torch.stack([x, -x]), mask)


making = table("Tensors", "Made from numbers, converted")


@making("`x.new(…)` of sizes and of data")
def new_tensor(x):
    if x.sum() > 0:
        return x.new(x.size()).fill_(1) + x.new(2, 4).zero_(), x.new(), x.new(torch.Size([])).zero_()
    return x.new([1.0, 2.0]), torch.cat([x.new(), x]), x.new(2).fill_(3)


@making("`torch.tensor` of numbers from data")
def made(x):
    n = int(x.abs().max())
    return torch.tensor([n, 2, n * 3]), torch.tensor(float(n)) if n > 2 else torch.tensor(
        [[1.5, x[0].item()]]
    )


@making("`zeros`, `ones`, `full`, `arange` of a size from data")
def sized(x):
    n = int(x.abs().max())
    return torch.zeros(n), torch.arange(n), torch.full((2, n), 1.5) if n > 2 else torch.ones(n + 1, 2)


@making("`full` with a value from data, `fill_`, `full_like`")
def valued(x):
    f = x.sum().item()
    return torch.full((2,), f) if f > 0 else torch.full_like(x, f)


@making("`linspace`, `eye`, `tril`, `one_hot`")
def patterns(x):
    return torch.linspace(0, 1, 3) if x.sum() > 0 else torch.nn.functional.one_hot(x.argmax(), 4)


@making("`zeros_like`, `new_zeros`, `empty_like().copy_`")
def like(x):
    return torch.zeros_like(x) if x.sum() > 0 else x.new_zeros(2) + x.new_tensor([1.0, 2.0])


@making("`to`, `float`, `long`, `bool`, `type_as`, `half`")
def converted(x):
    return x.to(torch.float64) if x.sum() > 0 else (x.long(), x.bool(), x.half(), x.int().type_as(x))


@making("`bfloat16`, `int8`, `uint8`")
def narrow_types(x):
    return x.bfloat16() if x.sum() > 0 else (x.to(torch.int8), x.abs().to(torch.uint8))


@making("`torch.from_numpy`, `as_tensor` of a constant array")
def from_numpy(x):
    table = torch.from_numpy(np.arange(4.0)).float()
    return x + table if x.sum() > 0 else x


@making("`stack`, `cat` in a loop")
def cat_in_loop(x):
    y = x
    while y.shape[0] < 10 and y.sum() > 0:
        y = torch.cat([y, x[:2]])
    return y


@making("`torch.dtype` chosen by data")
def chosen_dtype(x):
    dtype = torch.float64 if x.sum() > 0 else torch.float32
    return x.to(dtype)


@making("`torch.LongTensor([n])`, `torch.Tensor(2, 3)`, `torch.autograd.Variable(x)`")
def legacy(x):
    n = int(x.abs().sum())
    filled = torch.Tensor(4).fill_(9.0)
    for i in range(4):
        if x[i] > 0:
            filled[i] = x[i]
    return torch.LongTensor([n, 2]), torch.FloatTensor([0.5, n]), filled, torch.autograd.Variable(x) + 1


@making("`torch.tensor` of tensors of other dtypes and of one element")
def of_tensors(x):
    return (
        torch.tensor([x[0].int(), x[1:2].int()]),
        torch.tensor([x[0].double(), 2.5]),
        torch.tensor([x[0].half(), 2]),
        torch.tensor([x[0] > 0, 3]),
    )
