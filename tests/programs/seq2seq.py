"""A translation-like encoder-decoder with attention that feeds its tokens back."""

import torch
import torch.nn.functional as F
from torch import nn

SOS, EOS = 1, 2


class EncoderRNN(nn.Module):
    def __init__(self, vocab, hidden):
        super().__init__()
        self.embedding = nn.Embedding(vocab, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)

    def forward(self, tokens):
        return self.gru(self.embedding(tokens))


class AttnDecoderRNN(nn.Module):
    def __init__(self, vocab, hidden):
        super().__init__()
        self.embedding = nn.Embedding(vocab, hidden)
        self.attn = nn.Linear(hidden * 2, hidden)
        self.gru = nn.GRU(hidden * 2, hidden, batch_first=True)
        self.out = nn.Linear(hidden, vocab)

    def forward(self, token, hidden, encoder_outputs):
        embedded = self.embedding(token)
        query = self.attn(torch.cat([embedded[:, 0], hidden[-1]], dim=1)).unsqueeze(1)
        weights = F.softmax(torch.bmm(query, encoder_outputs.transpose(1, 2)), dim=-1)
        context = torch.bmm(weights, encoder_outputs)
        output, hidden = self.gru(torch.cat([embedded, context], dim=2), hidden)
        return self.out(output[:, -1]), hidden, weights


class Translator(nn.Module):
    def __init__(self, vocab=12, hidden=12, max_length=10):
        super().__init__()
        self.encoder = EncoderRNN(vocab, hidden)
        self.decoder = AttnDecoderRNN(vocab, hidden)
        self.max_length = max_length

    @torch.no_grad()
    def forward(self, source):
        encoder_outputs, hidden = self.encoder(source)
        decoder_input = torch.tensor([[SOS]])
        decoded_words = []
        attentions = []
        for _ in range(self.max_length):
            logits, hidden, attention = self.decoder(decoder_input, hidden, encoder_outputs)
            attentions.append(attention)
            _, topi = logits.topk(1)
            if topi.item() == EOS:
                decoded_words.append(EOS)
                break
            decoded_words.append(topi.item())
            decoder_input = topi.detach()
        return decoded_words, torch.cat(attentions, dim=1)


def get_model():
    torch.manual_seed(21)
    net = Translator()
    with torch.no_grad():
        net.decoder.out.weight.mul_(8)
        net.decoder.embedding.weight.mul_(3)
        net.decoder.out.bias[EOS] += 0.5
    return net.eval()


def example_inputs():
    return (torch.tensor([[3, 4, 5, 6]]),)


def dynamic_shapes():
    return ({1: torch.export.Dim.DYNAMIC},)


def more_inputs():
    return [(torch.arange(n).mul(k).remainder(9).add(3)[None],) for n in (2, 4, 7) for k in (1, 2, 4, 5)]
