"""Numbers read from tensors: arithmetic, conversions, `math`."""

import cmath
import math
from fractions import Fraction

import torch
from tests.coverage.cases import table

arithmetic = table("Numbers from data", "Arithmetic")

INTS = ([7, 2, 3, 4], [-7, 2, 1, -1], [5, -3, 0, 2], [-8, -3, 2, 9])
FLOATS = ([0.5, 2, 1], [-1.25, 3, 2], [2.75, -0.5, 4], [1e3, 7, -2])


def two(x):
    return int(x[0]), int(x[1])


@arithmetic("`+ - *` of ints, exact beyond 2**53", calls=INTS)
def integers(x):
    a, b = two(x)
    big = a * 2**60 + b
    return a + b, a - b, a * b, big, x if big > 0 else -x


@arithmetic("ints beyond 64 bits", calls=INTS)
def large_integers(x):
    a, _ = two(x)
    return a * 2**70


@arithmetic("`/ // % divmod` of ints, with the signs of Python", calls=INTS)
def division(x):
    a, b = two(x)
    return a / b, a // b, a % b, divmod(a, b)


@arithmetic("`/ // % divmod` of floats", calls=FLOATS)
def float_division(x):
    a, b = float(x[0]), float(x[1])
    return a / b, a // b, a % b, divmod(a, b)


@arithmetic("`**` of ints, a static exponent", calls=INTS)
def power(x):
    a, _ = two(x)
    return a**3, a**0


@arithmetic("`**` of ints, an exponent from data (may be a float)", calls=INTS)
def power_of_data(x):
    a, b = two(x)
    return a**b


@arithmetic("`**` of floats", calls=([1, 2], [4, 0.5], [2, -1]))
def float_power(x):
    return float(x[0]) ** float(x[1])


@arithmetic("`pow` with a modulus", calls=INTS)
def modular_power(x):
    a, _ = two(x)
    return pow(a, 3, 5)


@arithmetic("`<< >> & | ^ ~`", calls=INTS)
def bits(x):
    a, _ = two(x)
    return a << 2, a >> 1, a & 6, a | 9, a ^ 5, ~a


@arithmetic("`<<` by a number from data", calls=([1, 2], [3, 0], [5, 4]))
def shift_by_data(x):
    a, b = two(x)
    return a << b, 1 << b


@arithmetic("`int.bit_length`, `bit_count`", calls=INTS, refused="DY110")
def bit_length(x):
    a, _ = two(x)
    return a.bit_length(), a.bit_count()


@arithmetic("`abs`, `min`, `max`, `sum`", calls=INTS)
def extrema(x):
    a, b = two(x)
    return abs(a), min(a, b), max(a, b, 2), sum([a, b])


@arithmetic("`min`, `max` of an int and a float", calls=INTS)
def mixed_extrema(x):
    a, _ = two(x)
    return max(a, 1.5), min(2.5, a)


@arithmetic("arithmetic of bools", calls=INTS)
def booleans(x):
    p, q = bool(x[0] > 0), bool(x[1] > 0)
    return p + q, p * 3, p & q, p | q, p ^ q, not p, p == q, -p


@arithmetic("comparison of an int and a float", calls=INTS)
def mixed_comparison(x):
    a, _ = two(x)
    return x * 2 if a > 2.5 else x


@arithmetic("a number in the result", calls=FLOATS)
def number_result(x):
    return x.sum().item() if x[0] > 0 else int(x[1])


@arithmetic("a number into a tensor operation", calls=FLOATS)
def number_into_tensor(x):
    n = x.sum().item()
    return x * n if n > 0 else x + n


@arithmetic("accumulation in a loop", calls=FLOATS)
def accumulation(x):
    total, product = 0.0, 1
    for v in x:
        total += v.item()
        if total > 1:
            product *= 2
    return total, product


@arithmetic("the golden search: floats halved until they agree", calls=([1, 2], [0.5, 3], [4, 9]))
def bisection(x):
    low, high, target = 0.0, 10.0, float(x.sum())
    while high - low > 1e-3:
        middle = (low + high) / 2
        if middle * middle < target:
            low = middle
        else:
            high = middle
    return low


conversions = table("Numbers from data", "Conversions and rounding")


@conversions("`int`, `float`, `bool` of a tensor", calls=FLOATS)
def of_tensor(x):
    return int(x[0]), float(x[1]), bool(x[2])


@conversions("`int`, `float`, `bool` of a number", calls=FLOATS)
def of_number(x):
    f = float(x[0])
    return int(f), float(int(f)), bool(int(f))


@conversions("`round`, with and without digits", calls=FLOATS)
def rounding(x):
    f = float(x[0])
    return round(f), round(f, 1), round(f, -1), round(int(f))


@conversions("`round` of an int to tens", calls=([17], [-25], [4]))
def round_int(x):
    return round(int(x[0]), -1)


@conversions("`math.floor`, `ceil`, `trunc`", calls=FLOATS)
def floor(x):
    f = float(x[0])
    return math.floor(f), math.ceil(f), math.trunc(f)


@conversions("`int(…)` of NaN raises", calls=([1.5], [math.nan], [2.5]))
def int_of_nan(x):
    return int(x[0])


@conversions("`is_integer`, `as_integer_ratio`, `hex`", calls=([0.5], [2], [-1]), refused="DY110")
def float_methods(x):
    f = float(x[0])
    return f.is_integer(), f.as_integer_ratio()


@conversions("`float.is_integer`", calls=([0.5], [2], [-1]))
def is_integer(x):
    return float(x[0]).is_integer()


@conversions("`isinstance`, `type` of a number from data")
def number_kind(x):
    n = x.sum().item()
    return isinstance(n, float), type(n) is float, isinstance(int(n), int), x if n > 0 else -x


@conversions("`complex` of numbers from data", refused="DY110")
def complex_number(x):
    c = complex(x[0].item(), x[1].item())
    return abs(c)


@conversions("`Fraction` of a number from data", refused="DY110")
def fraction(x):
    return float(Fraction(int(x[0]), 3))


functions = table("Numbers from data", "`math`")


@functions("`sqrt exp log log2 log10 log1p expm1 pow`", calls=([1, 2], [2.5, 3], [0.5, 1]))
def powers(x):
    f = float(x[0])
    return math.sqrt(f), math.exp(f), math.log(f), math.log2(f), math.log10(f), math.log1p(f), math.expm1(f)


@functions("`math.log` with a base, `math.pow`", calls=([1, 2], [2.5, 3], [0.5, 1]))
def bases(x):
    f = float(x[0])
    return math.log(f, 3), math.pow(f, 2.5)


@functions("`sin cos tan asin acos atan atan2 sinh cosh tanh`", calls=([0.5], [-0.25], [0.75]))
def trigonometry(x):
    f = float(x[0])
    return (
        *(math.sin(f), math.cos(f), math.tan(f), math.asin(f), math.acos(f), math.atan(f)),
        *(math.atan2(f, 2.0), math.sinh(f), math.cosh(f), math.tanh(f)),
    )


@functions("`isnan isinf isfinite`", calls=([0.5], [math.nan], [math.inf]))
def classification(x):
    f = float(x[0])
    return math.isnan(f), math.isinf(f), math.isfinite(f), 1 if math.isnan(f) else 2


@functions("`isclose`", calls=([0.5, 0.5], [1, 2], [3, 3.0000001]), refused="DY110")
def isclose(x):
    return x * 2 if math.isclose(float(x[0]), float(x[1]), rel_tol=1e-3) else x


@functions("`copysign fmod hypot degrees radians erf gamma`", calls=FLOATS)
def further(x):
    f, g = float(x[0]), float(x[1])
    return math.copysign(f, g), math.fmod(f, g), math.hypot(f, g), math.degrees(f), math.radians(f)


@functions("`erf erfc gamma lgamma`", calls=([0.5], [2.5], [1.25]), refused="DY110")
def special(x):
    f = float(x[0])
    return math.erf(f), math.erfc(f), math.gamma(f), math.lgamma(f)


@functions("`gcd lcm comb factorial isqrt`", calls=([4, 2], [6, 4], [9, 6]), refused="DY110")
def integer_functions(x):
    a, b = two(x)
    return math.gcd(a, b), math.lcm(a, b), math.comb(a, b), math.factorial(a), math.isqrt(a)


@functions("`prod`, `fsum`, `dist` of numbers from data", calls=FLOATS, refused="DY110")
def sums(x):
    values = [float(v) for v in x]
    return math.prod(values), math.fsum(values)


@functions("`frexp`, `ldexp`, `modf`", calls=FLOATS, refused="DY110")
def parts(x):
    f = float(x[0])
    return math.frexp(f), math.modf(f), math.ldexp(f, 2)


@functions("`math.sqrt` of a negative number raises", calls=([4], [-1], [9]))
def negative_root(x):
    return math.sqrt(float(x[0]))


@functions("`math` of a tensor itself", calls=([4], [1], [9]))
def of_tensors(x):
    return math.sqrt(x[0]) if x[0] > 2 else math.exp(x[0])


@functions("`cmath`", refused="DY110")
def complex_functions(x):
    return cmath.sqrt(x[0].item())


@functions("`math.inf`, `nan` as a start")
def infinity(x):
    best = math.inf
    for v in x:
        if v < best:
            best = v.item()
    return best


@functions("`torch.finfo`, `iinfo`")
def limits(x):
    low = torch.finfo(x.dtype).min
    return low if x.sum() > 0 else torch.iinfo(torch.int32).max
