"""A speech recognizer with greedy CTC decoding, down to Python ints, for a padded batch of different
lengths.

After Graves et al., "Connectionist Temporal Classification", ICML 2006; acoustic model in the manner of
Deep Speech 2 (Amodei et al., ICML 2016): masked convolutions, a recurrent layer, a decoder.
"""

import torch
import torch.nn as nn

LABELS = "_ etaoinshr"
BLANK = 0


class MaskConv(nn.Module):
    """Sets what lies beyond each sample's length to zero between the convolutions."""

    def __init__(self, seq_module):
        super().__init__()
        self.seq_module = seq_module

    def forward(self, x, lengths):
        for module in self.seq_module:
            x = module(x)
            mask = torch.zeros(x.size(), dtype=torch.bool, device=x.device)
            for i, length in enumerate(lengths):
                length = length.item()
                if (mask[i].size(1) - length) > 0:
                    mask[i].narrow(1, length, mask[i].size(1) - length).fill_(1)
            x = x.masked_fill(mask, 0)
        return x, lengths


class GreedyDecoder:
    def __init__(self, labels, blank_index=0):
        self.labels, self.blank_index = labels, blank_index

    def process(self, sequence, size):
        collapsed = []
        previous = self.blank_index
        for i in range(size):
            char = sequence[i].item()
            if char != self.blank_index and char != previous:
                collapsed.append(char)
            previous = char
        return collapsed

    def decode(self, probs, sizes):
        _, max_probs = torch.max(probs, 2)
        return [self.process(max_probs[x], int(sizes[x])) for x in range(max_probs.size(0))]


class SpeechModel(nn.Module):
    def __init__(self, n_mels=8, hidden=24):
        super().__init__()
        self.conv = MaskConv(
            nn.Sequential(
                nn.Conv1d(n_mels, 16, 3, padding=1), nn.Hardtanh(0, 20), nn.Conv1d(16, 16, 3, padding=1)
            )
        )
        self.rnn = nn.GRU(16, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, len(LABELS))
        self.decoder = GreedyDecoder(LABELS, BLANK)

    def forward(self, spect, lengths):
        x, output_lengths = self.conv(spect, lengths)
        x = x.transpose(1, 2)
        x, _ = self.rnn(x)
        probs = self.fc(x).softmax(-1)
        return self.decoder.decode(probs, output_lengths)


def get_model():
    torch.manual_seed(0)
    model = SpeechModel()
    nn.init.normal_(model.fc.weight, std=1.0)
    return model.eval()


def example_inputs():
    return (torch.zeros(2, 8, 12), torch.tensor([12, 9]))
