"""T5 from Hugging Face transformers: encode once, decode greedily with the cache, until the end token."""

import torch
from torch import nn
from transformers import T5Config, T5ForConditionalGeneration


class GreedyT5(nn.Module):
    def __init__(self, config, max_length=8):
        super().__init__()
        self.t5 = T5ForConditionalGeneration(config)
        self.config = config
        self.max_length = max_length

    def forward(self, input_ids):
        encoder_outputs = self.t5.get_encoder()(input_ids=input_ids)
        tokens = torch.full((1, 1), self.config.decoder_start_token_id)
        step_ids, past = tokens, None
        while tokens.shape[1] < self.max_length:
            out = self.t5(
                encoder_outputs=encoder_outputs,
                decoder_input_ids=step_ids,
                past_key_values=past,
                use_cache=True,
            )
            past = out.past_key_values
            step_ids = out.logits[:, -1].argmax(-1, keepdim=True)
            tokens = torch.cat([tokens, step_ids], dim=1)
            if step_ids.item() == self.config.eos_token_id:
                break
        return tokens


def get_model():
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=40, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, decoder_start_token_id=0,
        eos_token_id=1, pad_token_id=0, dropout_rate=0.0,
    )  # fmt: skip
    model = GreedyT5(config)
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.normal_(p, std=0.3)
    return model.eval()


def example_inputs():
    return (torch.tensor([[3, 14, 15, 9, 2]]),)
