"""Mixtral from Hugging Face transformers: its router and experts decide which experts run."""

import torch
from torch import nn
from transformers import MixtralConfig, MixtralForCausalLM


class ConfidentMixtral(nn.Module):
    """Says nothing (-1) where the model is not sure."""

    def __init__(self, config, threshold=0.3):
        super().__init__()
        self.lm = MixtralForCausalLM(config)
        self.threshold = threshold

    def forward(self, input_ids):
        logits = self.lm(input_ids=input_ids, use_cache=False).logits[:, -1]
        p, token = logits.softmax(-1).max(-1)
        if p.item() < self.threshold:
            return -1, logits
        return token.item(), logits


def get_model():
    torch.manual_seed(0)
    config = MixtralConfig(
        vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, num_local_experts=4, num_experts_per_tok=2, max_position_embeddings=64,
        experts_implementation="eager",
    )  # fmt: skip
    model = ConfidentMixtral(config)
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.normal_(p, std=0.3)
    return model.eval()


def example_inputs():
    return (torch.tensor([[3, 14, 15, 9]]),)
