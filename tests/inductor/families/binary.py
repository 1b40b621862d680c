"""Functions of several elements: arithmetic, comparisons, bits, and conversions between types."""

from __future__ import annotations

import torch

from tests.inductor.cases import ALL, FLOATS, INTEGERS, NUMBERS, TYPES, M, N, P, T, table

X, Y, Z = T(N, M), T(N, M), T(N, M)
BITS = (*INTEGERS, "bool")
BYTES = T(N, M, low=-100, high=100)
SHIFTS = T(N, M, low=0, high=6)

CASES = [
    *table(
        "binary",
        NUMBERS,
        {
            "add": (torch.add, X, Y),
            "add alpha": (lambda x, y: torch.add(x, y, alpha=3), X, Y),
            "sub": (torch.sub, X, Y),
            "rsub": (lambda x: 3 - x, X),
            "mul": (torch.mul, X, Y),
            "div": (torch.div, X, P(N, M)),
            "div floor": (lambda x, y: torch.div(x, y, rounding_mode="floor"), BYTES, P(N, M, high=9.0)),
            "div trunc": (lambda x, y: torch.div(x, y, rounding_mode="trunc"), BYTES, P(N, M, high=9.0)),
            "floor_divide by a constant": (lambda x: x // 3, BYTES),
            "remainder": (torch.remainder, BYTES, P(N, M, high=9.0)),
            "remainder by a negative": (lambda x: x % -3, T(N, M, low=-100, high=100)),
            "fmod": (torch.fmod, BYTES, P(N, M, high=9.0)),
            "maximum": (torch.maximum, X, Y),
            "minimum": (torch.minimum, X, Y),
            "fmax": (torch.fmax, X, Y),
            "fmin": (torch.fmin, X, Y),
            "pow": (torch.pow, P(N, M), T(N, M, low=0)),
            "float_power": (torch.float_power, P(N, M), Y),
            "addcmul": (lambda x, y, z: torch.addcmul(x, y, z, value=2), X, Y, Z),
            "broadcast": (lambda x, y, z: x * y + z, T(N, 1), T(M), Z),
            "scalars": (lambda x: (x + 1) * 2 - 3, X),
            "true_divide of a scalar": (lambda x: 1 / x, P(N, M)),
        },
    ),
    *table(
        "binary of floats",
        FLOATS,
        {
            "atan2": (torch.atan2, X, Y),
            "hypot": (torch.hypot, X, Y),
            "logaddexp": (torch.logaddexp, X, Y),
            "logaddexp2": (torch.logaddexp2, X, Y),
            "nextafter": (torch.nextafter, X, Y),
            "ldexp": (lambda x: torch.ldexp(x, torch.tensor(3)), X),
            "lerp": (torch.lerp, X, Y, P(N, M)),
            "lerp scalar": (lambda x, y: torch.lerp(x, y, 0.3), X, Y),
            "addcdiv": (lambda x, y, z: torch.addcdiv(x, y, z, value=0.5), X, Y, P(N, M)),
            "cdist": (torch.cdist, T(N, 8), T(M, 8)),
            "dist": (torch.dist, X, Y),
        },
    ),
    *table(
        "sums of products",
        FLOATS,
        {
            "lerp of a product": (lambda x, y: x * 2 + (y - x) * 3, X, Y),
            "polynomial": (lambda x: ((x * 0.5 + 1) * x - 2) * x + 3, X),
        },
    ),
    *table(
        "comparison",
        ALL,
        {
            "eq": (torch.eq, X, Y),
            "ne": (torch.ne, X, Y),
            "lt": (torch.lt, X, Y),
            "le": (torch.le, X, Y),
            "gt": (torch.gt, X, Y),
            "ge with a scalar": (lambda x: x >= 1, X),
            "logical": (lambda x, y: (x.logical_and(y), x.logical_or(y), x.logical_xor(y)), X, Y),
            "isclose": (lambda x, y: torch.isclose(x, y, atol=0.5), X, Y),
            "equal in where": (lambda x, y: torch.where(x == y, 1, 0), X, Y),
        },
    ),
    *table(
        "bits",
        BITS,
        {
            "and": (torch.bitwise_and, BYTES, BYTES),
            "or": (torch.bitwise_or, BYTES, BYTES),
            "xor": (torch.bitwise_xor, BYTES, BYTES),
            "not": (torch.bitwise_not, BYTES),
            "left shift": (torch.bitwise_left_shift, BYTES, SHIFTS),
            "right shift": (torch.bitwise_right_shift, BYTES, SHIFTS),
            "shift by a constant": (lambda x: (x << 2) ^ (x >> 1), BYTES),
            "gcd": (torch.gcd, BYTES, BYTES),
            "lcm": (torch.lcm, T(N, M, low=0, high=11), T(N, M, low=0, high=11)),
            "hash": (lambda x: ((x ^ (x >> 3)) * 7 + 11) & 63, BYTES),
            "wrapping": (lambda x: x * x * x * 77 + x, BYTES),
            "bits of an integer": (lambda x: torch.stack([(x >> i) & 1 for i in range(7)], -1), BYTES),
        },
    ),
    *table(
        "cast",
        ALL,
        {f"to {kind}": (lambda x, to=to: (x * 1).to(to), T(N, M, low=0, high=100)) for kind, to in TYPES.items()},
    ),
    *table(
        "mixed types",
        ALL,
        {
            f"with {kind}": (lambda x, y: (torch.add(x, y), x * y, torch.where(x > y, x, y)), X, T(N, M, kind=kind))
            for kind in ("f32", "f16", "bf16", "f64", "u8", "i16", "i64", "bool")
        },
    ),
    *table(
        "same bits",
        ("i32", "f32"),
        {
            "view as i32": (lambda x: (x * 2).view(torch.int32) + 1, X),
            "view as f32": (lambda x: (x.view(torch.int32) & 0x7FFFFF | 0x3F800000).view(torch.float32) * 2, X),
            "view as i16": (lambda x: (x * 2).view(torch.int16) + 1, X),
            "view as u8": (lambda x: (x * 2).view(torch.uint8) ^ 255, X),
        },
    ),
    *table(
        "negative zero",
        FLOATS,
        {
            "of a constant": (lambda x: torch.copysign(torch.ones_like(x), x * -0.0), X),
            "of a product": (lambda x: torch.signbit(x.abs() * -0.0 * 1), X),
        },
    ),
]
