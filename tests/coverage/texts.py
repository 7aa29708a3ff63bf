"""Texts: tags chosen by data, texts of numbers, keys."""

from tests.coverage.cases import table

tags = table("Texts", "A text chosen by a decision")


def tag_of(x):
    return "up" if x.sum() > 0 else "down" if x[0] < 0 else "flat"


@tags("in the result")
def tag_result(x):
    return x, tag_of(x)


@tags("compared, `in`")
def tag_compared(x):
    tag = tag_of(x)
    return x * 2 if tag == "up" else x - 1 if tag in ("down", "left") else x


@tags("key of a dict")
def tag_key(x):
    return x * {"up": 2, "down": 3, "flat": 4}[tag_of(x)]


@tags("a letter of a text, by a tensor")
def letter(x):
    found = "abcd"[x.argmax()]
    return x * 2 if found == "d" else x - 1, found


@tags("stored in a dict and counted")
def tag_counted(x):
    counts = {}
    for v in x:
        tag = "+" if v > 0 else "-"
        counts[tag] = counts.get(tag, 0) + 1
    return counts


@tags("`upper`, `startswith`, `replace`, `split`, `len`, a slice")
def tag_methods(x):
    tag = tag_of(x)
    return tag.upper(), tag.startswith("u"), tag.replace("o", "0"), len(tag), tag[:2], tag[::-1]


@tags("concatenated, repeated")
def tag_joined(x):
    return tag_of(x) + "-" + tag_of(-x), tag_of(x) * 2


@tags("built in a loop of static length")
def tag_built(x):
    path = ""
    for v in x[:3]:
        path += "R" if v > 0 else "L"
    return path


@tags("built in a loop that data end", refused="DY106")
def tag_grown(x):
    path = ""
    while x.abs().sum() > 1:
        path += "x"
        x = x / 2
    return path


@tags("`join` of a list of tags, f-string")
def tag_list(x):
    names = []
    for v in x[:2]:
        names.append("p" if v > 0 else "n")
    return ",".join(names), f"<{names[0]:>3}>"


@tags("`%` formatting, `str.format`")
def tag_formatted(x):
    tag = tag_of(x)
    return "%s!" % tag, "{:<6}|".format(tag)  # noqa: UP031, UP032


@tags("name of an attribute or module")
def tag_attribute(x):
    return getattr(x, {"up": "max", "down": "min", "flat": "sum"}[tag_of(x)])()


@tags("`bytes`, `encode`", refused="DY140")
def tag_bytes(x):
    return tag_of(x).encode(), b"1" if x[0] > 0 else b"0"


@tags("sorted, `min`, `set` of tags")
def tag_sorted(x):
    names = [tag_of(x), tag_of(-x), "mid"]
    return sorted(names), min(names), len(set(names))


@tags("iterated over")
def tag_iterated(x):
    return [c for c in tag_of(x) if c != "o"]


@tags("compared by order")
def tag_order(x):
    return tag_of(x) < "f"


numbers = table("Texts", "The text of a number from data")


@numbers("`str`, f-string, `%`, `join` in the result")
def number_text(x):
    n = int(x.sum())
    return ",".join([str(n), f"n={n:03d}", "%d" % n])  # noqa: UP031


@numbers("in a dict, a dataclass, an attribute that calls keep; one that grows in a loop")
def text_kept(x):
    log = ""
    while x.abs().sum() > 1:
        x = x * 0.5
        log += f"{x[0].item():.2f}, "
    return {"log": log, "last": [f"{log}end"]}


@numbers("in the message of an exception")
def message(x):
    n = int(x.sum())
    if n > 0:
        raise RuntimeError(f"too many: {n}")
    return n


@numbers('in containers and sizes in the message: `f"{kept.shape} {counts}"`, `"%s" % (kept.shape,)`')
def message_of_containers(x):
    kept = x[x > 0]
    counts = {"kept": len(kept), "all": (x.numel(), [len(kept)])}
    if len(kept) > 2:
        raise RuntimeError(f"{kept.shape} of {counts}, " + "%s, %d%%" % (kept.size(), len(kept)))  # noqa: UP031
    return kept


@numbers('a tensor as a number in the message: `"%.1f, %d" % (x.mean(), x.argmax())`')
def message_of_numbers(x):
    if x.sum() > 0:
        raise RuntimeError("%5.1f, %d of %s" % (x.mean(), x.argmax(), x.numel()))  # noqa: UP031
    return x


@numbers("the text of a tensor in the message of an exception", note="written `tensor(...)` there")
def message_of_tensor(x):
    assert x.sum() > 0, "not positive: {}".format(x)  # noqa: UP032
    assert x.max() < 4, x
    if x.min() < -1:
        raise ValueError("too small", x)
    return x


@numbers("key of a dict of few names")
def number_key(x):
    table = {f"e{i}": i * 10 for i in range(4)}
    return table[f"e{int(x.argmax())}"]


@numbers("compared", refused="DY104")
def text_compared(x):
    return x if str(int(x.sum())) == "10" else -x


@numbers("`len`, a digit", refused="DY104")
def text_length(x):
    return len(str(int(x.sum())))


@numbers("`int(str(n))`", refused="DY104")
def text_parsed(x):
    return int(str(int(x.sum()))) + 1


@numbers("`print` of a tensor or number", note="left out of the program, with a warning")
def printed(x):
    print(x.sum().item())
    return x * 2 if x.sum() > 0 else x


@numbers("the text of a tensor in the result", refused="DY104")
def tensor_text(x):
    return str(x) if x.sum() > 0 else ""


@numbers("`chr`, `ord`, `hex`, `bin`", refused="DY110")
def characters(x):
    return chr(65 + int(x.argmax()))
