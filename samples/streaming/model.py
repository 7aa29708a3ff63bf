"""Streaming keyword spotting: audio comes in chunks, the model keeps its buffers and reports when it is
sure.

In the manner of Rybakov et al., "Streaming Keyword Spotting on Mobile Devices", Interspeech 2020: a causal
convolution with a ring buffer, a recurrent layer whose state lives on between calls, and a detector with a
refractory time. ``hidden`` is None until the first chunk.
"""

from dataclasses import dataclass, field

import torch
import torch.nn as nn


@dataclass
class Detection:
    keyword: torch.Tensor
    score: float
    frame: int


@dataclass
class StreamState:
    """What one stream remembers besides the tensors."""

    frames_seen: int = 0
    quiet_for: int = 0
    history: list = field(default_factory=list)


class StreamingConv(nn.Module):
    def __init__(self, c_in, c_out, kernel_size):
        super().__init__()
        self.conv = nn.Conv1d(c_in, c_out, kernel_size)
        self.ring = kernel_size - 1
        self.register_buffer("buffer", torch.zeros(1, c_in, self.ring), persistent=False)

    def forward(self, x):
        x = torch.cat([self.buffer, x], dim=2)
        self.buffer = x[:, :, -self.ring :]
        return torch.relu(self.conv(x))


class StreamingKWS(nn.Module):
    def __init__(self, n_mels=8, channels=12, hidden=16, n_words=5, threshold=0.35, refractory=2, smooth=3):
        super().__init__()
        self.frontend = StreamingConv(n_mels, channels, 3)
        self.rnn = nn.GRU(channels, hidden, batch_first=True)
        self.classifier = nn.Linear(hidden, n_words)
        self.hidden = None
        self.threshold, self.refractory, self.smooth = threshold, refractory, smooth
        self.state = StreamState()

    def reset(self):
        self.hidden = None
        self.frontend.buffer.zero_()
        self.state = StreamState()

    def forward(self, chunk):
        """chunk (1, n_mels, frames) → a Detection, or None."""
        h = self.frontend(chunk).transpose(1, 2)
        h, self.hidden = self.rnn(h, self.hidden)
        probs = self.classifier(h[:, -1]).softmax(-1)[0]
        self.state.frames_seen += chunk.shape[2]
        self.state.history.append(probs)
        if len(self.state.history) > self.smooth:
            self.state.history.pop(0)
        if self.state.quiet_for > 0:
            self.state.quiet_for -= 1
            return None
        score, word = torch.stack(self.state.history).mean(0).max(dim=0)
        # word 0 is silence
        if word.item() != 0 and score.item() > self.threshold:
            self.state.quiet_for = self.refractory
            return Detection(word, score.item(), self.state.frames_seen)
        return None


def get_model():
    torch.manual_seed(5)
    model = StreamingKWS()
    nn.init.normal_(model.classifier.weight, std=1.5)
    model.classifier.bias.data[0] -= 0.7
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 8, 4),)
