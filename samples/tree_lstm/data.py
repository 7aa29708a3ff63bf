"""The evaluation inputs: random binary trees in postorder, padded to seven nodes."""

import torch


def tree(generator, leaves):
    """The parents of a random binary tree with ``leaves`` leaves, in postorder."""
    parents = []

    def build(count):
        if count > 1:
            left = int(torch.randint(1, count, (), generator=generator))
            children = [build(left), build(count - left)]
        else:
            children = []
        node = len(parents)
        parents.append(-1)
        for child in children:
            parents[child] = node
        return node

    build(leaves)
    return parents


def evaluation_inputs(n=100):
    """``n`` argument tuples, always the same."""
    generator = torch.Generator().manual_seed(1)
    inputs = []
    for i in range(n):
        parents = tree(generator, 1 + i % 4)
        parents += [0] * (7 - len(parents))
        inputs.append((torch.randint(0, 40, (7,), generator=generator), torch.tensor(parents)))
    return inputs


def path_name(output):
    """What the README calls the path that gave ``output``."""
    return f"root {output[1]}"
