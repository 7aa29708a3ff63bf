"""The evaluation inputs: held-out digits, from clean to very noisy."""

from samples.digit_images import held_out


def evaluation_inputs(n=100):
    """``n`` argument tuples, always the same."""
    return [(image[None],) for image in held_out(n)[0]]
