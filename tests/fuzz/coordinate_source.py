"""Random Triton kernels as text that take coordinates from quotients and remainders of a block's numbers, as Inductor's
do: in addresses, masks and values, of one or two dimensions, from any start, some in loops, reduced, cast, or under
hints that are false. Some are divided by an argument."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from tests.fuzz.kernel_source import SCALARS, WINDOW, Kernel

DIVISORS = (5, 16, 17, 24, 32, 48, 96, 100)
STRIDE = 96
"""Of a transposed store: above every quotient that it is used with."""


def write(rng: Random) -> Kernel:
    extents = rng.choice([(32,), (64,), (256,), (512,), (8, 64), (64, 4), (16, 32), (32, 32)])
    number = rng.choice(DIVISORS)
    length = "flag" if rng.random() < 0.4 else str(number)
    axes = [f"tl.arange(0, {n})" for n in extents]
    if len(extents) == 2:
        axes = [f"{axes[0]}[:, None]", f"{axes[1]}[None, :]"]
    place = axes[0] if len(extents) == 1 else f"{axes[0]} * {extents[1]} + {axes[1]}"
    numbers = [f"(b{d} + {axis})" for d, axis in enumerate(axes)]
    if len(extents) == 2 and rng.random() < 0.5:  # one number for an element of a block of two dimensions
        numbers = [f"(b0 + {place})"]
    lines = [f"base = tl.program_id(0) * {WINDOW}", f"place = {place}", f"i = {numbers[0]}", f"j = {numbers[-1]}"]
    shared: list[str] = []
    if extents == (32, 32):  # one quotient along both dimensions
        lines.append(f"d = (b0 + 20 + tl.arange(0, 32)) // {length}")
        shared = ["d[:, None]", "d[None, :]"]
    mask = "(i >= 0) & (j >= 0)" + rng.choice(["", " & (i < b2)", f" & (j % {length} < lo)", " & (j // 3 % 2 == 0)"])
    lines += [f"mask = {mask}", "total = tl.zeros_like(place + i + j).to(tl.float32)"]
    lines += [f"{'for t in range(trips):' if rng.random() < 0.4 else 'if flag >= 0:'}"]
    for other, (pointer, value) in enumerate(zip("xwk", ("", "", ".to(tl.float32)"), strict=True)):
        at = f"{coordinate(rng, 'i', length, extents, shared)} + {coordinate(rng, 'j', length, extents, shared)}"
        lines.append(f"    v{other} = tl.load({pointer} + base + {at}, mask=mask, other={other}){value}")
    data = f"({coordinate(rng, rng.choice('ij'), length, extents)}).to(tl.float32)"
    lines.append(
        f"    total += tl.where({rng.choice(['mask', 'i < 20', 'v0 > 0'])}, v0 + v1 * 0.5, v2) + {data} * 0.125"
    )
    if "for t" in lines[-5]:
        lines.append(f"    i += {rng.choice([1, 16, length, 64])}")
    lines.append("tl.store(o + base + place, total)")
    left, right = (coordinate(rng, axis, length, extents) for axis in "ij")
    lines.append(f"tl.store(oi + base + place, {left} - {right})")
    if rng.random() < 0.3:
        axis = rng.randrange(len(extents))
        kept = tuple(n for d, n in enumerate(extents) if d != axis)
        where = f"tl.arange(0, {kept[0]})" if kept else "0"
        lines.append(f"tl.store(w + base + {where}, tl.sum(total * 0.5, {axis}))")
    elif len(numbers) == 1 and 16 <= number <= 32:
        lines.append(f"n = {numbers[0]}")
        lines.append(f"tl.store(w + base + n % {length} * {STRIDE} + n // {length}, total, mask=n >= 0)")
    body = "".join(f"    {line}\n" for line in lines)
    head = "import triton\nimport triton.language as tl\n\n\n@triton.jit\n"
    source = f"{head}def kernel(x, y, k, w, o, oi, {', '.join(SCALARS)}):\n{body}"
    scalars = {"b0": rng.choice([0, 0, 3, 32, 100, -20]), "b1": rng.choice([0, 0, 7, 96, -9])}
    scalars |= {"b2": rng.randrange(600), "lo": rng.randrange(30), "trips": rng.randrange(4), "flag": number}
    return Kernel(source, {name: scalars[name] for name in SCALARS})


def hinted(text: str, extents: Sequence[int]) -> str:
    """With a hint that is mostly false."""
    values = f"({', '.join(map(str, extents))},)"
    return f"tl.max_contiguous(tl.multiple_of({text}, {values}), {values})"


def coordinate(rng: Random, number: str, length: str, extents: Sequence[int], shared: Sequence[str] = ()) -> str:
    """From 0 to about 1,000, where the number is not negative."""
    other = rng.choice(DIVISORS)
    unsigned = length if length.isdigit() else f"{length}.to(tl.uint32)"
    return rng.choice(
        [
            *shared,
            *(f"{number} % {length}", f"{number} // {length}", f"{number} // {length} % 7", number),
            *(f"{number} // (2 * {length}) * 3", f"{number} % (3 * {length})", f"({number} + 5) // {length}"),
            *(f"{number} // {other}", f"{number} % {other} * 4", f"({number} * 2) // {length}"),
            *(
                f"({number}.to(tl.int64) // {length}).to(tl.int32)",
                f"({number}.to(tl.uint32) % {unsigned}).to(tl.int32)",
            ),
            *(hinted(f"{number} % {length}", extents), hinted(f"{number} % {other}", extents)),
        ]
    )
