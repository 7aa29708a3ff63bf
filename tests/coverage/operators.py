"""PyTorch's operators, layers and modes."""

import numpy as np
import torch
import torch.distributions as D
from tests.coverage.cases import Net, table
from torch import nn
from torch.nn import functional as F

modes = table("PyTorch", "Modes and transforms")


@modes("`no_grad`, `inference_mode`, `enable_grad`, `set_grad_enabled`")
def grad_modes(x):
    with torch.no_grad():
        y = x * 2 if x.sum() > 0 else x
    with torch.inference_mode():
        z = y + 1
    with torch.set_grad_enabled(False):
        return z if z.sum() > 1 else y


@modes("`autocast`")
class Autocast(Net):
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.layer(x[None])
        return y.float() if y.sum() > 0 else x


@modes("`torch.cond`", refused="DY130")
def cond(x):
    return torch.cond(x.sum() > 0, lambda v: v * 2, lambda v: v - 1, (x,))


@modes("`torch.vmap`", refused="DY130")
def vmap(x):
    y = torch.vmap(lambda v: v * 2)(x)
    return y if y.sum() > 0 else x


@modes("`torch.vmap` of a function that decides", refused="DY130")
def vmap_decides(x):
    return torch.vmap(lambda v: v if v > 0 else -v)(x)


@modes("`torch.autograd.grad`", refused="DY130")
def autograd(x):
    with torch.enable_grad():
        y = x.clone().requires_grad_()
        (g,) = torch.autograd.grad((y * y).sum(), y)
    return g if g.sum() > 0 else x


@modes("`torch.func.grad`", refused="DY130")
def func_grad(x):
    g = torch.func.grad(lambda v: (v * v).sum())(x)
    return g if g.sum() > 0 else x


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * x * g


@modes("`torch.autograd.Function`")
def function(x):
    return Square.apply(x) if x.sum() > 0 else x


@modes("`torch.utils.checkpoint`")
class Checkpoint(Net):
    def forward(self, x):
        y = torch.utils.checkpoint.checkpoint(self.layer, x, use_reentrant=False)
        return y if x.sum() > 0 else x


@modes("`torch.func.functional_call`")
class FunctionalCall(Net):
    def forward(self, x):
        weights = {"weight": torch.ones(4, 4), "bias": x}
        y = torch.func.functional_call(self.layer, weights, (x,))
        return y if y.sum() > 0 else x


@modes("`torch.compiler.is_compiling`, `jit.is_scripting`, `is_grad_enabled`")
def asks_mode(x):
    if torch.compiler.is_compiling() or torch.jit.is_scripting():
        return x
    return x * 2 if x.sum() > 0 else x


@modes("parametrization, weight norm, spectral norm")
class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))

    def forward(self, x):
        return self.layer(x) if x.sum() > 0 else x


chance = table("PyTorch", "Random numbers")

OURS = "drawn by the host, where `seed` begins them: not PyTorch's own numbers for a seed"
BATCHES = tuple((torch.linspace(-1, 2, 4 * n).view(n, 4) * sign,) for n, sign in ((3, 1), (2, -1), (5, 1)))


@chance("`torch.rand`, `randn`, `rand_like`, `randn_like`", note=OURS)
def random(x):
    y = x + torch.randn_like(x) * torch.rand(4) if x.sum() > 0 else torch.randn(2, 3, dtype=torch.float64)
    return y, torch.rand_like(y)


@chance("`torch.bernoulli`, of a tensor and with `p`")
def bernoulli(x):
    return torch.bernoulli(x.sigmoid()) if x.sum() > 0 else torch.bernoulli(x, 0.3), torch.rand(1).item()


@chance("`torch.multinomial`, one token")
def multinomial(x):
    token = torch.multinomial(x.softmax(-1), 1)
    return token if token.item() > 1 else -token


@chance("`torch.multinomial`, several, with and without replacement")
def several(x):
    p = torch.stack([x, -x]).softmax(-1)
    return torch.multinomial(p, 3) if x.sum() > 0 else p.multinomial(6, replacement=True)


@chance("sampling tokens until the end token")
class Sampler(Net):
    def forward(self, x):
        tokens = []
        while len(tokens) < 20:
            token = torch.multinomial((self.layer(x) * 3).softmax(-1), num_samples=1)
            if token == 2:
                break
            tokens.append(int(token))
            x = F.one_hot(token, 4)[0].float() + x
        return tokens


@chance("`torch.randint`, `randint_like`, `randperm`")
def whole_numbers(x):
    i = torch.randint(4, (3,)) if x.sum() > 0 else torch.randint(1, 3, size=(2,), dtype=torch.int32)
    return i, x[torch.randperm(4)], torch.randint_like(x, 10), x[int(torch.randint(0, 4, (1,)))]


@chance("`torch.normal`")
def normal(x):
    if x.sum() > 0:
        return torch.normal(x, x.abs()), torch.normal(0.0, x.exp())
    return torch.normal(1.0, 2.0, size=(2, 2)), torch.normal(x)


@chance("`uniform_`, `normal_`, `exponential_`, `bernoulli_`, `random_`")
def filled(x):
    y = x.new_empty(3).uniform_(-1, 1) if x.sum() > 0 else torch.empty(3).normal_(std=2.0)
    return y, torch.zeros(2).exponential_(0.5), torch.zeros(4).bernoulli_(0.4), torch.zeros(4).random_(7)


@chance("of a size that data decide")
def sized(x):
    kept = x[x > 0]
    noisy = kept + torch.randn_like(kept) if len(kept) > 1 else kept
    return noisy, torch.rand(len(kept)), torch.randn(int(x.abs().sum()) % 3, 2)


@chance("of a free size", calls=BATCHES, dynamic=({0: torch.export.Dim.DYNAMIC},))
def free(x):
    y = x + torch.randn_like(x) if x.sum() > 0 else torch.rand(x.shape[0], 2)
    return y, torch.multinomial(x.softmax(-1), 1), F.dropout(x, 0.3)


@chance("a loop that random numbers end")
def walk(x):
    steps = 0
    while torch.rand(1) < 0.7:
        x = x + torch.randn(4) if torch.rand(()) < 0.5 else x * 0.5
        steps += 1
    return x, steps


@chance("in a helper, a `try`, a comprehension")
def spread(x):
    def noisy(y, n):
        return sum(y * torch.rand(1) for _ in range(n)) + (torch.rand(()) if y.sum() > 0 else 0)

    try:
        chosen = [x for _ in range(3) if torch.rand(1) > 0.5]
        return noisy(torch.stack(chosen), 2)
    except RuntimeError:
        return noisy(x, 1)


@chance("`torch.distributions`: `Categorical`, `Normal`, `Bernoulli`, `Uniform`")
def distributions(x):
    action = D.Categorical(logits=x).sample()
    policy = D.Normal(x, x.abs() + 0.1)
    value = policy.rsample() if action > 1 else D.Bernoulli(logits=x).sample()
    return action, value, policy.log_prob(value), D.Uniform(-1.0, 1.0).sample((2,))


@chance("`Exponential`, `Laplace`, `Geometric`, `Gumbel`")
def more_distributions(x):
    wait = D.Exponential(x.abs() + 1).sample((2,)) if x.sum() > 0 else D.Laplace(0.0, 0.1).sample(x.shape)
    return wait, D.Geometric(torch.tensor([0.3, 0.4])).sample(), D.Gumbel(x, 1.0).sample()


NUMPY = np.random.RandomState(0)


@chance("`numpy.random`, in a branch", refused="DY121")
def numpy_draws(x):
    return x * int(np.random.choice(3)) if x.sum() > 0 else x


@chance("a generator of NumPy's, in a helper that does not decide", refused="DY121")
def numpy_generator(x):
    def noisy(y):
        return y + NUMPY.randn()

    return noisy(x) if x.sum() > 0 else x


@chance("state beside them")
class Noisy(Net):
    def __init__(self):
        super().__init__()
        self.total = None

    def forward(self, x):
        noise = torch.rand(4)
        self.total = noise if self.total is None or x.sum() < 0 else self.total + noise
        return self.total


@chance("dropout that stays: `F.dropout(training=True)`, `dropout2d`")
class MonteCarlo(Net):
    def forward(self, x):
        y = F.dropout(self.layer(x), 0.5, training=True)
        z = F.dropout2d(y.view(1, 2, 2, 1).expand(2, 2, 2, 3), 0.4) if y.sum() > 0 else y
        return (
            z,
            F.dropout(x.clone(), 0.1, True, True),
            F.dropout3d(x.view(4, 1, 1, 1)),
            F.dropout1d(x.view(2, 2)),
        )


@chance("`torch.poisson`, dropout of attention", refused="DY120")
def poisson(x):
    return torch.poisson(x.abs()) if x.sum() > 0 else x


@chance("dropout in `eval()`")
class Dropout(Net):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.layer(x)) if x.sum() > 0 else x


@chance("`F.dropout(training=self.training)`")
class FunctionalDropout(Net):
    def forward(self, x):
        return F.dropout(self.layer(x), 0.5, training=self.training) if x.sum() > 0 else x


@chance("`torch.manual_seed` and a draw", refused="DY121")
def seeded(x):
    torch.manual_seed(0)
    return x + torch.rand(4) if x.sum() > 0 else x


@chance("a `Generator` of one's own", refused="DY120")
def own_generator(x):
    g = torch.Generator().manual_seed(1)
    return x + torch.rand(4, generator=g) if x.sum() > 0 else x


@chance("gumbel softmax, `hard=True`")
def gumbel(x):
    return F.gumbel_softmax(x, hard=True) if x.sum() > 0 else F.gumbel_softmax(x, 0.5)


layers = table("PyTorch", "Layers and operators")

IMAGES = (torch.arange(32.0).reshape(1, 2, 4, 4), -torch.ones(1, 2, 4, 4), torch.eye(4).expand(1, 2, 4, 4))
ROWS = (torch.arange(12.0).reshape(3, 4), -torch.ones(3, 4), torch.eye(4)[:3])


@layers("convolution, batch norm, pooling", calls=IMAGES)
class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x):
        y = F.relu(self.norm(self.conv(x)))
        return F.max_pool2d(y, 2) if x.sum() > 5 else F.adaptive_avg_pool2d(y, 1)


@layers("`interpolate`, `pixel_shuffle`, `grid_sample`, padding", calls=IMAGES)
def images(x):
    if x.sum() > 5:
        larger = F.interpolate(x, scale_factor=2, mode="nearest")
        return F.pixel_shuffle(larger.repeat(1, 2, 1, 1), 2), F.pad(x, (1, 1, 1, 1), mode="reflect")
    grid = F.affine_grid(torch.eye(2, 3)[None], [1, 2, 4, 4], align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


@layers("attention, layer norm, GELU", calls=ROWS)
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend = nn.MultiheadAttention(4, 2, batch_first=True)
        self.norm = nn.LayerNorm(4)

    def forward(self, x):
        y, _ = self.attend(x[None], x[None], x[None])
        return F.gelu(self.norm(y)) if x.sum() > 0 else F.scaled_dot_product_attention(x, x, x)


@layers("LSTM, GRU and their cells", calls=ROWS)
class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 3, batch_first=True)
        self.cell = nn.GRUCell(4, 3)

    def forward(self, x):
        y, (h, c) = self.lstm(x[None])
        h = h[0]
        for row in x:
            if row.sum() > 0:
                h = self.cell(row[None], h)
        return y if h.sum() > 0 else (h, c)


@layers("`pack_padded_sequence`, `pad_packed_sequence`", calls=ROWS)
class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 3, batch_first=True)

    def forward(self, x):
        packed = nn.utils.rnn.pack_padded_sequence(x[None], torch.tensor([2]), batch_first=True)
        y, h = self.gru(packed)
        y, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True)
        return y if x.sum() > 0 else h


BATCH = torch.export.Dim("batch")
FREE_BATCH = ({0: BATCH}, {0: BATCH})
FREE_LENGTHS = tuple(
    (torch.linspace(-1, 2, 20 * len(lengths)).view(-1, 5, 4) * sign, torch.tensor(lengths))
    for lengths, sign in (([3, 5], 1), ([1, 1, 4], -1), ([5, 2, 2, 1], 1), ([4], -1))
)
LENGTHS = tuple(
    (torch.linspace(-1, 2, 40).view(2, 5, 4) * sign, torch.tensor(lengths))
    for lengths, sign in (([3, 5], 1), ([1, 1], -1), ([5, 2], 1), ([4, 4], -1))
)


@layers("packed sequences of lengths that data decide, `enforce_sorted=False`", calls=LENGTHS)
class PackedByData(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 3, num_layers=2, batch_first=True, bidirectional=True)
        self.rnn = nn.RNN(6, 2)

    def forward(self, x, lengths):
        pack, unpack = nn.utils.rnn.pack_padded_sequence, nn.utils.rnn.pad_packed_sequence
        packed = pack(x, lengths.tolist(), batch_first=True, enforce_sorted=False)
        y, (h, c) = self.lstm(packed)
        if y.data.sum() > 0:
            y, h = self.rnn(y)
        padded, counts = unpack(y, batch_first=True, total_length=5)
        return padded, counts, h, c, unpack(y, padding_value=-1.0)[0].sum(0)


@layers("packed sequences in a batch of a free size", calls=FREE_LENGTHS, dynamic=FREE_BATCH)
class PackedFree(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 3, batch_first=True)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, h = self.gru(packed)
        y, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True)
        return y if x.sum() > 0 else h


@layers("`cross_entropy` of classes and of probabilities, `label_smoothing`")
def cross_entropy(x):
    classes = torch.tensor([2]) if x.sum() > 0 else torch.tensor([0])
    chances, weight = x.abs().softmax(0)[None], torch.tensor([1.0, 2.0, 0.5, 3.0])
    plain = F.cross_entropy(x[None], classes), F.cross_entropy(x[None], chances, reduction="none")
    return plain, F.cross_entropy(x[None], chances, weight, label_smoothing=0.1)


@layers("`pad_sequence`")
def pad_sequence(x):
    parts = [x[:1], x[1:]] if x.sum() > 0 else [x[:2], x[2:]]
    return nn.utils.rnn.pad_sequence(parts, batch_first=True)


@layers("embedding by a number from data")
class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 3)

    def forward(self, x):
        i = int(x.argmax())
        return self.table.weight[i] if x.sum() > 0 else self.table(torch.tensor([i, 0]))


@layers("`EmbeddingBag`")
class Bags(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(10, 3)

    def forward(self, x):
        return self.bag(x.abs().long()[None]) if x.sum() > 0 else x


@layers("losses", calls=ROWS)
def losses(x):
    target = torch.tensor([0, 1, 2])
    if x.sum() > 0:
        return F.cross_entropy(x, target), F.mse_loss(x, x * 2)
    return F.nll_loss(x.log_softmax(-1), target), F.smooth_l1_loss(x, x + 1)


@layers("`einsum`, `bmm`, `outer`, `tensordot`, `kron`")
def products(x):
    m = x.reshape(2, 2)
    if m[0, 0] > 0:
        return torch.einsum("ij,jk->ik", m, m), torch.bmm(m[None], m[None])
    return torch.outer(x, x), torch.tensordot(m, m, 1), torch.kron(m, m)


@layers("`softmax`, `logsumexp`, `cumsum`, `cumprod`, `norm`, `std`, `var`")
def reductions(x):
    if x.sum() > 0:
        return x.softmax(0), x.logsumexp(0), x.cumsum(0), x.cumprod(0)
    return x.std(), x.var(unbiased=False), x.norm(), x.median(), x.prod()


@layers("`scatter_add`, `scatter_reduce`, `index_add`")
def scatter(x):
    i = torch.tensor([0, 1, 0, 1])
    zeros = torch.zeros(2)
    if x.sum() > 0:
        return zeros.scatter_add(0, i, x)
    return zeros.scatter_reduce(0, i, x, "amax"), zeros.index_add(0, i, x)


@layers("`kthvalue`, `quantile`, `searchsorted`, `bucketize`")
def order(x):
    if x.sum() > 0:
        return x.kthvalue(2).values, torch.bucketize(x, torch.tensor([0.0, 1.5]))
    return torch.quantile(x, 0.5), torch.searchsorted(torch.tensor([-1.0, 0.0]), x)


@layers("`mode`", refused="DY401")
def most_frequent(x):
    return torch.mode(x).values if x.sum() > 0 else x


@layers("`linalg`: `norm`, `det`")
def norms(x):
    m = x.reshape(2, 2)
    return torch.linalg.norm(m) if torch.linalg.det(m) > -1 else m


@layers("`linalg`: `inv`, `solve`")
def inverse(x):
    m = x.reshape(2, 2) + 5 * torch.eye(2)
    return torch.linalg.inv(m) if x.sum() > 0 else torch.linalg.solve(m, x[:2])


@layers("`linalg`: `cholesky`, `lu_factor`, `solve_triangular`, `slogdet`; `cholesky_solve`")
def factors(x):
    m = x.reshape(2, 2)
    m = m @ m.T + torch.eye(2)
    factor = torch.linalg.cholesky(m)
    if x.sum() > 0:
        return torch.cholesky_solve(m, factor), torch.linalg.slogdet(m)
    return torch.linalg.solve_triangular(factor, m, upper=False), torch.linalg.lu_factor(m)


@layers("a singular matrix, caught: `except torch.linalg.LinAlgError`")
def singular(x):
    try:
        return torch.linalg.inv(x.reshape(2, 2).relu())
    except torch.linalg.LinAlgError:
        return x.reshape(2, 2)


@layers("`linalg`: `svd`, `eigh`, `qr`", refused="DY401")
def decompositions(x):
    m = x.reshape(2, 2)
    if x.sum() > 0:
        return torch.linalg.svd(m).S, torch.linalg.eigh(m).eigenvalues
    return torch.linalg.qr(m).R


@layers("`fft`")
def fourier(x):
    return torch.fft.rfft(x).abs() if x.sum() > 0 else x


@layers("`fold`, `unfold` of images", calls=IMAGES)
def unfolded(x):
    y = F.unfold(x, 2)
    return y if x.sum() > 5 else F.fold(y, (4, 4), 2)


@layers("`bitwise_and`, shifts, `logical_xor`")
def bitwise(x):
    i = x.long()
    if x.sum() > 0:
        return i & 3, torch.bitwise_and(i, 5)
    return i << 1, torch.logical_xor(x > 0, x < 2)


@layers("`cdist`, `cosine_similarity`, `cross`", calls=ROWS)
def distances(x):
    if x.sum() > 0:
        return torch.cdist(x, x)
    return F.cosine_similarity(x, x + 1), torch.linalg.cross(x[:, :3], x[:, 1:])


@layers("`triu_indices`, `meshgrid`, `cartesian_prod`, `combinations`")
def grids(x):
    a, b = torch.meshgrid(x[:2], x[2:], indexing="ij")
    if x.sum() > 0:
        return a * b, torch.cartesian_prod(x[:2], x)
    return x[torch.triu_indices(3, 3)[0]], torch.combinations(x)


@layers("quantized layers", refused="DY401")
class Quantized(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4)))

    def forward(self, x):
        return self.layer(x[None]) if x.sum() > 0 else x


@layers("transformer encoder layer", calls=ROWS)
class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)

    def forward(self, x):
        y = self.layer(x[None])
        return self.layer(y) if y[0, 0, 0] > 0 else y
