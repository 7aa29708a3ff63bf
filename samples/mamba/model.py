"""Mamba: a selective state space model that steps through time, and a generation loop with its states.

After Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023; the step is the
reference (non-fused) one of the authors' code, ``MambaMixer`` as in the Hugging Face port.
"""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class InferenceParams:
    """What is kept between the steps of a generation."""

    def __init__(self, config, batch_size):
        d_inner = config["expand"] * config["d_model"]
        self.seqlen_offset = 0
        self.conv_states = {
            i: torch.zeros(batch_size, d_inner, config["d_conv"]) for i in range(config["n_layer"])
        }
        self.ssm_states = {
            i: torch.zeros(batch_size, d_inner, config["d_state"]) for i in range(config["n_layer"])
        }


class MambaMixer(nn.Module):
    def __init__(self, d_model, d_state=8, d_conv=4, expand=2, dt_rank="auto", layer_idx=None):
        super().__init__()
        self.d_model, self.d_state, self.d_conv = d_model, d_state, d_conv
        self.d_inner = int(expand * d_model)
        self.dt_rank = math.ceil(d_model / 16) if dt_rank == "auto" else dt_rank
        self.layer_idx = layer_idx
        self.in_proj = nn.Linear(d_model, self.d_inner * 2, bias=False)
        self.conv1d = nn.Conv1d(self.d_inner, self.d_inner, d_conv, groups=self.d_inner, padding=d_conv - 1)
        self.act = nn.SiLU()
        self.x_proj = nn.Linear(self.d_inner, self.dt_rank + d_state * 2, bias=False)
        self.dt_proj = nn.Linear(self.dt_rank, self.d_inner)
        A = torch.arange(1, d_state + 1, dtype=torch.float32).repeat(self.d_inner, 1)
        self.A_log = nn.Parameter(torch.log(A))
        self.D = nn.Parameter(torch.ones(self.d_inner))
        self.out_proj = nn.Linear(self.d_inner, d_model, bias=False)

    def forward(self, hidden_states, inference_params=None):
        seqlen = hidden_states.shape[1]
        conv_state, ssm_state = None, None
        if inference_params is not None:
            conv_state = inference_params.conv_states[self.layer_idx]
            ssm_state = inference_params.ssm_states[self.layer_idx]
            if inference_params.seqlen_offset > 0:
                return self.step(hidden_states, conv_state, ssm_state)
        xz = self.in_proj(hidden_states).transpose(1, 2)
        A = -torch.exp(self.A_log.float())
        x, z = xz.chunk(2, dim=1)
        if conv_state is not None:
            conv_state.copy_(F.pad(x, (self.d_conv - x.shape[-1], 0)))
        x = self.act(self.conv1d(x)[..., :seqlen])
        x_dbl = self.x_proj(x.transpose(1, 2))
        dt, B, C = torch.split(x_dbl, [self.dt_rank, self.d_state, self.d_state], dim=-1)
        dt = F.softplus(self.dt_proj(dt)).transpose(1, 2)
        y, last_state = self.selective_scan(x, dt, A, B, C)
        if ssm_state is not None:
            ssm_state.copy_(last_state)
        y = y * F.silu(z)
        return self.out_proj(y.transpose(1, 2))

    def selective_scan(self, u, delta, A, B, C):
        deltaA = torch.exp(torch.einsum("bdl,dn->bdln", delta, A))
        deltaB_u = torch.einsum("bdl,bln,bdl->bdln", delta, B, u)
        x = A.new_zeros((u.shape[0], u.shape[1], A.shape[1]))
        ys = []
        for i in range(u.shape[2]):
            x = deltaA[:, :, i] * x + deltaB_u[:, :, i]
            ys.append(torch.einsum("bdn,bn->bd", x, C[:, i, :]))
        return torch.stack(ys, dim=2) + u * self.D[:, None], x

    def step(self, hidden_states, conv_state, ssm_state):
        xz = self.in_proj(hidden_states.squeeze(1))
        x, z = xz.chunk(2, dim=-1)
        # Conv step: update state (B D W)
        conv_state.copy_(torch.roll(conv_state, shifts=-1, dims=-1))
        conv_state[:, :, -1] = x
        x = torch.sum(conv_state * self.conv1d.weight.squeeze(1), dim=-1) + self.conv1d.bias
        x = self.act(x)
        dt, B, C = torch.split(self.x_proj(x), [self.dt_rank, self.d_state, self.d_state], dim=-1)
        dt = F.softplus(self.dt_proj(dt))
        A = -torch.exp(self.A_log.float())
        dA = torch.exp(torch.einsum("bd,dn->bdn", dt, A))
        dB = torch.einsum("bd,bn->bdn", dt, B)
        ssm_state.copy_(ssm_state * dA + x.unsqueeze(-1) * dB)
        y = torch.einsum("bdn,bn->bd", ssm_state, C) + self.D * x
        return self.out_proj(y * self.act(z)).unsqueeze(1)


class MambaLM(nn.Module):
    config = dict(d_model=16, d_state=4, d_conv=4, expand=2, n_layer=2)

    def __init__(self, vocab_size=40, eos=20, max_new_tokens=10):
        super().__init__()
        c = self.config
        self.embedding = nn.Embedding(vocab_size, c["d_model"])
        self.layers = nn.ModuleList(
            MambaMixer(c["d_model"], c["d_state"], c["d_conv"], c["expand"], layer_idx=i)
            for i in range(c["n_layer"])
        )
        self.norms = nn.ModuleList(nn.LayerNorm(c["d_model"]) for _ in range(c["n_layer"]))
        self.norm_f = nn.LayerNorm(c["d_model"])
        self.lm_head = nn.Linear(c["d_model"], vocab_size, bias=False)
        self.eos, self.max_new_tokens = eos, max_new_tokens

    def logits(self, ids, inference_params):
        h = self.embedding(ids)
        for layer, norm in zip(self.layers, self.norms):
            h = h + layer(norm(h), inference_params)
        inference_params.seqlen_offset += ids.shape[1]
        return self.lm_head(self.norm_f(h[:, -1]))

    def forward(self, input_ids):
        params = InferenceParams(self.config, input_ids.shape[0])
        tokens, scores = input_ids, []
        logits = self.logits(input_ids, params)
        while tokens.shape[1] < input_ids.shape[1] + self.max_new_tokens:
            next_token = logits.argmax(dim=-1)
            scores.append(logits)
            tokens = torch.cat([tokens, next_token.unsqueeze(1)], dim=1)
            if (next_token == self.eos).all():
                break
            logits = self.logits(next_token.unsqueeze(1), params)
        return tokens, torch.stack(scores, dim=1)


def get_model():
    torch.manual_seed(0)
    model = MambaLM()
    nn.init.normal_(model.lm_head.weight, std=0.7)
    nn.init.normal_(model.embedding.weight, std=1.5)
    return model.eval()


def example_inputs():
    return (torch.tensor([[3, 14, 15, 9, 2, 6]]),)
