"""Random Triton programs as text: a `Writer` holds what has been written; `features.py` has what it is made of.

All results are exact: integers wrap, floats are small multiples of 1/16. Every access that is not dense carries a mask
that keeps it inside its array, and programs of a launch touch windows of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from random import Random

from . import addresses
from .addresses import WINDOW
from .values import EDGES, FLOATS, INTEGERS, Shape, Value, convert, factor, fit, floating, integer, literal

TYPES = {name: f"{name[0]}{name[name.index('t') + 1 :] if name[0] != 'f' else name[5:]}" for name in INTEGERS + FLOATS}


@dataclass
class Program:
    """Source of `kernel(arrays..., scalars...)` and what it is called with."""

    source: str
    arrays: dict[str, str]
    """Type by name; those that begin with `o` are written."""
    scalars: dict[str, int]
    grid: int
    shared: tuple[str, str] | None = None
    """Two arguments that are one array."""
    features: frozenset[str] = frozenset()


@dataclass
class Writer:
    rng: Random
    lines: list[str] = field(default_factory=list[str])
    indent: int = 1
    pool: list[Value] = field(default_factory=list[Value])
    arrays: dict[str, str] = field(default_factory=dict[str, str])
    scalars: dict[str, int] = field(default_factory=dict[str, int])
    features: set[str] = field(default_factory=set[str])
    total: int = 16
    shape: Shape = (16,)
    stores: int = 0
    _names: int = 0

    # ---- text

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def name(self) -> str:
        self._names += 1
        return f"v{self._names}"

    def bind(self, value: Value, keep: bool = True) -> Value:
        name = self.name()
        self.line(f"{name} = {value.text}")
        bound = Value(name, value.dtype, value.shape)
        if keep:
            self.pool.append(bound)
        return bound

    # ---- arguments

    def array(self, dtype: str, written: bool = False) -> str:
        prefix = "o" if written else "x"
        known = [n for n, t in self.arrays.items() if t == dtype and n[0] == prefix]
        if known and (written or self.rng.random() < 0.7):
            return known[0]
        name = f"{prefix}{len(self.arrays)}"
        self.arrays[name] = dtype
        return name

    def argument(self, number: int) -> Value:
        """A scalar argument; Triton takes those beyond 32 bits as i64."""
        name = f"n{len(self.scalars)}"
        self.scalars[name] = number
        # Triton makes a constant of an argument that is 1.
        return Value(f"tl.to_tensor({name})", "int32" if -(2**31) <= number < 2**31 else "int64")

    def edge(self) -> int:
        """A number near an edge of some type, or a small one."""
        if self.rng.random() < 0.4:
            return self.rng.randint(-20, 60)
        return self.rng.choice(EDGES[self.rng.choice([8, 16, 32, 32, 64])])

    def constant(self, number: int, dtype: str) -> Value:
        """A number, wrapped to a type: a literal or an argument."""
        if self.rng.random() < 0.5 or not -(2**63) <= number < 2**63:
            return literal(number, dtype)
        return self.argument(number).to(dtype)

    def number(self, dtype: str) -> Value:
        """A scalar: a constant, or one that depends on the program."""
        if self.rng.random() < 0.25:
            return Value("pid", "int32").to(dtype)
        return self.constant(self.edge(), dtype)

    # ---- values

    def start(self) -> None:
        self.line("pid = tl.program_id(0)")
        for d, n in enumerate(self.shape):
            index = ", ".join(":" if d == e else "None" for e in range(len(self.shape)))
            self.line(f"i{d} = tl.arange(0, {n})" + (f"[{index}]" if len(self.shape) > 1 else ""))
        self.line(f"flat = {self.flat()}")
        self.pool.append(Value("flat", "int32", self.shape))

    def flat(self) -> str:
        """Row-major numbers of the block's elements."""
        terms = [f"i{d} * {prod(self.shape[d + 1 :])}" for d in range(len(self.shape))]
        return " + ".join(terms)

    def pick(self, dtype: str | None = None, shape: Shape | None = None) -> Value:
        """Any value of the pool that fits, newer ones more often; converted if there is none of the type."""
        shape = self.shape if shape is None else shape
        fits = [v for v in self.pool if v.shape == shape]
        if not fits:
            fits = [
                Value(f"tl.reshape({v.text}, {shape})", v.dtype, shape)
                for v in self.pool
                if prod(v.shape) == prod(shape)
            ]
        if not fits:
            fits = [fit(self.number(dtype or "int32"), shape)]
        fits = fits[-6:] if self.rng.random() < 0.7 else fits
        value = self.rng.choice(fits)
        return value if dtype is None else convert(self.rng, value, dtype)

    def expression(self, dtype: str, depth: int = 2, shape: Shape | None = None) -> Value:
        rng = self.rng
        shape = self.shape if shape is None else shape
        if depth == 0 or rng.random() < 0.2:
            return self.pick(dtype, shape)
        if dtype in FLOATS:
            if rng.random() < 0.3:
                return convert(rng, self.expression(rng.choice(INTEGERS), depth - 1, shape), dtype)
            return floating(rng, self.expression(dtype, depth - 1, shape), self.expression(dtype, depth - 1, shape))
        if rng.random() < 0.3:
            return convert(rng, self.expression(rng.choice(INTEGERS + FLOATS), depth - 1, shape), dtype)
        a = self.expression(dtype, depth - 1, shape)
        b = fit(self.number(dtype), shape) if rng.random() < 0.3 else self.expression(dtype, depth - 1, shape)
        return integer(rng, a, b)

    def condition(self, shape: Shape | None = None) -> str:
        rng = self.rng
        dtype = rng.choice(INTEGERS)
        a = self.expression(dtype, 1, shape)
        b = self.number(dtype) if rng.random() < 0.6 else self.expression(dtype, 1, shape)
        text = f"({a.text} {rng.choice(['<', '<=', '>', '>=', '==', '!='])} {b.text})"
        if rng.random() < 0.3:
            text = f"({text} {rng.choice('&|^')} {self.condition(shape)})"
        return text

    def scalar_condition(self) -> str:
        return self.rng.choice(
            [
                "pid > 0",
                "pid == 0",
                f"{self.argument(self.rng.randint(-1, 1)).text} > 0",
                f"pid * 2 < {self.argument(1).text}",
            ]
        )

    # ---- memory

    def load(self) -> None:
        rng = self.rng
        dtype = rng.choice(INTEGERS + FLOATS)
        index, mask = addresses.place(self)
        pointer = f"{self.array(dtype)} + pid * {WINDOW} + {index}"
        rest = f", mask={mask}, other={rng.choice([0, 1, 3])}" if mask else ""
        self.bind(Value(f"tl.load({pointer}{rest})", dtype, self.shape))

    def store(self, value: Value | None = None) -> None:
        """Where elements differ: dense, transposed, or at an offset."""
        rng = self.rng
        value = value or self.pick()
        if value.shape != self.shape:
            value = Value(f"tl.reshape({value.text}, {self.shape})", value.dtype, self.shape)
        order = list(range(len(self.shape)))
        rng.shuffle(order)
        terms = [f"i{d} * {prod(self.shape[e] for e in order[k + 1 :])}" for k, d in enumerate(order)]
        slots = WINDOW // self.total
        number = self.stores % slots
        self.stores += 1
        index = f"{' + '.join(terms)} + {number * self.total}"
        if rng.random() < 0.3:
            mask = addresses.lanes(self)
        else:
            mask = self.condition() if rng.random() < 0.4 else None
        pointer = f"{self.array(value.dtype, written=True)} + pid * {WINDOW} + {index}"
        self.line(f"tl.store({pointer}, {value.text}" + (f", mask={mask})" if mask else ")"))

    def compute(self) -> None:
        self.bind(self.expression(self.rng.choice(INTEGERS + FLOATS)))


def scope(writer: Writer) -> list[Value]:
    """A copy of what is in reach, to come back to behind a region."""
    return list(writer.pool)


def draw_shape(rng: Random) -> tuple[int, Shape]:
    total = rng.choice([1, 1, 2, 4, 8, 16, 16, 32, 64, 128])
    return total, factor(rng, total)
