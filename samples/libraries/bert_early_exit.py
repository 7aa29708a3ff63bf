"""BERT from Hugging Face transformers, with an exit after every layer; the library's code is untouched.

After Xin et al., "DeeBERT: Dynamic Early Exiting for Accelerating BERT Inference", ACL 2020.
"""

import torch
from torch import nn
from transformers import BertConfig, BertModel


class BertEarlyExit(nn.Module):
    def __init__(self, config, entropy_threshold=0.6):
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False)
        self.ramps = nn.ModuleList(
            nn.Linear(config.hidden_size, config.num_labels) for _ in range(config.num_hidden_layers)
        )
        self.entropy_threshold = entropy_threshold

    def forward(self, input_ids, attention_mask):
        hidden = self.bert.embeddings(input_ids=input_ids)
        mask = (1 - attention_mask)[:, None, None, :] * torch.finfo(hidden.dtype).min
        for i, layer in enumerate(self.bert.encoder.layer):
            out = layer(hidden, mask)
            hidden = out[0] if isinstance(out, tuple) else out
            logits = self.ramps[i](hidden[:, 0])
            log_p = logits.log_softmax(-1)
            entropy = -(log_p.exp() * log_p).sum(-1)
            if entropy.max() < self.entropy_threshold:
                break
        return logits, i


def get_model():
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=60, hidden_size=32, num_hidden_layers=4, num_attention_heads=4, intermediate_size=48,
        max_position_embeddings=32, num_labels=3,
    )  # fmt: skip
    model = BertEarlyExit(config)
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.normal_(p, std=0.3)
    return model.eval()


def example_inputs():
    return (torch.arange(8).view(1, 8), torch.ones(1, 8))
