"""Cases of the operators of blocks and numbers: `tensor.__add__` and its kin."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from . import expressions
from .arrays import ALL, FLOATS, INTEGERS, NUMBERS, WIDE
from .cases import Case

CASES: list[Case] = []
SECTION = "Operators"
exact = partial(expressions.exact, into=CASES)


def quotient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Rounded towards zero, with rung's results where there is none: a // 0 is a, MIN // -1 is MIN."""
    low, minus = (np.iinfo(x.dtype).min, x.dtype.type(-1)) if x.dtype.kind == "i" else (None, None)
    found = [
        a
        if b == 0 or (a == low and b == minus)
        else x.dtype.type(abs(int(a)) // abs(int(b)) * (1 if (a < 0) == (b < 0) else -1))
        for a, b in zip(x, y, strict=True)
    ]
    return np.array(found, x.dtype)


def rest(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """With the sign of x; a % 0 is 0."""
    found = [0 if b == 0 else abs(int(a)) % abs(int(b)) * (-1 if a < 0 else 1) for a, b in zip(x, y, strict=True)]
    return np.array(found, x.dtype)


def shifted(x: np.ndarray, y: np.ndarray, left: bool) -> np.ndarray:
    """Distances are unsigned; from the width on nothing stays, or the sign."""
    width = x.dtype.itemsize * 8
    found = []
    for a, b in zip(x, y, strict=True):
        by = int(b) & ((1 << width) - 1)
        value = (int(a) << by if by < width else 0) if left else int(a) >> min(by, width)
        found.append(value & ((1 << width) - 1))
    return np.array(found, f"u{width // 8}").view(x.dtype)


def row(method: str, text: str, reference: Callable[..., Any], types: str, **more: Any) -> None:
    methods = " ".join(f"tensor.{each}" for each in method.split())
    symbols = more.pop("symbols", (text.split()[1],))
    exact(methods, SECTION, text, reference, types, uses=symbols, **more)


def in_f32(x: np.ndarray) -> np.ndarray:
    return x if x.dtype == np.float64 else x.astype(np.float32)


SIGNS = "integers wrap"
row("__add__", "x + y", np.add, NUMBERS, note=SIGNS)
row("__sub__", "x - y", np.subtract, NUMBERS, note=SIGNS)
row("__mul__", "x * y", np.multiply, NUMBERS, note=SIGNS)
row(
    "__truediv__", "x / y", lambda x, y: in_f32(x) / in_f32(y), FLOATS, note="f16, bf16 and integers are divided as f32"
)
row("__truediv__", "x / y", lambda x, y: in_f32(x) / in_f32(y), "i8 i32 u8 u32")
row(
    "__floordiv__",
    "x // y",
    quotient,
    INTEGERS,
    note="rounds towards 0; `a // 0` is `a`, the smallest number by -1 is itself",
)
row("__mod__", "x % y", rest, INTEGERS, note="has the sign of `x`; `a % 0` is 0")
row("__mod__", "x % y", np.fmod, WIDE)
row(
    "__radd__ __rsub__ __rmul__",
    "5 + x, 5 - x, 5 * x",
    lambda x: (5 + x, 5 - x, 5 * x),
    "f32 f64 i32 i64 u32",
    symbols=("5 + x", "5 - x", "5 * x"),
)
row("__rtruediv__", "5.0 / x", lambda x: x.dtype.type(5) / x, WIDE)
row(
    "__rfloordiv__ __rmod__",
    "50 // x, 50 % x",
    lambda x: (quotient(np.full_like(x, 50), x), rest(np.full_like(x, 50), x)),
    "i32 i64",
    symbols=("50 // x", "50 % x"),
)
row(
    "__and__ __or__ __xor__", "x & y, x | y, x ^ y", lambda x, y: (x & y, x | y, x ^ y), f"{INTEGERS} i1", symbols="&|^"
)
row(
    "__rand__ __ror__ __rxor__",
    "6 & x, 6 | x, 6 ^ x",
    lambda x: (6 & x, 6 | x, 6 ^ x),
    "i32 i64",
    symbols=("6 &", "6 |", "6 ^"),
)
row("__lshift__", "x << y", partial(shifted, left=True), INTEGERS, note="a shift by the width or more leaves 0")
row(
    "__rshift__",
    "x >> y",
    partial(shifted, left=False),
    INTEGERS,
    note="of signed numbers arithmetic; by the width or more leaves 0 or the sign",
)
row(
    "__rlshift__ __rrshift__",
    "3 << x, 300 >> x",
    lambda x: (3 << x, 300 >> x),
    "i32 i64",
    domain=(0, 20),
    symbols=("3 <<", "300 >>"),
)
row("__neg__ __invert__", "-x, ~x", lambda x: (-x, ~x), SIGNED if (SIGNED := "i8 i16 i32 i64") else "", symbols="-~")
row("__neg__", "0 + -x", lambda x: 0 + -x, FLOATS, symbols="-")
row(
    "__lt__ __le__ __gt__ __ge__ __eq__ __ne__",
    "x < y, x <= y, x > y, x >= y, x == y, x != y",
    lambda x, y: (x < y, x <= y, x > y, x >= y, x == y, x != y),
    NUMBERS,
    symbols=("<", "<=", ">", ">=", "==", "!="),
    note="NaN is unequal to all, and neither less nor greater",
)
row("__not__", "not x", lambda x: ~x, "i1", symbols=("not",), shapes=[()])
row(
    "logical_and logical_or",
    "(x > 0).logical_and(y > 0), (x > 0).logical_or(y > 0)",
    lambda x, y: ((x > 0) & (y > 0), (x > 0) | (y > 0)),
    "f32 i32",
    symbols=(".logical_and", ".logical_or"),
)
row(
    "__getitem__",
    "x[:, None] + y[None, :]",
    lambda x, y: x[:, None] + y[None, :],
    "f32 i32",
    shapes=[(8,), (16,)],
    symbols=("[:, None]", "[None, :]"),
)
exact("tensor.T", SECTION, "x.T", lambda x: x.T.copy(), ALL, shapes=[(8, 16)], uses=(".T",))
