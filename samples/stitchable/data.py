"""The evaluation inputs: held-out digits, with budgets."""

from samples.digit_images import held_out


def evaluation_inputs(n=100):
    """``n`` held-out digits, each with a budget, always the same."""
    return [(image[None], 0.5 + i % 13 * 0.5) for i, image in enumerate(held_out(n)[0])]


def path_name(output):
    """What the README calls the path that gave ``output``."""
    return f"stitch {output[1]}"
