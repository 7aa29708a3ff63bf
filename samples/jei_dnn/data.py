"""The evaluation inputs: held-out digits."""

from samples.digit_images import held_out


def evaluation_inputs(n=100):
    """``n`` held-out digits, from clean to very noisy, always the same."""
    return [(image[None],) for image in held_out(n)[0]]


def label(i):
    """The digit that input ``i`` shows."""
    return held_out(100)[1][i].item()


def answer(output):
    """The digit that the network says."""
    return output.logits.argmax().item()


def path_name(output):
    """What the README calls the path that gave ``output``."""
    return f"exit {output.level}"
