def conditions(a, b, c):
    if a and (b or not c):
        return 1
    elif a < b <= c:
        return 2
    while a if b else c:
        a = a - 1
    return 3


def values(a, b, c):
    x = a and b or c
    y = a < b < c
    z = a if b else c
    assert x, y
    return z
