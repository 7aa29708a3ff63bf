"""A universal transformer with adaptive computation time: every position ponders as long as it needs.

After Graves, "Adaptive Computation Time for Recurrent Neural Networks", 2016, and Dehghani et al.,
"Universal Transformers", ICLR 2019; the loop is as in the widely copied PyTorch code of the latter.
"""

import math

import numpy as np
import torch
import torch.nn as nn


def _gen_timing_signal(length, channels, min_timescale=1.0, max_timescale=1.0e4):
    """The sinusoids, made with NumPy when the model is built."""
    position = np.arange(length)
    num_timescales = channels // 2
    log_timescale_increment = math.log(float(max_timescale) / float(min_timescale)) / (
        float(num_timescales) - 1
    )
    inv_timescales = min_timescale * np.exp(
        np.arange(num_timescales).astype(np.float64) * -log_timescale_increment
    )
    scaled_time = np.expand_dims(position, 1) * np.expand_dims(inv_timescales, 0)
    signal = np.concatenate([np.sin(scaled_time), np.cos(scaled_time)], axis=1)
    return torch.from_numpy(signal.reshape([1, length, channels])).type(torch.FloatTensor)


class EncoderLayer(nn.Module):
    def __init__(self, hidden_size, num_heads, filter_size):
        super().__init__()
        self.attention = nn.MultiheadAttention(hidden_size, num_heads, batch_first=True)
        self.ffn = nn.Sequential(
            nn.Linear(hidden_size, filter_size), nn.ReLU(), nn.Linear(filter_size, hidden_size)
        )
        self.norm_1, self.norm_2 = nn.LayerNorm(hidden_size), nn.LayerNorm(hidden_size)

    def forward(self, inputs):
        x_norm = self.norm_1(inputs)
        y, _ = self.attention(x_norm, x_norm, x_norm, need_weights=False)
        x = inputs + y
        return x + self.ffn(self.norm_2(x))


class ACT_basic(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        self.sigma = nn.Sigmoid()
        self.p = nn.Linear(hidden_size, 1)
        self.p.bias.data.fill_(1)
        self.threshold = 1 - 0.1

    def forward(self, state, inputs, fn, time_enc, pos_enc, max_hop):
        # [B, S]
        halting_probability = torch.zeros(inputs.shape[0], inputs.shape[1], device=inputs.device)
        remainders = torch.zeros(inputs.shape[0], inputs.shape[1], device=inputs.device)
        n_updates = torch.zeros(inputs.shape[0], inputs.shape[1], device=inputs.device)
        # [B, S, HDIM]
        previous_state = torch.zeros_like(inputs)
        step = 0
        while ((halting_probability < self.threshold) & (n_updates < max_hop)).byte().any():
            # Add timing signal
            state = state + time_enc[:, : inputs.shape[1], :].type_as(inputs.data)
            state = state + pos_enc[:, step, :].unsqueeze(1).repeat(1, inputs.shape[1], 1).type_as(
                inputs.data
            )
            p = self.sigma(self.p(state)).squeeze(-1)
            # Mask for inputs which have not halted yet
            still_running = (halting_probability < 1.0).float()
            # Mask of inputs which halted at this step
            new_halted = (halting_probability + p * still_running > self.threshold).float() * still_running
            # Mask of inputs which haven't halted, and didn't halt this step
            still_running = (
                halting_probability + p * still_running <= self.threshold
            ).float() * still_running
            halting_probability = halting_probability + p * still_running
            remainders = remainders + new_halted * (1 - halting_probability)
            halting_probability = halting_probability + new_halted * remainders
            n_updates = n_updates + still_running + new_halted
            update_weights = p * still_running + new_halted * remainders
            state = fn(state)
            previous_state = (state * update_weights.unsqueeze(-1)) + (
                previous_state * (1 - update_weights.unsqueeze(-1))
            )
            step += 1
        return previous_state, (remainders, n_updates)


class UniversalTransformer(nn.Module):
    def __init__(self, input_size=16, hidden_size=32, num_heads=4, max_length=20, max_hop=8, act=True):
        super().__init__()
        self.max_hop = max_hop
        self.timing_signal = _gen_timing_signal(max_length, hidden_size)
        self.position_signal = _gen_timing_signal(max_hop, hidden_size)
        self.input_proj = nn.Linear(input_size, hidden_size, bias=False)
        self.enc = EncoderLayer(hidden_size, num_heads, 2 * hidden_size)
        self.norm = nn.LayerNorm(hidden_size)
        self.act = act
        if self.act:
            self.act_fn = ACT_basic(hidden_size)

    def forward(self, inputs):
        x = self.input_proj(inputs)
        if self.act:
            x, (remainders, n_updates) = self.act_fn(
                x,
                inputs @ self.input_proj.weight.t(),
                self.enc,
                self.timing_signal,
                self.position_signal,
                self.max_hop,
            )
            return self.norm(x), (remainders, n_updates)
        for step in range(self.max_hop):
            x = x + self.timing_signal[:, : inputs.shape[1], :]
            x = x + self.position_signal[:, step, :].unsqueeze(1)
            x = self.enc(x)
        return self.norm(x), None


def get_model():
    torch.manual_seed(3)
    model = UniversalTransformer()
    nn.init.normal_(model.act_fn.p.weight, std=0.8)
    model.act_fn.p.bias.data.fill_(-1.5)
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 6, 16),)
