"""A sparse mixture of experts in the style of Mixtral: a loop over the experts that were hit."""

import torch
import torch.nn.functional as F
from torch import nn


class Expert(nn.Module):
    def __init__(self, dim, ffn):
        super().__init__()
        self.w1 = nn.Linear(dim, ffn, bias=False)
        self.w2 = nn.Linear(ffn, dim, bias=False)
        self.w3 = nn.Linear(dim, ffn, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class SparseMoe(nn.Module):
    def __init__(self, dim=6, ffn=8, num_experts=4, top_k=2):
        super().__init__()
        self.num_experts, self.top_k = num_experts, top_k
        self.gate = nn.Linear(dim, num_experts, bias=False)
        self.experts = nn.ModuleList([Expert(dim, ffn) for _ in range(num_experts)])

    def forward(self, hidden_states):
        batch, seq, dim = hidden_states.shape
        hidden_states = hidden_states.view(-1, dim)
        router_logits = self.gate(hidden_states)
        weights = F.softmax(router_logits, dim=1, dtype=torch.float)
        weights, selected = torch.topk(weights, self.top_k, dim=-1)
        weights /= weights.sum(dim=-1, keepdim=True)
        final = torch.zeros((batch * seq, dim), dtype=hidden_states.dtype)
        expert_mask = F.one_hot(selected, num_classes=self.num_experts).permute(2, 1, 0)
        for expert_idx in range(self.num_experts):
            idx, top_x = torch.where(expert_mask[expert_idx])
            if top_x.shape[0] == 0:
                continue
            current = hidden_states[None, top_x].reshape(-1, dim)
            current = self.experts[expert_idx](current) * weights[top_x, idx, None]
            final.index_add_(0, top_x, current)
        return final.reshape(batch, seq, dim), router_logits


def get_model():
    torch.manual_seed(0)
    return SparseMoe().eval()


def example_inputs():
    return (torch.randn(1, 3, 6, generator=torch.Generator().manual_seed(0)),)


def more_inputs():
    g = torch.Generator().manual_seed(1)
    same = torch.randn(1, 1, 6, generator=g).expand(1, 3, 6).contiguous()
    return [(same,), (-same,), *[(torch.randn(1, 3, 6, generator=g) * 2,) for _ in range(6)]]
