"""Numbers as digits and as English words."""

import torch
from samples.translator.model import ONES, SOURCE, SOURCE_LENGTH, TARGET, TENS, Lang


def in_words(n):
    """English for 0 <= n < 10**6, without "and" or hyphens."""
    if n >= 1000:
        return [*in_words(n // 1000), "thousand", *(in_words(n % 1000) if n % 1000 else [])]
    if n >= 100:
        return [ONES[n // 100], "hundred", *(in_words(n % 100) if n % 100 else [])]
    if n >= 20:
        return [TENS[n // 10 - 2], *([ONES[n % 10]] if n % 10 else [])]
    return [ONES[n]]


def numbers(n, generator, held_out=False):
    """``n`` numbers of one to six digits, many of them round; every fifth from 100 up is held out."""
    result = []
    while len(result) < n:
        length = 1 + len(result) % SOURCE_LENGTH
        number = 0
        while len(str(number)) != length or (number >= 100 and (number % 5 == 3) != held_out):
            digits = torch.randint(0, 10, (length,), generator=generator)
            digits[torch.rand(length, generator=generator) < 0.25] = 0
            number = int("".join(map(str, digits.tolist())))
            if length == 1:
                break
        result.append(number)
    return result


def as_source(values):
    """Token numbers (N, SOURCE_LENGTH), padded on the right."""
    rows = [[SOURCE.word2index[d] for d in str(v)] for v in values]
    return torch.tensor([row + [Lang.PAD] * (SOURCE_LENGTH - len(row)) for row in rows])


def as_target(values):
    """Word numbers (N, longest), each ended by EOS and padded."""
    rows = [[TARGET.word2index[w] for w in in_words(v)] + [Lang.EOS] for v in values]
    longest = max(map(len, rows))
    return torch.tensor([row + [Lang.PAD] * (longest - len(row)) for row in rows])


def evaluation_inputs(n=100):
    """``n`` argument tuples, always the same."""
    values = numbers(n, torch.Generator().manual_seed(1), held_out=True)
    return [(row[None],) for row in as_source(values)]


def path_name(output):
    """What the README calls the path that gave ``output``."""
    return f"{output['tokens'].shape[1]} words"
