"""GPT-2 from Hugging Face transformers with a greedy loop of one's own over the library's cache."""

import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel


class GreedyGPT2(nn.Module):
    def __init__(self, config, max_new_tokens=8):
        super().__init__()
        self.gpt2 = GPT2LMHeadModel(config)
        self.eos = config.eos_token_id
        self.max_new_tokens = max_new_tokens

    def forward(self, input_ids):
        out = self.gpt2(input_ids=input_ids, use_cache=True)
        past, tokens = out.past_key_values, input_ids
        for _ in range(self.max_new_tokens):
            next_token = out.logits[:, -1].argmax(-1, keepdim=True)
            tokens = torch.cat([tokens, next_token], dim=-1)
            if next_token.item() == self.eos:
                break
            out = self.gpt2(input_ids=next_token, past_key_values=past, use_cache=True)
            past = out.past_key_values
        return tokens


def get_model():
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=40, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=1,
        pad_token_id=0,
    )  # fmt: skip
    model = GreedyGPT2(config)
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.normal_(p, std=0.3)
    return model.eval()


def example_inputs():
    return (torch.tensor([[3, 14, 15, 9]]),)
