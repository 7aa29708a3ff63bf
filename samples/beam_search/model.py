"""A recurrent language model with beam search as in countless tutorials: lists of hypotheses, sorted each
step.

After Sutskever, Vinyals and Le, "Sequence to Sequence Learning with Neural Networks", NIPS 2014, section
3.2.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

SOS, EOS = 0, 1


class Hypothesis:
    def __init__(self, tokens, log_prob, state):
        self.tokens = tokens
        self.log_prob = log_prob
        self.state = state

    def extend(self, token, log_prob, state):
        return Hypothesis(self.tokens + [token], self.log_prob + log_prob, state)

    @property
    def latest_token(self):
        return self.tokens[-1]

    @property
    def avg_log_prob(self):
        return self.log_prob / len(self.tokens)


class BeamSearchLM(nn.Module):
    def __init__(self, vocab_size=20, hidden=24, beam_size=3, max_steps=8, min_steps=2):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, hidden)
        self.cell = nn.GRUCell(hidden, hidden)
        self.out = nn.Linear(hidden, vocab_size)
        self.beam_size, self.max_steps, self.min_steps = beam_size, max_steps, min_steps

    def decode_one_step(self, token, state):
        state = self.cell(self.embed(torch.tensor([token])), state)
        log_probs = F.log_softmax(self.out(state), dim=-1)
        topk_log_probs, topk_ids = log_probs.topk(self.beam_size, dim=-1)
        return topk_ids[0], topk_log_probs[0], state

    def sort_hyps(self, hyps):
        return sorted(hyps, key=lambda h: h.avg_log_prob, reverse=True)

    def forward(self, features):
        hyps = [Hypothesis([SOS], 0.0, torch.tanh(features))]
        results = []
        steps = 0
        while steps < self.max_steps and len(results) < self.beam_size:
            all_hyps = []
            for h in hyps:
                topk_ids, topk_log_probs, new_state = self.decode_one_step(h.latest_token, h.state)
                for j in range(self.beam_size):
                    all_hyps.append(h.extend(topk_ids[j].item(), topk_log_probs[j].item(), new_state))
            hyps = []
            for h in self.sort_hyps(all_hyps):
                if h.latest_token == EOS:
                    if steps >= self.min_steps:
                        results.append(h)
                else:
                    hyps.append(h)
                if len(hyps) == self.beam_size or len(results) == self.beam_size:
                    break
            steps += 1
        if len(results) == 0:
            results = hyps
        best = self.sort_hyps(results)[0]
        return best.tokens, best.avg_log_prob


def get_model():
    torch.manual_seed(0)
    model = BeamSearchLM()
    nn.init.normal_(model.out.weight, std=0.6)
    model.out.bias.data[EOS] = 1.0
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 24),)
