"""Cases of names for the same thing: `tl.math.exp` is `tl.exp`, and `x.exp()` makes the IR of `tl.exp(x)`."""

from __future__ import annotations

import re
from functools import partial

import triton.language as tl

from . import expressions
from .cases import Case, Verdict
from .expressions import kernel_of

CASES: list[Case] = []
ALIASES, METHODS = "`tl.math`", "Methods of blocks"


def _is_the_same(name: str) -> None:
    assert getattr(tl.math, name) is getattr(tl, name)


for _name in [
    "abs",
    "ceil",
    "cos",
    "div_rn",
    "erf",
    "exp",
    "exp2",
    "fdiv",
    "floor",
    "fma",
    "log",
    "log2",
    "rsqrt",
    "sin",
    "sqrt",
    "sqrt_rn",
    "umulhi",
]:
    CASES.append(
        Case(
            (f"tl.math.{_name}",),
            ALIASES,
            partial(_is_the_same, _name),
            bound="the same",
            note="a function of `tl` itself",
            uses=("",),
        )
    )

# Method -> its arguments, and the type and shape of the block. `p` is a block of pointers.
CALLS = {
    **dict.fromkeys(
        [
            "abs",
            "ceil",
            "cos",
            "erf",
            "exp",
            "exp2",
            "floor",
            "log",
            "log2",
            "rsqrt",
            "sigmoid",
            "sin",
            "softmax",
            "sqrt",
            "sqrt_rn",
            "ravel",
            "histogram",
        ],
        "",
    ),
    "argmax": "1",
    "argmin": "1",
    "max": "1",
    "min": "1",
    "sum": "1",
    "xor_sum": "1",
    "reduce_or": "1",
    "cumsum": "1",
    "flip": "1",
    "cumprod": "1",
    "reduce": "1, add",
    "associative_scan": "1, add",
    "cdiv": "3",
    "cast": "tl.float64",
    "broadcast_to": "4, 16",
    "expand_dims": "0",
    "reshape": "16, 4",
    "view": "16, 4",
    "permute": "1, 0",
    "trans": "1, 0",
    "gather": "i, 1",
    "split": "",
    "histogram": "16",
    "atomic_add": "x",
    "atomic_and": "x",
    "atomic_cas": "x, x",
    "atomic_max": "x",
    "atomic_min": "x",
    "atomic_or": "x",
    "atomic_xchg": "x",
    "atomic_xor": "x",
    "store": "x",
    "advance": "(0, 4)",
}
INTEGERS = {"xor_sum", "reduce_or", "cdiv", "gather", "histogram"} | {n for n in CALLS if n.startswith("atomic")}
SHAPES = {"split": "(4, 8, 2)", "softmax": "(64,)", "broadcast_to": "(4, 1)", "histogram": "(64,)"}
OTHERS = {"to": ("x.to(tl.float64)", "tl.cast(x, tl.float64)")}


def _ir(text: str, name: str) -> str:
    """The TTIR of a statement, without its locations."""
    from rung.frontends.triton.capture import make_ttir

    kind = "*i32" if name in INTEGERS else "*fp32"
    shape = SHAPES.get(name, "(4, 16)")
    rank = shape.count(",") + (0 if shape.endswith(",)") else 1)
    count = eval("*".join(re.findall(r"\d+", shape)))
    lines = [
        "@triton.jit",
        "def kernel(q, o):",
        f"    p = q + tl.arange(0, {count}).reshape{shape}",
        "    x = tl.load(p)",
        "    i = tl.zeros((4, 16), tl.int32)" if rank == 2 else "",
        "    b = tl.make_block_ptr(q, (4, 16), (16, 1), (0, 0), (4, 4), (1, 0))" if name == "advance" else "",
        f"    r = {text}",
        *_uses(name),
    ]
    ttir = str(make_ttir(kernel_of("\n".join(filter(None, lines)) + "\n"), {"q": kind, "o": "*fp64"}, {}))
    return "\n".join(re.sub(r" loc\(.*\)$", "", line) for line in ttir.splitlines() if not line.startswith("#loc"))


def _uses(name: str) -> list[str]:
    if name == "split":
        return ["    tl.store(o + tl.arange(0, 32).reshape(4, 8), r[0])"]
    if name == "advance":
        return ["    tl.store(o + tl.arange(0, 16).reshape(4, 4), tl.load(r))"]
    if name == "store":
        return []
    return ["    tl.device_assert(tl.max(tl.ravel(r), 0) == 0)"]


def _makes_the_same(name: str) -> None:
    receiver = "p" if name.startswith("atomic") or name == "store" else "b" if name == "advance" else "x"
    method, function = OTHERS.get(name) or (
        f"{receiver}.{name}({CALLS[name]})",
        f"tl.{name}({receiver}, {CALLS[name]})",
    )
    assert _ir(method, name) == _ir(function, name), f"{method} is not {function}"


for _name in [*CALLS, *OTHERS]:
    CASES.append(
        Case(
            (f"tensor.{_name}",),
            METHODS,
            partial(_makes_the_same, _name),
            bound="the same IR",
            uses=("",),
            note="`tl.cast`" if _name == "to" else "as the function of `tl` of that name",
        )
    )
expressions.exact(
    "tensor.item", METHODS, "x.item()", lambda x: x[0], "f32 i32", shapes=[(1,)], uses=(".item",), into=CASES
)


def _is_a_stub() -> None:
    assert tl.tensor.sort(None) is None  # pyright: ignore


CASES.append(
    Case(
        ("tensor.sort",),
        METHODS,
        _is_a_stub,
        verdict=Verdict.BY_TRITON,
        uses=("",),
        note="Triton's `x.sort()` gives None on any device; `tl.sort(x)` sorts",
    )
)
