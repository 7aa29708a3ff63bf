"""The whole ``BertModel`` in a cascade: its pooled output decides whether a second one is asked."""

import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification


class TwoBerts(nn.Module):
    def __init__(self, small, big):
        super().__init__()
        self.small = BertForSequenceClassification(small)
        self.big = BertForSequenceClassification(big)

    def forward(self, input_ids, attention_mask):
        out = self.small(input_ids=input_ids, attention_mask=attention_mask)
        if out.logits.softmax(-1).max() > 0.6:
            return out
        return self.big(input_ids=input_ids, attention_mask=attention_mask)


def get_model():
    torch.manual_seed(0)
    small = BertConfig(
        vocab_size=60,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        num_labels=3,
    )
    big = BertConfig(
        vocab_size=60,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=32,
        num_labels=3,
    )
    model = TwoBerts(small, big)
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.normal_(p, std=0.4)
    return model.eval()


def example_inputs():
    return (torch.arange(8).view(1, 8), torch.ones(1, 8, dtype=torch.long))
