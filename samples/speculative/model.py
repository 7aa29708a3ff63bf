"""Speculative decoding: a small model guesses a few tokens, the big one checks them at once.

After Leviathan, Kalman and Matias, "Fast Inference from Transformers via Speculative Decoding", ICML 2023,
and Chen et al., 2023; greedy, so a guess is accepted when the big model would have said the same.
"""

import torch
import torch.nn as nn


class TinyLM(nn.Module):
    def __init__(self, vocab, dim, layers, max_len=48):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, dim), nn.Embedding(max_len, dim)
        layer = nn.TransformerEncoderLayer(dim, 2, 2 * dim, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(dim, vocab)

    def forward(self, ids):
        n = ids.shape[1]
        x = self.tok(ids) + self.pos(torch.arange(n))
        mask = torch.triu(torch.ones(n, n, dtype=torch.bool), diagonal=1)
        return self.head(self.body(x, mask=mask))


class SpeculativeDecoder(nn.Module):
    def __init__(self, draft, target, gamma=3, max_new_tokens=12, eos=0):
        super().__init__()
        self.draft, self.target = draft, target
        self.gamma, self.max_new_tokens, self.eos = gamma, max_new_tokens, eos

    @torch.no_grad()
    def forward(self, prefix):
        ids = prefix
        accepted_lengths = []
        target_len = prefix.shape[1] + self.max_new_tokens
        while ids.shape[1] < target_len:
            # 1. guess
            proposal = ids
            for _ in range(self.gamma):
                next_id = self.draft(proposal)[:, -1].argmax(-1, keepdim=True)
                proposal = torch.cat([proposal, next_id], dim=1)
            # 2. check all guesses in one pass
            logits = self.target(proposal)
            choices = logits[:, ids.shape[1] - 1 :].argmax(-1)
            n_accepted = 0
            for i in range(self.gamma):
                if proposal[0, ids.shape[1] + i] != choices[0, i]:
                    break
                n_accepted += 1
            accepted_lengths.append(n_accepted)
            # 3. what was right, and one token of the big model
            ids = torch.cat(
                [proposal[:, : ids.shape[1] + n_accepted], choices[:, n_accepted : n_accepted + 1]], dim=1
            )
            if (ids[0, prefix.shape[1] :] == self.eos).any():
                break
        return ids, accepted_lengths


def get_model():
    torch.manual_seed(1)
    draft, target = TinyLM(16, 16, 1), TinyLM(16, 16, 2)
    # the draft resembles the target: same embeddings, same first layer
    draft.tok.load_state_dict(target.tok.state_dict())
    draft.pos.load_state_dict(target.pos.state_dict())
    draft.body.layers[0].load_state_dict(target.body.layers[0].state_dict())
    draft.head.load_state_dict(target.head.state_dict())
    return SpeculativeDecoder(draft, target).eval()


def example_inputs():
    return (torch.tensor([[3, 1, 4]]),)
