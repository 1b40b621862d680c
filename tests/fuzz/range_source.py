"""Random Triton kernels as text whose masks are ranges that begin and end: bounds from constants, arguments, memory,
program ids and a loop, written in every way; empty and inverted ones, and some at the ends of their types.

Loads have an `other` that tells what was masked off, and addresses in front of the program's window wherever a mask
keeps them off.
"""

from __future__ import annotations

from random import Random

from tests.fuzz.kernel_source import SCALARS, WINDOW, Kernel

OTHERS = ("0.0", "1.5", "float('nan')", "float('inf')", "-float('inf')", "w0", "seen")
LOWER = ("({a} >= {b})", "({b} <= {a})", "({a} > {b})", "({b} < {a})", "(~({a} < {b}))", "(~({b} >= {a}))")
UPPER = ("({a} < {b})", "({b} > {a})", "({a} <= {b})", "({b} >= {a})", "(~({a} >= {b}))", "(~({b} <= {a}))")
EDGES = (-(1 << 31), (1 << 31) - 1, -(1 << 31) + 9, (1 << 31) - 40)
PLACES = 1024
"""Distance of what is stored: a block has fewer elements."""


class Writer:
    """Draws one kernel. Only `rng` decides."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.lines: list[str] = []
        self.extents = rng.choice([(64,), (128,), (32,), (8, 16), (16, 8), (1, 32), (32, 1), (4, 8, 4), (2, 4, 16)])
        self.axes = ("i", "j", "l")[: len(self.extents)]
        self.bounds = ["b0", "b1", "b2", "lo", "k0", "k0 + b1", "pid * 16", "b0 - pid * 16", "lo + pid * 5"]
        self.count, self.stores = 0, 0
        self.indent = 1

    def kernel(self) -> Kernel:
        rng, rank = self.rng, len(self.extents)
        self.line("pid = tl.program_id(0)")
        self.line("k0 = tl.load(k + pid * 7)")
        for d, (axis, n) in enumerate(zip(self.axes, self.extents, strict=True)):
            index = ", ".join(":" if d == e else "None" for e in range(rank))
            self.line(f"{axis} = tl.arange(0, {n})" + (f"[{index}]" if rank > 1 else ""))
        place, stride = "", 1
        for axis, n in zip(reversed(self.axes), reversed(self.extents), strict=True):
            place, stride = f"{axis} * {stride}" + (f" + {place}" if place else ""), stride * n
        self.line(f"place = {place}")
        self.line(f"zero = tl.zeros({self.extents!r}, tl.float32)")
        self.line(f"w0 = tl.load(w + pid * {WINDOW} + place)")
        self.line("seen = zero + 0.25")
        for _ in range(rng.randint(2, 5)):
            rng.choice([self.load, self.load, self.load, self.reduce, self.store, self.choose, self.loop])()
        self.line(f"tl.store(o + pid * {WINDOW} + place, seen)")
        scalars = {name: rng.randint(-4, max(self.extents) + 4) for name in SCALARS}
        if rng.random() < 0.3:
            scalars[rng.choice(["b0", "b1", "b2", "lo"])] = rng.choice(EDGES)
        scalars["trips"] = rng.randrange(5)
        head = "import triton\nimport triton.language as tl\n\n\n@triton.jit\ndef kernel(x, y, k, w, o, oi, "
        return Kernel(f"{head}{', '.join(SCALARS)}):\n" + "\n".join(self.lines) + "\n", scalars)

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def name(self) -> str:
        self.count += 1
        return f"v{self.count}"

    # ---- masks

    def mask(self) -> str:
        terms = [self.term() for _ in range(self.rng.randint(1, 4))]
        text = " & ".join(terms)
        if self.rng.random() < 0.15:  # by what is outside
            text = f"~({' | '.join('~' + t for t in terms)})"
        return text if self.rng.random() < 0.9 else f"{text} & ((i + {self.bound()}) % 3 != 1)"

    def term(self) -> str:
        rng = self.rng
        a, b = self.number(rng.choice(self.axes)), self.bound()
        form = rng.random()
        if form < 0.4:
            return rng.choice(LOWER).format(a=a, b=b)
        if form < 0.75:
            return rng.choice(UPPER).format(a=a, b=b)
        if form < 0.82:
            return f"({a} == {b})"
        if form < 0.9:
            kind = rng.choice(["uint32", "uint64"])
            return rng.choice(LOWER + UPPER).format(a=f"({a}).to(tl.{kind})", b=f"(pid * 0 + {b}).to(tl.{kind})")
        return rng.choice(LOWER + UPPER).format(a=f"({a}).to(tl.int64)", b=f"(pid * 0 + {b}).to(tl.int64)")

    def number(self, axis: str) -> str:
        return self.rng.choice([axis, axis, f"({axis} - 3)", f"({axis} + {self.bound()})", f"(pid * 16 + {axis})"])

    def bound(self) -> str:
        return self.rng.choice([*self.bounds, str(self.rng.randint(-3, max(self.extents) + 2))])

    # ---- what is done under them

    def load(self) -> None:
        """Within the window; or from in front of it on, which the mask keeps off."""
        rng, mask = self.rng, self.mask()
        address = f"{rng.randint(0, 40)} + place"
        if rng.random() < 0.5:
            axis, shift = rng.choice(self.axes), rng.randint(1, 20)
            others = [f" + {a} * {16**n}" for n, a in enumerate(a for a in self.axes if a != axis)]
            address = f"({axis} - {shift}) * {16 ** len(others)}{''.join(others)}"
            mask = rng.choice([f"({axis} >= {shift}) & {mask}", f"{mask} & ({axis} - {shift} >= 0)"])
        m, v = self.name(), self.name()
        self.line(f"{m} = ({mask}) & (zero == 0)" if rng.random() < 0.1 else f"{m} = {mask}")
        array = rng.choice(["x", "x", "y", "k"])
        other = rng.choice(OTHERS) if array == "x" else "3"
        given = f", other={other}" if rng.random() < 0.85 else ""
        self.line(f"{v} = tl.load({array} + pid * {WINDOW} + {address}, mask={m}{given}).to(tl.float32)")
        if not given:
            self.line(f"{v} = tl.where({m}, {v}, -2.0)")
        self.line(f"seen = seen * 0.5 + tl.where(({v} > -1000) & ({v} < 1000), {v}, tl.where({v} != {v}, 5.0, 9.0))")

    def reduce(self) -> None:
        axis = self.rng.randrange(len(self.axes))
        fold = self.rng.choice(["sum", "max", "min"])
        name = self.name()
        self.line(f"{name} = tl.{fold}(tl.where({self.mask()}, seen, w0), {axis}, keep_dims=True)")
        self.line(f"seen = seen + {name} * 0.125")

    def store(self) -> None:
        if self.stores < 3:
            self.stores += 1
            self.line(f"tl.store(o + pid * {WINDOW} + {self.stores * PLACES} + place, seen, mask={self.mask()})")

    def choose(self) -> None:
        self.line(f"seen = tl.where({self.mask()}, seen, w0)")

    def loop(self) -> None:
        if self.indent > 1:
            return
        self.line("for t in range(trips):")
        self.indent += 1
        self.bounds += ["t", "t * 8", "b0 - t * 4"]
        for _ in range(self.rng.randint(1, 2)):
            self.rng.choice([self.load, self.choose])()
        del self.bounds[-3:]
        self.indent -= 1


def write(rng: Random) -> Kernel:
    """A kernel that reads inside its windows and writes the same places in every order."""
    return Writer(rng).kernel()
