"""An encoder-decoder with attention that reads a number's digits and says it in English.

After Bahdanau, Cho & Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate",
ICLR 2015: "4 0 7 3 1" becomes "forty thousand seven hundred thirty one <eos>".
"""

import random
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file

HERE = Path(__file__).parent

UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TEENS = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
ONES = UNITS + TEENS
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


class Lang:
    """A vocabulary with the usual special tokens."""

    PAD, SOS, EOS = 0, 1, 2

    def __init__(self, words):
        self.index2word = ["<pad>", "<sos>", "<eos>", *words]
        self.word2index = {w: i for i, w in enumerate(self.index2word)}
        self.n_words = len(self.index2word)


SOURCE = Lang("0123456789")
TARGET = Lang([*ONES, *TENS, "hundred", "thousand"])
SOURCE_LENGTH = 6
MAX_LENGTH = 14


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * hidden_size, hidden_size)

    def forward(self, source):
        output, hidden = self.gru(self.embedding(source))
        hidden = torch.tanh(self.bridge(torch.cat([hidden[0], hidden[1]], dim=1)))
        return output[..., : self.hidden_size] + output[..., self.hidden_size :], hidden.unsqueeze(0)


class BahdanauAttention(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        self.Wa = nn.Linear(hidden_size, hidden_size)
        self.Ua = nn.Linear(hidden_size, hidden_size)
        self.Va = nn.Linear(hidden_size, 1)

    def forward(self, query, keys, mask):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys))).squeeze(2).unsqueeze(1)
        scores = scores.masked_fill(mask, float("-inf"))
        weights = F.softmax(scores, dim=-1)
        return torch.bmm(weights, keys), weights


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size):
        super().__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.attention = BahdanauAttention(hidden_size)
        self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, output_size)

    def forward(self, encoder_outputs, encoder_hidden, mask, target_tensor=None, teacher_forcing_ratio=1.0):
        batch_size = encoder_outputs.size(0)
        decoder_input = torch.empty(batch_size, 1, dtype=torch.long).fill_(Lang.SOS)
        decoder_hidden = encoder_hidden
        decoder_outputs = []
        decoded_tokens = []
        attentions = []
        steps = MAX_LENGTH if target_tensor is None else target_tensor.size(1)
        for i in range(steps):
            decoder_output, decoder_hidden, attn = self.forward_step(
                decoder_input, decoder_hidden, encoder_outputs, mask
            )
            decoder_outputs.append(decoder_output)
            attentions.append(attn)
            if target_tensor is not None and random.random() < teacher_forcing_ratio:
                decoder_input = target_tensor[:, i].unsqueeze(1)
            else:
                _, topi = decoder_output.topk(1)
                decoder_input = topi.squeeze(-1).detach()
                if target_tensor is None:
                    decoded_tokens.append(decoder_input)
                    if decoder_input.item() == Lang.EOS:
                        break
        decoder_outputs = torch.cat(decoder_outputs, dim=1)
        attentions = torch.cat(attentions, dim=1)
        return decoder_outputs, decoded_tokens, attentions

    def forward_step(self, input, hidden, encoder_outputs, mask):
        embedded = self.embedding(input)
        query = hidden.permute(1, 0, 2)
        context, attn_weights = self.attention(query, encoder_outputs, mask)
        output, hidden = self.gru(torch.cat((embedded, context), dim=2), hidden)
        return self.out(output), hidden, attn_weights


class Translator(nn.Module):
    def __init__(self, hidden_size=64):
        super().__init__()
        self.encoder = EncoderRNN(SOURCE.n_words, hidden_size)
        self.decoder = AttnDecoderRNN(hidden_size, TARGET.n_words)

    def forward(self, source):
        mask = (source == Lang.PAD).unsqueeze(1)
        encoder_outputs, encoder_hidden = self.encoder(source)
        logits, tokens, attentions = self.decoder(encoder_outputs, encoder_hidden, mask)
        return {"tokens": torch.cat(tokens, dim=1), "logits": logits, "attentions": attentions}


def get_model():
    model = Translator()
    model.load_state_dict(load_file(HERE / "weights.safetensors"))
    return model.eval()


def example_inputs():
    return (torch.tensor([[6, 3, 7, Lang.PAD, Lang.PAD, Lang.PAD]]),)
