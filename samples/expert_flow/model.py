"""A switch transformer whose router reads the expert's number: ``self.experts[int(i)]``, token by token.

Top-1 routing after Fedus, Zoph and Shazeer, "Switch Transformers", JMLR 2022, in the form that systems for
serving experts work on (Hwang et al., "Tutel", MLSys 2023; He et al., "ExpertFlow", 2024): experts are
separate pieces of code, and which of them is needed is known only after the router ran.
"""

from collections import namedtuple

import torch
from torch import nn

RouterOutput = namedtuple("RouterOutput", ["expert", "probability"])


def build_expert(kind, d_model, d_ff):
    """Experts need not be alike."""
    if kind == "mlp":
        return nn.Sequential(nn.Linear(d_model, d_ff), nn.GELU(), nn.Linear(d_ff, d_model))
    if kind == "glu":
        return GatedExpert(d_model, d_ff)
    if kind == "identity":
        return nn.Identity()
    raise ValueError(f"unknown expert: {kind}")


class GatedExpert(nn.Module):
    def __init__(self, d_model, d_ff):
        super().__init__()
        self.up, self.down = nn.Linear(d_model, 2 * d_ff), nn.Linear(d_ff, d_model)

    def forward(self, x):
        a, b = self.up(x).chunk(2, dim=-1)
        return self.down(a * torch.sigmoid(b))


class SwitchRouter(nn.Module):
    def __init__(self, d_model, num_experts):
        super().__init__()
        self.classifier = nn.Linear(d_model, num_experts, bias=False)

    def forward(self, token):
        probs = torch.softmax(self.classifier(token), dim=-1)
        value, index = probs.max(dim=-1)
        return RouterOutput(index, value)


class SwitchFFN(nn.Module):
    def __init__(self, d_model, d_ff, kinds, capacity=None):
        super().__init__()
        self.router = SwitchRouter(d_model, len(kinds))
        self.experts = nn.ModuleList(build_expert(k, d_model, d_ff) for k in kinds)
        self.capacity = capacity

    def forward(self, x):
        """x: (tokens, d_model). Tokens beyond an expert's capacity are dropped (they keep the residual)."""
        outputs = []
        loads = [0] * len(self.experts)
        for t in range(x.shape[0]):
            route = self.router(x[t])
            e = int(route.expert)
            if self.capacity is not None and loads[e] >= self.capacity:
                outputs.append(torch.zeros_like(x[t]))
                continue
            loads[e] += 1
            outputs.append(route.probability * self.experts[e](x[t]))
        return torch.stack(outputs), loads


class SwitchTransformer(nn.Module):
    def __init__(
        self,
        vocab=50,
        d_model=24,
        d_ff=32,
        n_layers=2,
        kinds=("mlp", "glu", "mlp", "identity"),
        capacity=None,
    ):
        super().__init__()
        self.embed = nn.Embedding(vocab, d_model)
        self.norms = nn.ModuleList(nn.LayerNorm(d_model) for _ in range(2 * n_layers))
        self.mix = nn.ModuleList(nn.Linear(d_model, d_model) for _ in range(n_layers))
        self.ffns = nn.ModuleList(SwitchFFN(d_model, d_ff, kinds, capacity) for _ in range(n_layers))
        self.head = nn.Linear(d_model, vocab)

    def forward(self, ids):
        x = self.embed(ids)
        stats = []
        for i, (mix, ffn) in enumerate(zip(self.mix, self.ffns)):
            h = self.norms[2 * i](x)
            # a causal mean instead of attention: experts are what this is about
            steps = torch.arange(1, h.shape[0] + 1, device=h.device).unsqueeze(1)
            x = x + mix(h.cumsum(0) / steps)
            y, loads = ffn(self.norms[2 * i + 1](x))
            x = x + y
            stats.append(loads)
        return self.head(x), stats


def get_model():
    torch.manual_seed(0)
    model = SwitchTransformer(capacity=3)
    for ffn in model.ffns:
        nn.init.normal_(ffn.router.classifier.weight, std=1.0)
    return model.eval()


def example_inputs():
    return (torch.tensor([3, 1, 4, 1, 5, 9]),)
