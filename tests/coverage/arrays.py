"""NumPy on tensors' values: `x.numpy()`, functions of NumPy given tensors or numbers from data."""

import numpy as np
import torch
from tests.coverage.cases import table
from torch import nn

reading = table("NumPy", "Arrays of tensors")
meeting = table("NumPy", "NumPy and PyTorch")


@reading("`x.numpy()`, `x.detach().cpu().numpy()`, reductions that decide")
def reductions(x):
    a = x.detach().cpu().numpy()
    if a.sum() > 0 and a.max() > 1.5:
        return a.mean(), a.std(), a.argmax(), a * 2
    return a.min(), a.var(), int(a.argmin()), a[::-1]


@reading("functions of NumPy given a list of tensors")
def lists_of_tensors(x):
    sizes = [x.max(), x.min(), x.mean()]
    best = np.argmax(sizes)
    if best > 0:
        return best, np.array(sizes)
    return sizes[best], np.mean(sizes)


@reading("a number of NumPy's as an index of a list, a tensor, a `ModuleList`")
class Indices(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 2) for _ in range(3)])

    def forward(self, x):
        index = np.argmax(x.numpy()[:3])
        return self.layers[index](x), x[index], ["first", "second", "third"][index]


@reading("numbers of NumPy's change nothing in place; arrays do")
def immutable(x):
    a = x.numpy()
    total = a.sum()
    before = total
    total += 1
    first = a[0]
    a[0] = 7
    if before > 0:
        a += 1
    view = a[1:]
    view *= 2
    return before, total, first, x, view


@reading("dtypes: `np.float32(…)` beside numbers of Python's and of the network")
def dtypes(x):
    a = x.numpy()
    number = float(x[0])
    score = np.float32(number) * 2 + number
    if score > 0:
        return score, a + number, np.exp(number), np.sqrt(2) * a, a / 2, (a > 0) + 1
    return score, np.array([number, 1]), np.array([1, 2]) * number, a.astype(np.int64) // 2, np.log(4)


@reading("`isinstance`, `type`, `dtype`, `shape`, `len` of arrays")
def kinds(x):
    a = x.numpy() if x.sum() > 0 else x
    if isinstance(a, np.ndarray):
        a = torch.from_numpy(a) * 2
    m = np.max(x.numpy())
    return a, isinstance(m, np.floating), type(m) is np.float32, m.dtype == np.float32, len(x.numpy())


@reading("iteration over an array, `in`, `any`, `all`")
def iteration(x):
    a = x.numpy()
    found = [value for value in a if value > 0]
    return len(found), sum(found), bool((a > 1).any()), 2 in a, np.all(a > -2), np.where(a > 0, a, 0)


@reading("a list that grows with numbers of NumPy's in a loop over data")
def growing(x):
    a = x.numpy()
    left, kept = a, []
    while left.size > 0 and len(kept) < 10:
        kept.append(left.argmax())
        left = left[np.where(left < left.max())[0]]
    return torch.tensor(kept), len(kept)


@reading("`np.stack`, `concatenate`, `clip`, `maximum`, `sort`, `cumsum`, `linalg.norm`")
def functions(x):
    a = x.numpy()
    b = np.maximum(a, 0) if a[0] > 0 else np.clip(a, -1, 1)
    return (
        np.stack([a, b]), np.concatenate([a, b[:2]]), np.sort(b), np.cumsum(a), np.linalg.norm(a),
        np.sum(a.reshape(2, 2), axis=1), a.reshape(2, -1).T, np.round(a, 1), np.abs(a),
    )  # fmt: skip


@reading("a function that `torch._numpy` does not have", refused="DY101")
def missing_function(x):
    return np.interp(x.numpy(), [0.0, 1.0], [1.0, 2.0])


@reading("the text of an array", refused="DY103")
def text(x):
    return str(x.numpy())


@meeting("`torch.from_numpy`, `torch.tensor`, `as_tensor` of arrays")
def back(x):
    a = x.numpy() * 2
    shared = torch.from_numpy(a)
    copied = torch.tensor(a)
    if a.sum() > 0:
        a[0] = 9
    return shared, copied, torch.as_tensor(a), torch.tensor([a.max(), a.min()]), torch.tensor(a.sum())


@meeting("a tensor and a number of NumPy's")
def mixed(x):
    scale = x.numpy().max()
    y = x * scale if x[0] > scale / 2 else scale - x
    return y, x > scale, x + np.float64(0.5)


@meeting("an array given to a function of PyTorch", refused="DY101")
def array_to_torch(x):
    return torch.sum(x.numpy())


@meeting("a tensor and an array", refused="DY101")
def beside(x):
    return x + x.numpy()


@reading("a function of which `torch._numpy` makes something else", refused="DY101")
def other_function(x):
    return np.median(x.numpy())


@reading("a method that is not followed, on a path that no call takes", refused="DY101")
def missing_method(x):
    a = x.numpy()
    if a.sum() < -1e6:
        a.sort()
    return a


@reading("an argument that is not followed: `reshape(…, order=…)`", refused="DY101")
def missing_argument(x):
    a = x.numpy()
    return a.reshape(2, 2, order="F") if a.sum() < -1e6 else a
