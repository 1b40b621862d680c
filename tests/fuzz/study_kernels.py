"""Random kernels of the shapes that the mechanisms are made for: elementwise, rows, loops, products, scans.

Each is text, drawn by a seed. All take `(x, y, k, o, p, n, m, trips)`: x and y floats of a drawn type, k integers of a
drawn type, o f32 out, p floats in and out, n and m the sizes that masks end at. Conditions depend on exact values only,
so that rounding decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

HEAD = "import triton\nimport triton.language as tl\n\n\n"
COMBINERS = """@triton.jit
def linear(a1, b1, a2, b2):
    return a1 * a2, b1 * a2 + b2


@triton.jit
def last(a, b):
    return tl.where(b > 0, b, a)


"""
UNARY = (
    *("-{a}", "tl.abs({a})", "tl.exp(-tl.abs({a}))", "tl.exp2({a} * 0.1)", "tl.sin({a})", "tl.cos({a})"),
    *("tl.sqrt(tl.abs({a}) + 1)", "tl.rsqrt(tl.abs({a}) + 1)", "tl.log(tl.abs({a}) + 1)", "tl.erf({a} * 0.3)"),
    *("tl.sigmoid({a})", "1 / (tl.abs({a}) + 0.5)", "({a} * 2 + 1)"),
)
BINARY = (
    *("({a} + {b})", "({a} - {b})", "({a} * {b} * 0.125)", "tl.maximum({a}, {b})", "tl.minimum({a}, {b})"),
    *("{a} / (tl.abs({b}) + 1)", "tl.where(c > 0, {a}, {b})", "tl.where(c % 3 == 1, {a}, {b} * 0.5)"),
)
INTEGER = ("c", "(c * 3 + 1)", "(c & 7)", "(c // 3)", "(c % 5)", "(c // (c * c + 1))", "tl.minimum(c, 4)", "(c << 2)")


@dataclass(frozen=True)
class StudyKernel:
    """`source` defines `kernel`; `grid(n, m)` covers the sizes; types are Triton's."""

    family: str
    source: str
    float_type: str
    integer_type: str
    result_type: str
    """Of p."""
    programs: Callable[[int, int], int]
    largest: tuple[int, int, int]
    """n, m and trips are at most these."""


def draw(family: str, seed: int) -> StudyKernel:
    return FAMILIES[family](Random(f"{family} {seed}"))


def expression(rng: Random, depth: int, leaves: tuple[str, ...] = ("a", "b", "c.to(tl.float32)")) -> str:
    if depth == 0:
        return rng.choice([*leaves, *leaves, "0.75"])
    if rng.random() < 0.15:
        return f"{rng.choice(INTEGER)}.to(tl.float32)"
    a, b = expression(rng, depth - 1, leaves), expression(rng, depth - 1, leaves)
    return rng.choice(BINARY).format(a=a, b=b) if rng.random() < 0.5 else rng.choice(UNARY).format(a=a)


def build(
    family: str, rng: Random, lines: list[str], programs: Callable[[int, int], int], largest: tuple[int, int, int]
):
    body = "".join(f"    {line}\n" for line in lines)
    source = f"{HEAD}{COMBINERS}@triton.jit\ndef kernel(x, y, k, o, p, n, m, trips):\n{body}"
    floats, integers = rng.choice(["fp32", "fp32", "fp16", "bf16"]), rng.choice(["i32", "i8", "i16", "i64"])
    results = floats if family == "elementwise" else "fp32"
    return StudyKernel(family, source, floats, integers, results, programs, largest)


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def loads(rng: Random, mask: str) -> list[str]:
    other = rng.choice(["0", "1.5"])
    return [
        f"a = tl.load(x + i, mask={mask}, other={other}).to(tl.float32)",
        rng.choice([f"b = tl.load(y + i, mask={mask}, other=0).to(tl.float32)", "b = tl.load(y).to(tl.float32) + a"]),
        f"c = tl.load(k + i, mask={mask}, other=0).to(tl.int32)",
    ]


def elementwise(rng: Random) -> StudyKernel:
    block = rng.choice([32, 64, 128, 256, 1024])
    extra = rng.choice(["", "", "", " & (i % 3 != 1)", " & (i >= m)", " & ((i & 7) < m)"])
    lines = [f"i = tl.program_id(0) * {block} + tl.arange(0, {block})", f"mask = (i < n){extra}", *loads(rng, "mask")]
    lines.append(f"tl.store(o + i, {expression(rng, 3)}, mask=mask)")
    form = rng.randrange(4)
    if form == 0:  # in place
        lines.append(f"tl.store(p + i, tl.load(p + i, mask=mask, other=0) * 0.5 + {expression(rng, 1)}, mask=mask)")
    elif form == 1:
        lines.append(f"tl.store(p + i, {expression(rng, 2)}, mask=i < n)")
    return build("elementwise", rng, lines, lambda n, _: max(1, ceil_div(n, block)), (1500, 40, 0))


def tiles(rng: Random) -> StudyKernel:
    """One program over one block, larger than a tile."""
    block = rng.choice([1024, 2048, 4096])
    lines = [f"i = tl.arange(0, {block})", "mask = i < n", *loads(rng, "mask")]
    lines.append(f"tl.store(o + i, {expression(rng, 3)}, mask=mask)")
    return build("tiles", rng, lines, lambda *_: 1, (block + 10, 1, 0))


def rows(rng: Random) -> StudyKernel:
    """Blocks of rows: a bias row, a reduction along either axis, and what it gives back to its elements."""
    r, c = rng.choice([1, 2, 4, 8]), rng.choice([8, 16, 64, 128])
    lines = [
        f"r = tl.program_id(0) * {r} + tl.arange(0, {r})[:, None]",
        f"j = tl.arange(0, {c})[None, :]",
        "mask = (r < n) & (j < m)",
        "i = r * m + j",
        *loads(rng, "mask")[::2],
        rng.choice(
            [
                "b = tl.load(y + j, mask=j < m, other=0).to(tl.float32) + a * 0",
                "b = tl.load(y + i, mask=mask, other=1) + a * 0",
            ]
        ),
        f"v = tl.where(mask, {expression(rng, 2)}, {rng.choice(['0.0', '-1.0'])})",
    ]
    axis = rng.choice([1, 1, 1, 0])
    inside = "tl.expand_dims({}, " + str(axis) + ")"
    name = rng.choice(["sum", "max", "min", "argmax", "twice"])
    if name == "argmax":
        whole = f"tl.argmax(c, {axis}).to(tl.float32)"
    elif name == "twice":
        whole = f"tl.sum(v, {axis}) * 0.1 + tl.max(v * 0.5, {axis})"
    else:
        whole = f"tl.{name}(v, {axis})"
    lines += [
        f"s = {inside.format(whole)}",
        f"tl.store(o + i, {rng.choice(['v - s', 'v / (tl.abs(s) + 1)', 'v * 0 + s'])}, mask=mask)",
    ]
    return build("rows", rng, lines, lambda n, _: max(1, ceil_div(n, r)), (40, c, 0))


def loop(rng: Random) -> StudyKernel:
    """A loop over chunks inside a program: carried blocks and scalars, stores on the way, trip counts known late."""
    block = rng.choice([16, 64, 128])
    trips = rng.choice(["trips", "trips", "4", "tl.cdiv(m, 8)"])
    lines = [
        "pid = tl.program_id(0)",
        f"acc = tl.zeros(({block},), tl.float32)",
        "total = 0.0",
        f"for t in range(0, {trips}):",
        f"    i = (pid * {trips} + t) * {block} + tl.arange(0, {block})",
        "    mask = i < n",
        *(f"    {line}" for line in loads(rng, "mask")),
        f"    v = tl.where(mask, {expression(rng, 2)}, 0.0)",
        rng.choice(["    acc += v", "    acc = acc * 0.5 + v", "    acc = tl.maximum(acc, v)"]),
        *rng.choice(
            [
                ["    total += tl.sum(v, 0)"],
                ["    tl.store(o + i, v, mask=mask)"],
                ["    tl.store(o + i, acc, mask=mask)"],
            ]
        ),
        f"tl.store(p + pid * {block} + tl.arange(0, {block}), acc + total)",
    ]
    return build("loop", rng, lines, lambda n, _: max(1, min(12, ceil_div(n, block))), (2000, 40, 6))


def product(rng: Random) -> StudyKernel:
    """A matrix product with masks everywhere; the inner dimension is 8 * trips - 3."""
    bm, bn, bk = (rng.choice([16, 32]) for _ in range(3))
    integers = rng.random() < 0.25
    a, b, kind = ("k", "k", "int32") if integers else ("x", "y", "float32")
    lines = [
        f"across = tl.cdiv(m, {bn})",
        f"i = (tl.program_id(0) // across) * {bm} + tl.arange(0, {bm})[:, None]",
        f"j = (tl.program_id(0) % across) * {bn} + tl.arange(0, {bn})[None, :]",
        "depth = trips * 8 + 5",
        f"acc = tl.zeros(({bm}, {bn}), tl.{kind})",
        f"for t in range(0, depth, {bk}):",
        f"    e = t + tl.arange(0, {bk})",
        f"    left = tl.load({a} + i * depth + e[None, :], mask=(i < n) & (e[None, :] < depth), other=0)",
        f"    right = tl.load({b} + e[:, None] * m + j, mask=(e[:, None] < depth) & (j < m), other=0)",
        f"    acc = tl.dot(left, right, acc{', out_dtype=tl.int32' if integers else ''})",
        "a = acc.to(tl.float32)",
        rng.choice(["b = tl.load(y + j, mask=j < m, other=0).to(tl.float32) + a * 0", "b = a * 0 + 1"]),
        "c = j + i",
        f"tl.store(o + i * m + j, {expression(rng, 1, ('a', 'a', 'b'))}, mask=(i < n) & (j < m))",
    ]
    made = build("product", rng, lines, lambda n, m: ceil_div(n, bm) * ceil_div(m, bn), (50, 50, 6))
    return replace(made, integer_type="i8") if integers else made


def scan(rng: Random) -> StudyKernel:
    r, c = rng.choice([1, 2, 4, 16]), rng.choice([8, 16, 64, 128])
    axis, reverse = rng.choice([0, 1, 1]), rng.choice([False, True])
    lines = [
        f"r = tl.program_id(0) * {r} + tl.arange(0, {r})[:, None]",
        f"j = tl.arange(0, {c})[None, :]",
        "mask = (r < n) & (j < m)",
        "i = r * m + j",
        *loads(rng, "mask"),
    ]
    form = rng.choice(["sum", "sum", "linear", "last", "integers"])
    if form == "sum":
        lines.append(f"v = tl.cumsum({expression(rng, 1)} + a * 0, {axis}, reverse={reverse})")
    elif form == "linear":
        pair = f"(tl.exp(-tl.abs(a)), {expression(rng, 1)} + a * 0)"
        lines.append(f"_, v = tl.associative_scan({pair}, {axis}, linear, reverse={reverse})")
    elif form == "last":
        lines.append(f"v = tl.associative_scan(a, {axis}, last, reverse={reverse})")
    else:
        lines.append(f"v = tl.cumsum(c, {axis}, reverse={reverse}).to(tl.float32)")
    lines.append("tl.store(o + i, v, mask=mask)")
    return build("scan", rng, lines, lambda n, _: max(1, ceil_div(n, r)), (40, c, 0))


FAMILIES: dict[str, Callable[[Random], StudyKernel]] = {
    "elementwise": elementwise,
    "tiles": tiles,
    "rows": rows,
    "loop": loop,
    "product": product,
    "scan": scan,
}
