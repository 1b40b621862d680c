"""Numbers of elements and masks that go round the edges of types, wrap, or carry hints that are not true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .values import INTEGERS, UNSIGNED, Value, wrapped

if TYPE_CHECKING:
    from .writer import Writer

WINDOW = 512
"""Elements of every array that one program may touch."""
HINTS = (
    "tl.multiple_of({}, [{v}])",
    "tl.max_contiguous(tl.multiple_of({}, [{v}]), [{v}])",
    "tl.max_contiguous({}, [{v}])",
)


def place(w: Writer) -> tuple[str, str | None]:
    """(numbers of elements inside a window, mask)."""
    rng = w.rng
    kind = rng.choice(["dense", "dense", "near", "near", "rows", "rows", "exact", "any"])
    mask = w.condition() if rng.random() < 0.4 else None
    if kind == "dense":
        return "flat", mask
    if kind == "rows":
        return rows(w), mask
    if kind == "exact":
        return exact(w), mask
    if kind == "any":
        return f"({w.expression(rng.choice(INTEGERS), 1).text} & 127)", mask
    name = w.name()
    w.line(f"{name} = {near(w)[0].text}")
    inside = f"({name} >= 0) & ({name} < {WINDOW})"
    return name, f"{inside} & {mask}" if mask else inside


def near(w: Writer) -> tuple[Value, list[int]]:
    """Numbers close to `flat` or to one axis by a way round some type's edge, as i64; and about what the first is, for
    every way to misunderstand the casts."""
    rng = w.rng
    dtype = rng.choice([*INTEGERS, "int32", "int32", "uint32", "uint32"])
    value = Value("flat", "int32", w.shape)
    if rng.random() < 0.3:
        axis = rng.randrange(len(w.shape))
        value = Value(f"tl.broadcast_to(i{axis}, {w.shape})", "int32", w.shape)
    value, about = value.to(dtype), [0]
    for _ in range(rng.randint(0, 3)):
        number, wider = w.edge(), rng.choice(INTEGERS)
        value = Value(f"({value.text} + {w.constant(number, dtype).text})", dtype, w.shape).to(wider)
        about = [x for a in about for x in (a + number, wrapped(a + number, dtype), wrapped(a + number, wider))]
        if rng.random() < 0.5:
            value = Value(f"({value.text} - {w.constant(number, wider).text})", wider, w.shape)
            about += [a - number for a in about]
        dtype, about = wider, list(dict.fromkeys(about))[:8]
    if rng.random() < 0.2:
        value = hinted(w, value)
    return value.to("int64"), about


def lanes(w: Writer) -> str:
    """A mask that tells lanes by such a number: a wrong one enters or leaves."""
    value, about = near(w)
    limit = w.rng.choice(about) + w.rng.randint(-2, w.total + 1)
    limit = max(-(2**63), min(limit, 2**63 - 1))
    return f"{value.text} {w.rng.choice(['<', '>=', '==', '<=', '>'])} {w.constant(limit, 'int64').text}"


def exact(w: Writer) -> str:
    """`flat` by a way that crosses the sign of a type and does not wrap: needs no mask."""
    rng = w.rng
    dtype = rng.choice([*UNSIGNED[:3], "uint32"])
    bits = int(dtype[4:])
    start = rng.choice(
        [2 ** (bits - 1) - rng.randint(0, w.total), 2 ** (bits - 1) + rng.randint(0, 20), 2**bits - w.total]
    )
    start = max(0, min(start, 2**bits - w.total))
    step = Value(
        f"({Value('flat', 'int32', w.shape).to(dtype).text} + {w.constant(start, dtype).text})", dtype, w.shape
    )
    text = f"({step.to(rng.choice(['int64', 'uint64'])).to('int64').text} - {w.constant(start, 'int64').text})"
    return hinted(w, Value(text, "int64", w.shape)).text if rng.random() < 0.2 else text


def rows(w: Writer) -> str:
    """Rows that wrap, under a hint that they do not, and the other dimensions: needs no mask."""
    rng = w.rng
    axis = rng.randrange(len(w.shape))
    modulus = rng.choice([1, 3, 5, 7, 8, 16, 17, 24])
    limit = w.constant(modulus, "int32").text
    first = f"pid * {w.shape[axis]}"
    start = rng.choice(["0", first, f"{first} + 3", w.constant(rng.randint(0, 40), "int32").text])
    numbers = Value(f"(({start} + i{axis}) % {limit})", "int32", w.shape)
    if rng.random() < 0.7:
        numbers = hinted(w, numbers)
    others = [d for d in range(len(w.shape)) if d != axis]
    stride = rng.choice([1, 2, 5, 16])
    terms = [f"{numbers.text} * {stride}", *(f"i{d}" for d in others)]
    return " + ".join(terms)


def hinted(w: Writer, value: Value) -> Value:
    """With a hint that may be false."""
    rng = w.rng
    w.features.add("hint")
    block = ", ".join([str(rng.choice([2, 4, 8, 16, max(2, w.shape[-1])]))] * len(w.shape))
    if rng.random() < 0.2:
        w.line(f"tl.assume({w.argument(rng.randint(17, 40)).text} > {rng.choice([0, 8, 16])})")
    return Value(rng.choice(HINTS).format(value.text, v=block), value.dtype, value.shape)
