"""A child-sum Tree-LSTM over a tree that comes as tensors: the program walks wherever the parents point.

After Tai, Socher and Manning, "Improved Semantic Representations From Tree-Structured Long Short-Term
Memory Networks", ACL 2015. Nodes are in postorder, so children come before their parents.
"""

import torch
import torch.nn as nn


class ChildSumTreeLSTMCell(nn.Module):
    def __init__(self, in_dim, mem_dim):
        super().__init__()
        self.in_dim, self.mem_dim = in_dim, mem_dim
        self.ioux = nn.Linear(in_dim, 3 * mem_dim)
        self.iouh = nn.Linear(mem_dim, 3 * mem_dim)
        self.fx = nn.Linear(in_dim, mem_dim)
        self.fh = nn.Linear(mem_dim, mem_dim)

    def node_forward(self, inputs, child_c, child_h):
        child_h_sum = torch.sum(child_h, dim=0, keepdim=True)
        iou = self.ioux(inputs) + self.iouh(child_h_sum)
        i, o, u = torch.split(iou, iou.size(1) // 3, dim=1)
        i, o, u = torch.sigmoid(i), torch.sigmoid(o), torch.tanh(u)
        f = torch.sigmoid(self.fh(child_h) + self.fx(inputs).repeat(len(child_h), 1))
        fc = torch.mul(f, child_c)
        c = torch.mul(i, u) + torch.sum(fc, dim=0, keepdim=True)
        h = torch.mul(o, torch.tanh(c))
        return c, h


class TreeLSTM(nn.Module):
    def __init__(self, vocab_size=40, in_dim=16, mem_dim=20, num_classes=3):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, in_dim)
        self.childsumtreelstm = ChildSumTreeLSTMCell(in_dim, mem_dim)
        self.classifier = nn.Linear(mem_dim, num_classes)

    def forward(self, tokens, parents):
        """``tokens`` (n,), ``parents`` (n,): the number of each node's parent, -1 at the root."""
        inputs = self.emb(tokens)
        n = tokens.shape[0]
        c = inputs.new_zeros(n, self.childsumtreelstm.mem_dim)
        h = inputs.new_zeros(n, self.childsumtreelstm.mem_dim)
        for node in range(n):
            children = (parents == node).nonzero().view(-1)
            if len(children) == 0:
                child_c = inputs.new_zeros(1, self.childsumtreelstm.mem_dim)
                child_h = inputs.new_zeros(1, self.childsumtreelstm.mem_dim)
            else:
                child_c, child_h = c[children], h[children]
            c[node : node + 1], h[node : node + 1] = self.childsumtreelstm.node_forward(
                inputs[node : node + 1], child_c, child_h
            )
            if parents[node].item() == -1:  # the root: what comes after is padding
                return self.classifier(h[node]), node
        return self.classifier(h[-1]), -1


def get_model():
    torch.manual_seed(0)
    return TreeLSTM().eval()


def example_inputs():
    return (torch.tensor([5, 3, 7, 2, 9, 1, 4]), torch.tensor([2, 2, 4, 4, 6, 6, -1]))
