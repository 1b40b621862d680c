"""What random programs are made of beyond expressions: shapes, carried blocks, atomics and volatile loads in loops."""

from __future__ import annotations

from itertools import permutations
from math import prod
from random import Random

from .values import FLOATS, INTEGERS, Shape, Value, factor, fit
from .writer import TYPES, WINDOW, Program, Writer, draw_shape, scope

MAXIMUM_DEPTH = 2
FLOAT_UPDATES = ("tl.maximum({v}, {o})", "tl.where({o} < {v}, {o}, -{v})", "tl.minimum({v}, -{o})", "{o}")
INTEGER_UPDATES = (
    *("{v} + {o}", "{v} - {o}", "{v} * 3 + {o}", "{v} ^ {o}", "{o}", "tl.where({o} > {v}, {o} - {v}, {v})"),
)
EFFECTS = ("volatile", "volatile", "load", "store", "store", "atomic", "atomic", "scalar", "cas", "exchange")


def reshaped(w: Writer, value: Value, shape: Shape) -> Value:
    """The value in a shape of as many elements, by any road."""
    rng = w.rng
    total = prod(shape)
    w.features.add("reshape")
    for _ in range(rng.randint(0, 2)):
        value = moved(w, value)
    if prod(value.shape) != total or value.shape != shape:
        value = Value(f"tl.reshape({value.text}, {shape})", value.dtype, shape)
    return value


def moved(w: Writer, value: Value) -> Value:
    """The elements of a block in another order or shape, as many as before, or spread from fewer."""
    rng, shape = w.rng, value.shape
    kind = rng.choice(
        ["reshape", "trans", "permute", "flip", "join", "interleave", "spread", "scan", "gather", "split", "twice"]
    )
    text = value.text
    if kind == "reshape":
        other = factor(rng, prod(shape))
        return Value(f"tl.reshape({text}, {other})", value.dtype, other)
    if kind == "trans" and len(shape) == 2:
        return Value(f"tl.trans({text})", value.dtype, shape[::-1])
    if kind == "permute" and len(shape) > 1:
        order = rng.choice(list(permutations(range(len(shape)))))
        return Value(f"tl.permute({text}, {order})", value.dtype, tuple(shape[d] for d in order))
    if kind == "flip" and prod(shape) > 1:
        axis = rng.choice([d for d, n in enumerate(shape) if n > 1])
        return Value(f"tl.flip({text}, {axis})", value.dtype, shape)
    if kind == "join" and prod(shape) < 256:
        name = w.bind(value, keep=False)
        joined = Value(f"tl.join({name.text}, {w.pick(value.dtype, shape).text})", value.dtype, (*shape, 2))
        axis = rng.choice([d for d, n in enumerate(joined.shape) if n == 2])
        kept = tuple(n for d, n in enumerate(joined.shape) if d != axis)
        return folded(rng, joined, axis, kept)
    if kind == "interleave" and shape[-1] > 1 and prod(shape) > 1:
        half = (*shape[:-1], shape[-1] // 2)
        pair = Value(f"tl.reshape({text}, {(*half, 2)})", value.dtype, (*half, 2))
        a, b = w.name(), w.name()
        w.line(f"{a}, {b} = tl.split({pair.text})")
        return Value(f"tl.interleave({b}, {a})", value.dtype, shape)
    if kind == "split" and prod(shape) > 1:
        half = (prod(shape) // 2,)
        a, b = w.name(), w.name()
        w.line(f"{a}, {b} = tl.split(tl.reshape({text}, {(*half, 2)}))")
        return Value(f"tl.reshape(tl.join({b}, {a}), {shape})", value.dtype, shape)
    if kind == "spread":
        axis = rng.randrange(len(shape))
        name = w.bind(value, keep=False)
        kept = tuple(n for d, n in enumerate(shape) if d != axis)
        one = folded(rng, name, axis, kept)
        if not kept:
            return fit(Value(one.text, value.dtype), shape)
        return Value(f"tl.broadcast_to(tl.expand_dims({one.text}, {axis}), {shape})", value.dtype, shape)
    if kind == "scan" and value.dtype in ("int32", "int64", "uint32"):
        return Value(f"tl.cumsum({text}, {rng.randrange(len(shape))}).to(tl.{value.dtype})", value.dtype, shape)
    if kind == "gather":
        axis = rng.randrange(len(shape))
        index = w.expression("int32", 1, shape)
        return Value(f"tl.gather({text}, {index.text} & {shape[axis] - 1}, {axis})", value.dtype, shape)
    if kind == "twice":
        w.bind(value)  # used again later, so it may be kept in memory
        return w.pool[-1]
    return value


def folded(rng: Random, value: Value, axis: int, kept: Shape) -> Value:
    names = ["max", "min"]
    if value.dtype in ("int32", "int64", "uint32", "uint64"):
        names += ["sum", "xor_sum"]
    # Triton folds narrow types in wider ones.
    return Value(f"tl.{rng.choice(names)}({value.text}, {axis}).to(tl.{value.dtype})", value.dtype, kept)


def carried(w: Writer, depth: int) -> None:
    """A region that gives blocks new values: their own and one another's, as they are or moved."""
    rng = w.rng
    w.features.add("carried")
    variables: list[Value] = []
    for _ in range(rng.randint(1, 3)):
        shape = w.shape if rng.random() < 0.6 else factor(rng, w.total)
        dtype = rng.choice(INTEGERS + FLOATS) if rng.random() < 0.5 else "int32"
        value = reshaped(w, w.pick(dtype), shape)
        variables.append(w.bind(Value(f"({value.text}).to(tl.{dtype})", dtype, shape), keep=False))
    counters: list[Value] = []
    if rng.random() < 0.4:
        counters.append(w.bind(w.number(rng.choice(INTEGERS)), keep=False))
    kind = rng.choice(["for", "for", "for", "while", "if"])
    if kind != "if":
        w.features.add("loop")
    turn = w.name()
    outer = scope(w)
    if kind == "for":
        count = w.argument(rng.choice([0, 1, 2, 3, 3, 5]))
        bounds = rng.choice(
            [
                count.text,
                f"0, {count.text}",
                f"2, {count.text}",
                f"0, {count.text}, 2",
                f"-1, {count.text}",
                "3",
                "pid, 2",
            ]
        )
        w.line(f"for {turn}_ in range({bounds}):")
        w.indent += 1
        w.line(f"{turn} = {turn}_ + pid * 0")
    elif kind == "while":
        w.line(f"{turn} = pid * 0")
        w.line(f"while {turn} < {w.argument(rng.choice([0, 1, 2, 3])).text}:")
        w.indent += 1
    else:
        w.line(f"{turn} = pid + 1")
        w.line(f"if {w.scalar_condition()}:")
        w.indent += 1
    w.pool += [*variables, fit(Value(turn, "int32"), w.shape), *(fit(c, w.shape) for c in counters)]
    body(w, depth + 1)
    update(w, variables)
    for counter in counters:
        w.line(f"{counter.text} = ({counter.text} + {w.number(counter.dtype).text}).to(tl.{counter.dtype})")
    if kind == "while":
        w.line(f"{turn} += 1")
    w.indent -= 1
    if kind == "if" and rng.random() < 0.5:
        w.pool = [*outer, *variables]
        w.line("else:")
        w.indent += 1
        update(w, variables)
        w.indent -= 1
    w.pool = [*outer, *variables, *(fit(c, w.shape) for c in counters)]


def update(w: Writer, variables: list[Value]) -> None:
    """New values, one after another or all at once."""
    rng = w.rng
    fresh: list[str] = []
    for v in variables:
        source = rng.choice(variables)
        other = reshaped(w, source, v.shape).to(v.dtype) if rng.random() < 0.7 else w.expression(v.dtype, 1, v.shape)
        if v.dtype in FLOATS:
            other = (
                Value(f"({reshaped(w, source, v.shape).text}).to(tl.int32) & 31", "int32", v.shape)
                if source.dtype not in FLOATS
                else other
            )
            text = rng.choice(
                ["tl.maximum({v}, {o})", "tl.where({o} < {v}, {o}, -{v})", "tl.minimum({v}, -{o})", "{o}"]
            )
        else:
            text = rng.choice(
                ["{v} + {o}", "{v} - {o}", "{v} * 3 + {o}", "{v} ^ {o}", "{o}", "tl.where({o} > {v}, {o} - {v}, {v})"]
            )
        if rng.random() < 0.15 and v.dtype == "int32" and v.shape == w.shape:
            text = "tl.where(" + w.condition() + ", {v}, " + text + ")"
        other = other.to(v.dtype)
        fresh.append(f"({text.format(v=v.text, o=f'({other.text})')}).to(tl.{v.dtype})")
    if rng.random() < 0.6:
        w.line(f"{', '.join(v.text for v in variables)} = {', '.join(fresh)}")
        return
    for v, text in zip(variables, fresh, strict=True):
        w.line(f"{v.text} = {text}")


def effects(w: Writer, depth: int) -> None:
    """Loads and stores of one array in an order that matters, some volatile, some atomic; often in a loop."""
    rng = w.rng
    dtype = rng.choice(["int32", "int32", "int64", "uint32", "uint64"])
    base = f"{w.array(dtype, written=True)} + pid * {WINDOW}"
    looped = rng.random() < 0.5
    outer = scope(w)
    total = w.bind(fit(w.number("int32"), w.shape).to(dtype), keep=False)
    if looped:
        w.features.add("loop")
        w.line(f"for {w.name()} in range({w.argument(rng.choice([0, 1, 2, 4])).text}):")
        w.indent += 1
    for _ in range(rng.randint(1, 4)):
        effect(w, base, dtype, total)
    if looped:
        w.indent -= 1
        w.pool = outer
    w.pool.append(total)


def effect(w: Writer, base: str, dtype: str, total: Value) -> None:
    rng = w.rng
    kind = rng.choice(
        ["volatile", "volatile", "load", "store", "store", "atomic", "atomic", "scalar", "cas", "exchange"]
    )
    w.features.add({"cas": "atomic", "exchange": "atomic", "scalar": "atomic"}.get(kind, kind))
    shift = rng.choice([0, 0, 1, w.total])
    mask = f", mask={w.condition()}" if rng.random() < 0.4 else ""
    operand = w.expression(dtype, 1)
    operation = rng.choice(["add", "max", "min", "and", "or", "xor"])
    if kind in ("volatile", "load"):
        other = ", other=1" if mask else ""
        flag = ", volatile=True" if kind == "volatile" else ""
        w.line(f"{total.text} = {total.text} * 3 + tl.load({base} + flat + {shift}{mask}{other}{flag})")
    elif kind == "store":
        w.line(f"tl.store({base} + flat + {shift}, {operand.text}{mask})")
    elif kind == "atomic":
        # Masked-off lanes of what an atomic returns are not defined: such results are not used.
        call = f"tl.atomic_{operation}({base} + flat + {shift}, {operand.text}{mask})"
        w.line(call if mask else f"{total.text} = {total.text} ^ {call}")
    else:
        number = w.number(dtype)
        call = {
            "scalar": f"tl.atomic_{operation}({base} + {shift}, {number.text})",
            "cas": f"tl.atomic_cas({base} + {shift}, {w.number(dtype).text}, {number.text})",
            "exchange": f"tl.atomic_xchg({base} + {shift}, {number.text})",
        }[kind]
        w.line(f"{total.text} = {total.text} + {call}")


def body(w: Writer, depth: int) -> None:
    for _ in range(w.rng.randint(0, 2)):
        statement(w, depth)


def statement(w: Writer, depth: int) -> None:
    choices = [w.compute, w.load, w.load, w.store, lambda: effects(w, depth), lambda: shape_statement(w)]
    if depth < MAXIMUM_DEPTH:
        choices += [lambda: carried(w, depth)] * 3
    w.rng.choice(choices)()


def shape_statement(w: Writer) -> None:
    w.bind(reshaped(w, w.expression(w.rng.choice(INTEGERS + FLOATS), 1), w.shape))


def write(rng: Random) -> Program:
    """A whole program."""
    w = Writer(rng)
    w.total, w.shape = draw_shape(rng)
    w.start()
    w.load()
    for _ in range(rng.choice([1, 1, 2, 2, 3])):
        statement(w, 0)
    while w.stores < 3:
        w.store()
    for value in w.pool[-3:]:
        w.store(value)
    if w.total == 1:
        w.features.add("one element")
    shared = None
    pairs = [(a, b) for a, t in w.arrays.items() for b, s in w.arrays.items() if a < b and t == s and a[0] != b[0]]
    if pairs and rng.random() < 0.3:
        shared = rng.choice(pairs)
        w.features.add("shared")
    names = ", ".join([*w.arrays, *w.scalars])
    source = (
        "import triton\nimport triton.language as tl\n\n\n@triton.jit\n"
        + f"def kernel({names}):\n"
        + "\n".join(w.lines)
    )
    return Program(source + "\n", w.arrays, w.scalars, rng.choice([1, 2, 3]), shared, frozenset(w.features))


__all__ = ["TYPES", "WINDOW", "write"]
