"""CALM: a decoder with a cache in which every token leaves at its own layer.

After Schuster et al., "Confident Adaptive Language Modeling", NeurIPS 2022 (the confidence is the
difference of the two largest probabilities, the threshold decays with the position, section 3.5; the
states of the layers that a token skipped are copied from its last one) and Elhoushi et al., "LayerSkip",
ACL 2024 (all exits share the language model's head).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn as nn


@dataclass
class CalmConfig:
    vocab_size: int = 48
    d_model: int = 32
    n_layers: int = 4
    n_heads: int = 4
    max_length: int = 40
    max_new_tokens: int = 10
    eos_token_id: int = 1
    exit_conf_type: str = "softmax"
    exit_conf_threshold: float = 0.5
    exit_position_temp: float = 4.0
    exit_min_layer: int = 1


def softmax_confidence(logits):
    probs = torch.softmax(logits, dim=-1)
    top_2 = torch.topk(probs, dim=-1, k=2)[0]
    return (top_2[..., 0] - top_2[..., 1]).squeeze()


def get_skip_mask(logits, config, step):
    """Whether the token may leave here."""
    assert config.exit_conf_type == "softmax", "only the softmax measure is supported"
    conf = softmax_confidence(logits)
    threshold = config.exit_conf_threshold
    if config.exit_position_temp:
        # decays with the position: later errors matter less
        correct = math.exp(-config.exit_position_temp * step / config.max_new_tokens)
        threshold = 0.9 * threshold + 0.1 * correct
    return conf > threshold


class KVCache:
    """Keys and values of every layer, growing."""

    def __init__(self, n_layers):
        self.keys = [None] * n_layers
        self.values = [None] * n_layers

    def update(self, layer, k, v):
        if self.keys[layer] is None:
            self.keys[layer], self.values[layer] = k, v
        else:
            self.keys[layer] = torch.cat([self.keys[layer], k], dim=2)
            self.values[layer] = torch.cat([self.values[layer], v], dim=2)
        return self.keys[layer], self.values[layer]

    def get_seq_length(self):
        return 0 if self.keys[0] is None else self.keys[0].shape[2]


class Block(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        d = config.d_model
        self.layer_idx = layer_idx
        self.n_heads, self.d_head = config.n_heads, d // config.n_heads
        self.ln_1, self.ln_2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.c_attn = nn.Linear(d, 3 * d)
        self.c_proj = nn.Linear(d, d)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def _heads(self, x):
        return x.view(x.size(0), x.size(1), self.n_heads, self.d_head).transpose(1, 2)

    def forward(self, x, cache):
        q, k, v = map(self._heads, self.c_attn(self.ln_1(x)).chunk(3, dim=-1))
        k, v = cache.update(self.layer_idx, k, v)
        att = (q @ k.transpose(-2, -1)) / math.sqrt(self.d_head)
        if q.size(2) > 1:  # the prompt; a single token sees all
            n = q.size(2)
            mask = torch.ones(n, n, dtype=torch.bool, device=x.device).tril()
            att = att.masked_fill(~mask, float("-inf"))
        y = (att.softmax(-1) @ v).transpose(1, 2).reshape(x.shape)
        x = x + self.c_proj(y)
        return x + self.mlp(self.ln_2(x))

    def propagate(self, x, cache):
        """Only the keys and values, of a token that has left below."""
        _, k, v = map(self._heads, self.c_attn(self.ln_1(x)).chunk(3, dim=-1))
        cache.update(self.layer_idx, k, v)


class CalmDecoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.d_model)
        self.wpe = nn.Embedding(config.max_length, config.d_model)
        self.h = nn.ModuleList(Block(config, i) for i in range(config.n_layers))
        self.ln_f = nn.LayerNorm(config.d_model)
        self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.lm_head.weight = self.wte.weight

    def logits_of(self, x):
        return self.lm_head(self.ln_f(x[:, -1]))

    def prefill(self, ids, cache):
        x = self.wte(ids) + self.wpe(torch.arange(ids.size(1), device=ids.device))
        for block in self.h:
            x = block(x, cache)
        return self.logits_of(x)

    def step(self, token, cache, step):
        position = cache.get_seq_length()
        x = self.wte(token) + self.wpe(torch.tensor([[position]], device=token.device))
        exited = None
        for i, block in enumerate(self.h):
            if exited is not None:
                block.propagate(x, cache)
                continue
            x = block(x, cache)
            if self.config.exit_min_layer <= i < len(self.h) - 1:
                logits = self.logits_of(x)
                if get_skip_mask(logits, self.config, step):
                    exited = i + 1
        if exited is None:
            logits = self.logits_of(x)
            exited = len(self.h)
        return logits, exited

    def forward(self, input_ids):
        """The new tokens, greedily, and the layers that each of them went through."""
        cache = KVCache(self.config.n_layers)
        logits = self.prefill(input_ids, cache)
        generated, depths = [], []
        for step in range(self.config.max_new_tokens):
            token = logits.argmax(-1, keepdim=True)
            generated.append(token)
            if token.item() == self.config.eos_token_id:
                break
            logits, exited = self.step(token, cache, step)
            depths.append(exited)
        return torch.cat(generated, dim=1), depths


def get_model():
    torch.manual_seed(2)
    model = CalmDecoder(CalmConfig())
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.normal_(p, std=0.25)
    return model.eval()


def example_inputs():
    return (torch.arange(2, 8).view(1, 6),)
