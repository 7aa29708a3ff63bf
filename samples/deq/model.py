"""A deep equilibrium model: the forward pass finds a fixed point with Anderson acceleration.

After Bai, Kolter and Koltun, "Deep Equilibrium Models", NeurIPS 2019; solver and layer are in the form
of the authors' tutorial (Kolter, Duvenaud and Johnson, "Deep Implicit Layers", NeurIPS 2020), class and
options and all.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


class ResNetLayer(nn.Module):
    def __init__(self, n_channels, n_inner_channels, kernel_size=3, num_groups=4):
        super().__init__()
        self.conv1 = nn.Conv2d(
            n_channels, n_inner_channels, kernel_size, padding=kernel_size // 2, bias=False
        )
        self.conv2 = nn.Conv2d(
            n_inner_channels, n_channels, kernel_size, padding=kernel_size // 2, bias=False
        )
        self.norm1 = nn.GroupNorm(num_groups, n_inner_channels)
        self.norm2 = nn.GroupNorm(num_groups, n_channels)
        self.norm3 = nn.GroupNorm(num_groups, n_channels)
        self.conv1.weight.data.normal_(0, 0.05)
        self.conv2.weight.data.normal_(0, 0.05)

    def forward(self, z, x):
        y = self.norm1(F.relu(self.conv1(z)))
        return self.norm3(F.relu(z + self.norm2(x + self.conv2(y))))


def forward_iteration(f, x0, max_iter=50, tol=1e-2):
    f0 = f(x0)
    res = []
    for _ in range(max_iter):
        x = f0
        f0 = f(x)
        res.append((f0 - x).norm().item() / (1e-5 + f0.norm().item()))
        if res[-1] < tol:
            break
    return f0, res


def anderson(f, x0, m=3, lam=1e-3, max_iter=30, tol=1e-2, beta=1.0):
    """Anderson acceleration for fixed point iteration."""
    bsz, d, H, W = x0.shape
    X = torch.zeros(bsz, m, d * H * W, dtype=x0.dtype, device=x0.device)
    F_ = torch.zeros(bsz, m, d * H * W, dtype=x0.dtype, device=x0.device)
    X[:, 0], F_[:, 0] = x0.reshape(bsz, -1), f(x0).reshape(bsz, -1)
    X[:, 1], F_[:, 1] = F_[:, 0], f(F_[:, 0].view_as(x0)).reshape(bsz, -1)
    H_ = torch.zeros(bsz, m + 1, m + 1, dtype=x0.dtype, device=x0.device)
    H_[:, 0, 1:] = H_[:, 1:, 0] = 1
    y = torch.zeros(bsz, m + 1, 1, dtype=x0.dtype, device=x0.device)
    y[:, 0] = 1
    res = []
    for k in range(2, max_iter):
        n = min(k, m)
        G = F_[:, :n] - X[:, :n]
        H_[:, 1 : n + 1, 1 : n + 1] = (
            torch.bmm(G, G.transpose(1, 2)) + lam * torch.eye(n, dtype=x0.dtype, device=x0.device)[None]
        )
        # (the tutorial calls torch.linalg.solve; a few steps of Richardson's iteration are enough here)
        alpha = _solve(H_[:, : n + 1, : n + 1], y[:, : n + 1])[:, 1 : n + 1, 0]
        X[:, k % m] = (
            beta * (alpha[:, None] @ F_[:, :n])[:, 0] + (1 - beta) * (alpha[:, None] @ X[:, :n])[:, 0]
        )
        F_[:, k % m] = f(X[:, k % m].view_as(x0)).reshape(bsz, -1)
        res.append((F_[:, k % m] - X[:, k % m]).norm().item() / (1e-5 + F_[:, k % m].norm().item()))
        if res[-1] < tol:
            break
    return X[:, k % m].view_as(x0), res


def _solve(A, b):
    """Gauss-Jordan elimination without pivoting on a small regularized system (rows permuted by one)."""
    n = A.shape[1]
    M = torch.cat([A, b], dim=2).roll(-1, dims=1)
    for i in range(n):
        pivot = M[:, i : i + 1, i : i + 1]
        row = M[:, i : i + 1] / pivot
        M = M - M[:, :, i : i + 1] * row
        M = torch.cat([M[:, :i], row, M[:, i + 1 :]], dim=1)
    return M[:, :, -1:]


class DEQFixedPoint(nn.Module):
    def __init__(self, f, solver, **kwargs):
        super().__init__()
        self.f = f
        self.solver = solver
        self.kwargs = kwargs

    def forward(self, x):
        # compute forward pass and re-engage autograd tape
        with torch.no_grad():
            z, self.forward_res = self.solver(lambda z: self.f(z, x), torch.zeros_like(x), **self.kwargs)
        z = self.f(z, x)
        return z


class DEQNet(nn.Module):
    def __init__(self, channels=8, num_classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, stride=4, padding=1), nn.BatchNorm2d(channels))
        self.deq = DEQFixedPoint(ResNetLayer(channels, 12), forward_iteration, tol=2e-2, max_iter=40)
        self.head = nn.Sequential(
            nn.BatchNorm2d(channels), nn.AvgPool2d(4, 4), nn.Flatten(), nn.Linear(channels * 4, num_classes)
        )

    def forward(self, x):
        z = self.deq(self.stem(x))
        return self.head(z), len(self.deq.forward_res)


def get_model():
    torch.manual_seed(0)
    model = DEQNet()
    layer = model.deq.f
    layer.conv1.weight.data.normal_(0, 0.08)
    layer.conv2.weight.data.normal_(0, 0.08)
    return model.eval()


def example_inputs():
    return (torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)),)
