"""The evaluation inputs: held-out digits."""

from samples.digit_images import held_out

DECIDES_ON_SIZES = True


def evaluation_inputs(n=100):
    """``n`` held-out digits, from clean to very noisy, always the same."""
    return [(image[None],) for image in held_out(n)[0]]


def path_name(output):
    """What the README calls the path that gave ``output``."""
    return f"{sum(output[1])} filters of 72"
