"""An image captioner: a convolutional encoder, and an LSTM that says words until it says the end token.

After Vinyals et al., "Show and Tell: A Neural Image Caption Generator", CVPR 2015. The pictures show up to
four digits, one in each quarter; a caption is such as "three digits : seven nine two".
"""

from pathlib import Path

import torch
import torch.nn as nn
from safetensors.torch import load_file

HERE = Path(__file__).parent
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


class Vocabulary:
    def __init__(self, words):
        self.idx2word = list(words)
        self.word2idx = {w: i for i, w in enumerate(self.idx2word)}

    def __call__(self, word):
        return self.word2idx[word]

    def __len__(self):
        return len(self.idx2word)


VOCAB = Vocabulary(["<pad>", "<start>", "<end>", *DIGITS, "no", "digit", "digits", ":"])


class EncoderCNN(nn.Module):
    def __init__(self, embed_size, widths=(12, 20, 28)):
        super().__init__()
        layers, c_in = [], 3
        for width in widths:
            layers += [
                nn.Conv2d(c_in, width, 3, padding=1),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
            c_in = width
        self.cnn = nn.Sequential(*layers)
        self.linear = nn.Linear(c_in * 16, embed_size)
        self.bn = nn.BatchNorm1d(embed_size)

    def forward(self, images):
        features = self.cnn(images)
        features = features.reshape(features.size(0), -1)
        return self.bn(self.linear(features))


class DecoderRNN(nn.Module):
    def __init__(self, embed_size, hidden_size, vocab_size, max_seq_length=12):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, embed_size)
        self.lstm = nn.LSTM(2 * embed_size, hidden_size, num_layers=1, batch_first=True)
        self.linear = nn.Linear(hidden_size, vocab_size)
        self.max_seg_length = max_seq_length

    def forward(self, features, captions):
        """The logits of every word of the captions, with the right words fed in."""
        start = torch.full_like(captions[:, :1], VOCAB("<start>"))
        embeddings = self.embed(torch.cat([start, captions[:, :-1]], 1))
        picture = features.unsqueeze(1).expand(-1, embeddings.size(1), -1)
        hiddens, _ = self.lstm(torch.cat([embeddings, picture], 2))
        return self.linear(hiddens)

    def sample(self, features, states=None):
        """Greedy words, the end token included, and the logits that they were taken from."""
        sampled_ids = []
        logits = []
        word = VOCAB("<start>")
        for _ in range(self.max_seg_length):
            inputs = torch.cat([self.embed(torch.tensor([word])), features], 1).unsqueeze(1)
            hiddens, states = self.lstm(inputs, states)
            outputs = self.linear(hiddens.squeeze(1))
            logits.append(outputs)
            _, predicted = outputs.max(1)
            word = predicted.item()
            sampled_ids.append(word)
            if word == VOCAB("<end>"):
                break
        return sampled_ids, torch.cat(logits, 0)


class Captioner(nn.Module):
    def __init__(self, embed_size=64, hidden_size=96):
        super().__init__()
        self.encoder = EncoderCNN(embed_size)
        self.decoder = DecoderRNN(embed_size, hidden_size, len(VOCAB))

    def forward(self, images):
        features = self.encoder(images)
        return self.decoder.sample(features)


def get_model():
    model = Captioner()
    model.load_state_dict(load_file(HERE / "weights.safetensors"), strict=False)
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)


def to_sentence(word_ids):
    return " ".join(VOCAB.idx2word[i] for i in word_ids)
