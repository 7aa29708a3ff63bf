"""Modules: the same code with smaller parameters, trainable, exact; or refused."""

from __future__ import annotations

import copy

import pytest
import torch
from tests.prune.modules import EarlyExit, Transformer
from torch import nn
from torch.nn import functional as F

from dyncc.compiler import prune
from dyncc.passes.prune.errors import OptionError, PruneError


class Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, groups=4),
            nn.GroupNorm(4, 16), nn.PReLU(16), nn.ConvTranspose2d(16, 12, 2, 2), nn.InstanceNorm2d(12,
            affine=True),
        )  # fmt: skip
        self.head = nn.Linear(12, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x).mean((2, 3)))


def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    torch.manual_seed(1)
    return [(torch.randn(4, 3, 8, 8), torch.randint(0, 10, (4,))) for _ in range(2)]


def loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def test_layers_follow() -> None:
    torch.manual_seed(0)
    model = Convolutions()
    before = copy.deepcopy(model.state_dict())
    result = prune(model, (torch.zeros(1, 3, 8, 8),), ratio=0.5)
    small = result.model
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [type(m) for m in small.modules()] == [type(m) for m in model.modules()]
    assert (small.body[0].out_channels, small.body[3].in_channels) == (4, 4)
    assert (small.body[3].groups, small.body[4].num_groups, small.body[4].num_channels) == (2, 2, 8)
    assert (small.body[6].in_channels, small.body[6].out_channels, small.head.in_features) == (8, 6, 6)
    assert small.training and result.report.error < 1e-5
    optimizer = torch.optim.SGD(small.parameters(), 0.1)
    first = loss(small, batches()[0])
    for _ in range(20):
        optimizer.zero_grad()
        loss(small, batches()[0]).backward()
        optimizer.step()
    assert loss(small, batches()[0]) < first


def test_in_place() -> None:
    model = Convolutions()
    parameter = model.body[0].weight
    result = prune(model, (torch.zeros(1, 3, 8, 8),), ratio=0.5, in_place=True)
    assert result.model is model and model.body[0].weight is parameter and parameter.shape[0] == 4
    assert model(torch.zeros(2, 3, 8, 8)).shape == (2, 10)


def test_whole_heads_of_a_users_own_attention() -> None:
    torch.manual_seed(0)
    result = prune(Transformer(), (torch.zeros(1, 8, dtype=torch.int64),), ratio=0.5)
    attention = result.model.attention[0]
    assert (attention.heads, attention.kv_heads, attention.head_width) == (2, 1, 8)
    assert result.report.after.parameters < 0.36 * result.report.before.parameters
    assert result.model(torch.zeros(3, 8, dtype=torch.int64)).shape == (3, 8, 50)


def test_all_paths_of_a_dynamic_module() -> None:
    torch.manual_seed(0)
    result = prune(EarlyExit(), (torch.zeros(1, 1, 8, 8),), ratio=0.5)
    assert {head.in_features for head in result.model.heads} == {4}
    assert result.report.error < 1e-5


@pytest.mark.parametrize("criterion", ["snip", "taylor", "grasp", "crop", "obs"])
def test_criteria_of_gradients(criterion: str) -> None:
    torch.manual_seed(0)
    model = Convolutions()
    example = (torch.zeros(1, 3, 8, 8),)
    result = prune(model, example, ratio=0.5, criterion=criterion, data=batches(), loss=loss)
    assert result.report.criterion == criterion
    by_weight = prune(model, example, ratio=0.5, criterion="l1")
    random = prune(model, example, ratio=0.5, criterion="random")
    kept = [r.model.body[0].weight for r in (result, by_weight, random)]
    assert all(weight.shape[0] == 4 for weight in kept)
    with pytest.raises(OptionError, match="needs `data` and `loss`"):
        prune(model, example, ratio=0.5, criterion=criterion)


def test_in_rounds() -> None:
    """What comes out is a module like any other."""
    torch.manual_seed(0)
    model: nn.Module = nn.Sequential(nn.Linear(6, 40), nn.ReLU(), nn.Linear(40, 2))
    data = [torch.randn(20, 6) for _ in range(3)]
    widths: list[int] = []
    for _ in range(3):
        model = prune(
            model,
            (torch.zeros(1, 6),),
            ratio=0.25,
            criterion="taylor",
            data=data,
            loss=lambda net, x: net(x).square().mean(),
        ).model
        optimizer = torch.optim.SGD(model.parameters(), 0.01)
        for x in data:
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
        widths.append(model[0].weight.shape[0])
    assert widths == [30, 23, 18]


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.heads = 4
        self.qkv = nn.ModuleList(nn.Linear(6, 16) for _ in range(3))
        self.out = nn.Linear(16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)).transpose(0, 1) for layer in self.qkv)
        y = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(0, 1).flatten(1))


@pytest.mark.parametrize("criterion", ["grasp", "crop"])
def test_second_derivatives_through_attention(criterion: str) -> None:
    torch.manual_seed(0)
    result = prune(
        Attending(),
        (torch.zeros(5, 6),),
        ratio=0.5,
        criterion=criterion,
        data=[torch.randn(5, 6)],
        loss=lambda net, x: net(x).square().sum(),
    )
    assert result.model.out.in_features == 8


def test_snip_keeps_what_the_loss_depends_on() -> None:
    """A channel whose weights are large but to which the loss is blind goes first."""
    torch.manual_seed(0)
    model = Convolutions()
    with torch.no_grad():
        model.body[3].weight[:, 0] = 0  # the first channel of each group of inputs counts for nothing
        model.body[0].weight[::2] *= 100
    example = (torch.zeros(1, 3, 8, 8),)
    model.body[3] = nn.Conv2d(8, 16, 3)
    with torch.no_grad():
        model.body[3].weight[:, ::2] = 0
    blind = prune(model, example, ratio=0.5, criterion="snip", aggregate="sum", data=batches(), loss=loss)
    large = prune(model, example, ratio=0.5, criterion="l1", aggregate="sum")
    assert blind.model.body[3].weight.abs().sum() > 0
    assert torch.equal(blind.model.body[0].weight, model.body[0].weight[1::2])
    assert torch.equal(large.model.body[0].weight, model.body[0].weight[::2])


class Written(nn.Module):
    """Its code knows the width."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(6, 12), nn.Linear(12, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.two(self.one(x).view(1, 12))


def test_sizes_in_the_code_are_refused() -> None:
    model = Written()
    with pytest.raises(PruneError, match="the module's code does not run with fewer channels"):
        prune(model, (torch.zeros(1, 6),), ratio=0.5)
    assert model.one.out_features == 12 and model.one.weight.shape == (12, 6)


def test_what_cannot_be_pruned() -> None:
    with pytest.raises(TypeError, match="cannot prune a int"):
        prune(3, ratio=0.5)


def test_refit_goes_back_into_the_module() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 4)).eval()
    data = [torch.randn(200, 6)]
    plain = prune(model, (torch.zeros(1, 6),), ratio=0.5).model
    better = prune(model, (torch.zeros(1, 6),), ratio=0.5, criterion="obspa", data=data).model
    new = torch.randn(100, 6)
    errors = [(small(new) - model(new)).square().mean() for small in (plain, better)]
    assert errors[1] < 0.5 * errors[0]
    with pytest.raises(OptionError, match="the network takes"):
        prune(model, (torch.zeros(1, 6),), ratio=0.5, criterion="obspa", data=[torch.zeros(3, 5)])


class Packed(nn.Module):
    """Query, key and value from one layer, taken apart as timm does it."""

    def __init__(self, width: int = 48, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, width // heads
        self.first = nn.Linear(8, width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        b, t, _ = x.shape
        packed = self.qkv(x).reshape(b, t, 3, self.heads, self.head_dim)
        q, k, v = packed.permute(2, 0, 3, 1, 4).unbind(0)
        y = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        return self.proj(y.reshape(b, t, self.heads * self.head_dim))


def test_whole_heads_of_a_packed_projection() -> None:
    torch.manual_seed(0)
    result = prune(Packed().eval(), (torch.rand(2, 6, 8),), ratio=0.5)
    assert result.model.heads == 2 and result.model.head_dim == 12
    assert result.model.qkv.weight.shape == (72, 24) and result.model.proj.in_features == 24
