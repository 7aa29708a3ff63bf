"""A flow-matching sampler that stops when it has converged: Heun steps, adaptive number of them, guidance.

After Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023, and Karras et al., "Elucidating the
Design Space of Diffusion-Based Generative Models", NeurIPS 2022 (Heun's method; the sampler's second
evaluation is dropped when it would change little). The noise is an argument: the caller draws it.
"""

import math

import torch
import torch.nn as nn


def timestep_embedding(t, dim, max_period=100.0):
    half = dim // 2
    freqs = torch.exp(
        -math.log(max_period) * torch.arange(half, dtype=torch.float32, device=t.device) / half
    )
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.cos(args), torch.sin(args)], dim=-1)


class VelocityNet(nn.Module):
    def __init__(self, channels=2, hidden=32, n_classes=4):
        super().__init__()
        self.hidden = hidden
        self.time = nn.Sequential(nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.label = nn.Embedding(n_classes + 1, hidden)
        self.inp = nn.Linear(channels, hidden)
        self.mid = nn.Sequential(nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.out = nn.Linear(hidden, channels)

    def forward(self, x, t, y):
        emb = self.time(timestep_embedding(t, self.hidden)) + self.label(y)
        return self.out(self.mid(self.inp(x) + emb))


class Sampler(nn.Module):
    """``sigmas``: the schedule, a plain Python list that the loop indexes."""

    def __init__(self, net, num_steps=12, tol=0.1, guidance=1.5, null_class=4):
        super().__init__()
        self.net = net
        self.tol, self.guidance, self.null_class = tol, guidance, null_class
        self.sigmas = [math.cos(0.5 * math.pi * (1 - i / num_steps)) for i in range(num_steps + 1)]

    def velocity(self, x, t, y):
        t = torch.full((x.shape[0],), t, device=x.device)
        v = self.net(x, t, y)
        if self.guidance != 1.0:
            v_null = self.net(x, t, torch.full_like(y, self.null_class))
            v = v_null + self.guidance * (v - v_null)
        return v

    def forward(self, noise, y):
        x = noise
        evaluations = 0
        still = 0
        i = 0
        while i < len(self.sigmas) - 1:
            t, t_next = self.sigmas[i], self.sigmas[i + 1]
            v = self.velocity(x, t, y)
            evaluations += 1
            x_next = x + (t_next - t) * v
            if i < len(self.sigmas) - 2:
                v2 = self.velocity(x_next, t_next, y)
                evaluations += 1
                x_next = x + (t_next - t) * 0.5 * (v + v2)
            change = (x_next - x).abs().max() / x.abs().max()
            x = x_next
            # two small steps in a row, and the sample is done
            still = still + 1 if change.item() < self.tol else 0
            if still == 2:
                break
            i += 1
        return x, i, evaluations


def get_model():
    torch.manual_seed(0)
    model = Sampler(VelocityNet())
    for p in model.net.parameters():
        if p.dim() > 1:
            nn.init.normal_(p, std=0.3)
    return model.eval()


def example_inputs():
    return (torch.ones(1, 2), torch.tensor([1]))
