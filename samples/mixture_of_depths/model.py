"""Mixture of depths: in every other block a router lets only some tokens through, the others go around.

After Raposo et al., "Mixture-of-Depths: Dynamically allocating compute in transformer-based language
models", 2024. Training takes the top k tokens; sampling is causal (section 3.5): a token goes through
when the auxiliary predictor says that it would have been among them, so how many there are is up to the
data.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

CONFIG = dict(vocab_size=64, dim=32, n_heads=4, n_layers=6, capacity_factor=0.5, max_len=32)


class RMSNorm(nn.Module):
    def __init__(self, dim, eps=1e-6):
        super().__init__()
        self.eps, self.weight = eps, nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return self.weight * (
            x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + self.eps)
        ).type_as(x)


class Attention(nn.Module):
    def __init__(self, dim, n_heads):
        super().__init__()
        self.n_heads, self.head_dim = n_heads, dim // n_heads
        self.wq, self.wk = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim, bias=False)
        self.wv, self.wo = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim, bias=False)

    def forward(self, x, positions):
        bsz, seqlen, _ = x.shape
        xq, xk, xv = self.wq(x), self.wk(x), self.wv(x)
        xq = xq.view(bsz, seqlen, self.n_heads, self.head_dim).transpose(1, 2)
        xk = xk.view(bsz, seqlen, self.n_heads, self.head_dim).transpose(1, 2)
        xv = xv.view(bsz, seqlen, self.n_heads, self.head_dim).transpose(1, 2)
        # the positions of the tokens that are here decide who sees whom
        mask = positions[:, None] >= positions[None, :]
        output = F.scaled_dot_product_attention(xq, xk, xv, attn_mask=mask)
        return self.wo(output.transpose(1, 2).contiguous().view(bsz, seqlen, -1))


class TransformerBlock(nn.Module):
    def __init__(self, dim, n_heads):
        super().__init__()
        self.attention = Attention(dim, n_heads)
        self.feed_forward = nn.Sequential(nn.Linear(dim, 4 * dim), nn.SiLU(), nn.Linear(4 * dim, dim))
        self.attention_norm, self.ffn_norm = RMSNorm(dim), RMSNorm(dim)

    def forward(self, x, positions):
        h = x + self.attention(self.attention_norm(x), positions)
        return h + self.feed_forward(self.ffn_norm(h))


class TokenRouter(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight_predictor = nn.Linear(dim, 1)

    def forward(self, x):
        return self.weight_predictor(x).squeeze(-1)


class MoDBlock(nn.Module):
    def __init__(self, dim, n_heads, capacity):
        super().__init__()
        self.router = TokenRouter(dim)
        self.aux_predictor = nn.Sequential(nn.Linear(dim, dim // 2), nn.SiLU(), nn.Linear(dim // 2, 1))
        self.block = TransformerBlock(dim, n_heads)
        self.capacity = capacity
        self.last_count = 0

    def forward(self, x, positions):
        b, s, d = x.shape
        weights = self.router(x)
        if self.training:
            k = max(1, int(self.capacity * s))
            _, selected = torch.topk(weights, k, dim=1, sorted=False)
            selected, _ = torch.sort(selected, dim=1)
            picked = torch.gather(x, 1, selected[..., None].expand(-1, -1, d))
            out = self.block(picked, positions[:k]) * torch.gather(weights, 1, selected)[..., None]
            return torch.scatter_add(x, 1, selected[..., None].expand(-1, -1, d), out)
        processed = x.clone()
        # samples of a batch let different numbers of tokens through
        for i in range(b):
            chosen = torch.sigmoid(self.aux_predictor(x[i].detach()).squeeze(-1)) > 0.5
            if not chosen.any():
                continue
            current = x[i][chosen].unsqueeze(0)
            out = self.block(current, positions[chosen])
            processed[i][chosen] = x[i][chosen] + out[0] * weights[i][chosen].unsqueeze(-1)
        return processed


class MoDTransformer(nn.Module):
    def __init__(self, vocab_size, dim, n_heads, n_layers, capacity_factor, max_len):
        super().__init__()
        self.tok_embeddings = nn.Embedding(vocab_size, dim)
        self.pos_embeddings = nn.Embedding(max_len, dim)
        self.layers = nn.ModuleList()
        for i in range(n_layers):
            if i % 2 == 1:
                self.layers.append(MoDBlock(dim, n_heads, capacity_factor))
            else:
                self.layers.append(TransformerBlock(dim, n_heads))
        self.norm = RMSNorm(dim)
        self.output = nn.Linear(dim, vocab_size, bias=False)

    def forward(self, tokens):
        _, seqlen = tokens.shape
        positions = torch.arange(seqlen, device=tokens.device)
        h = self.tok_embeddings(tokens) + self.pos_embeddings(positions)
        for layer in self.layers:
            h = layer(h, positions)
        return self.output(self.norm(h)).float()


def get_model():
    torch.manual_seed(0)
    model = MoDTransformer(**CONFIG)
    for layer in model.layers:
        if isinstance(layer, MoDBlock):
            for module in layer.aux_predictor:
                if isinstance(module, nn.Linear):
                    nn.init.normal_(module.weight, std=0.5)
    return model.eval()


def example_inputs():
    return (torch.arange(8).view(1, 8),)
