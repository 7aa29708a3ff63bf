"""PonderNet on the parity task: a GRU that thinks until its halting distribution has used itself up.

After Banino, Balaguer and Blundell, "PonderNet: Learning to Ponder", 2021. Training keeps the states of all
steps and their halting probabilities; here inference stops once the probability of having halted passes
``1 - epsilon`` for every sample of the batch, and answers with each sample's most probable step.
"""

import torch
from torch import nn


class ParityPonderGRU(nn.Module):
    def __init__(self, n_elems, n_hidden, max_steps, epsilon=0.05):
        super().__init__()
        self.max_steps = max_steps
        self.n_hidden = n_hidden
        self.epsilon = epsilon
        self.gru = nn.GRUCell(n_elems, n_hidden)
        self.output_layer = nn.Linear(n_hidden, 1)
        self.lambda_layer = nn.Linear(n_hidden, 1)
        self.lambda_prob = nn.Sigmoid()
        # An option to set during inference so that computation is actually halted
        self.is_halt = False

    def forward(self, x):
        batch_size = x.shape[0]
        h = x.new_zeros((x.shape[0], self.n_hidden))
        h = self.gru(x, h)
        p = []
        y = []
        # prod (1 - lambda_j), the probability of not having halted before
        un_halted_prob = h.new_ones((batch_size,))
        for n in range(1, self.max_steps + 1):
            if n == self.max_steps:
                lambda_n = h.new_ones(h.shape[0])
            else:
                lambda_n = self.lambda_prob(self.lambda_layer(h))[:, 0]
            y_n = self.output_layer(h)[:, 0]
            p_n = un_halted_prob * lambda_n
            un_halted_prob = un_halted_prob * (1 - lambda_n)
            p.append(p_n)
            y.append(y_n)
            h = self.gru(x, h)
            # Stop the computation if all samples have halted
            if self.is_halt and bool((un_halted_prob < self.epsilon).all()):
                break
        p, y = torch.stack(p), torch.stack(y)
        best = p.argmax(dim=0, keepdim=True)
        p_m, y_m = p.gather(0, best)[0], y.gather(0, best)[0]
        return p, y, p_m, y_m


def get_model():
    torch.manual_seed(1)
    model = ParityPonderGRU(n_elems=8, n_hidden=16, max_steps=20)
    with torch.no_grad():
        model.lambda_layer.weight.mul_(4)
        model.lambda_layer.bias.fill_(-1.0)
    model.is_halt = True
    return model.eval()


def example_inputs():
    return (torch.zeros(2, 8),)
