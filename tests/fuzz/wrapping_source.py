"""Random Triton kernels as text whose integers wrap: sums, products and casts of every width and sign in addresses,
masks and values, of scalars near the ends of their types; remainders with hints that hold and that do not.

An address is used where the number that it is, as Triton defines it, lies in the window: a mask asks. What is marked,
or read, tells which lanes and places were taken.
"""

from __future__ import annotations

from random import Random

from tests.fuzz.kernel_source import SCALARS, WINDOW, Kernel

TYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
COMMON = ("int32", "int32", "int32", "int64", "int64", "uint32", "uint32", "uint64")
EDGES = (0, 1, -1, 2, 7, 64, 100, -100, 1 << 15, 1 << 16, -(1 << 16), 1 << 30, (1 << 31) - 1, -(1 << 31))
ENDS = {
    "int32": [-(1 << 31)],
    "uint32": [1 << 31, (1 << 32) - 1],
    "int64": [1 << 62, (1 << 63) - 1, -(1 << 63)],
    "uint64": [1 << 63, (1 << 64) - 1],
}
"""Constants at the ends of types: sums of them are numbers of as many bits."""
NEAR = (0, 0, 1, -1, 5, -20, 33)
WIDTH = 512
"""Elements of the window that addresses may be in."""


class Writer:
    """Draws one kernel. Only `rng` decides."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.lines: list[str] = []
        self.extents = rng.choice([(64,), (128,), (32,), (8, 16), (16, 8), (4, 32)])
        self.axes = ("i", "j")[: len(self.extents)]
        self.scalars = ["n0", "n1", "n2", "pid * 16", "pid * 64", "w0", "w1"]
        self.blocks: list[str] = []
        self.count = 0

    def kernel(self) -> Kernel:
        rng, shape = self.rng, ", ".join(map(str, self.extents))
        self.line("pid = tl.program_id(0)")
        for d, (axis, n) in enumerate(zip(self.axes, self.extents, strict=True)):
            place = "" if len(self.extents) == 1 else "[:, None]" if d == 0 else "[None, :]"
            self.line(f"{axis} = tl.arange(0, {n}){place}")
        self.line(f"zero = tl.zeros(({shape},), tl.int32)")
        self.line(f"base = pid * {WINDOW}")
        self.line("place = " + (f"i * {self.extents[1]} + j" if len(self.extents) == 2 else "i"))
        # Numbers of 64 bits that no argument can be: the interpreter takes those near 2^32 for unsigned ones.
        self.line("w0 = b0.to(tl.int64) * 65536 + b1")
        self.line("w1 = b2.to(tl.int64) * b0 + lo")
        self.line("n0, n1, n2 = b0, b1, b2")
        self.line("k0 = tl.load(k + pid)")
        self.scalars += ["k0", "k0 * 32"]
        for _ in range(rng.randint(1, 3)):
            name = f"e{self.count}"
            self.count += 1
            self.line(f"{name} = {self.block(2)} + zero")
            self.blocks.append(name)
        self.line("total = zero")
        for number in range(rng.randint(2, 4)):
            rng.choice([self.read, self.mark, self.value, self.loop, self.read])(number)
        self.line(f"tl.store(oi + base + place, total, mask={self.mask()})")
        scalars = {name: rng.choice(EDGES) + rng.choice(NEAR) for name in SCALARS}
        scalars = {n: max(-(1 << 31), min((1 << 31) - 1, v)) for n, v in scalars.items()}
        scalars |= {"trips": rng.randrange(4), "flag": rng.randint(-1, 1)}
        head = "import triton\nimport triton.language as tl\n\n\n@triton.jit\ndef kernel(x, y, k, w, o, oi, "
        return Kernel(f"{head}{', '.join(SCALARS)}):\n" + "\n".join(self.lines) + "\n", scalars)

    def line(self, text: str, indent: int = 1) -> None:
        self.lines.append("    " * indent + text)

    # ---- expressions: all of a type of their own

    def type(self) -> str:
        return self.rng.choice(COMMON if self.rng.random() < 0.85 else TYPES)

    def scalar(self) -> str:
        rng = self.rng
        text = rng.choice(self.scalars)
        if rng.random() < 0.3:
            kind = self.type()
            text = f"(({text}).to(tl.{kind}) {rng.choice('+-*')} ({rng.choice(self.scalars)}).to(tl.{kind}))"
        return f"({text}).to(tl.{self.type()})"

    def block(self, depth: int) -> str:
        """An expression over the block's position."""
        rng = self.rng
        if depth == 0:
            return rng.choice([*self.axes, *self.axes, *self.blocks, self.remainder(0)])
        form = rng.random()
        kind = self.type()
        inner = self.block(depth - 1)
        if form < 0.45:  # what index arithmetic follows
            other = rng.choice([self.scalar(), self.scalar(), self.block(depth - 1), self.constant(kind)])
            if rng.random() < 0.2:
                return f"({other}.to(tl.{kind}) {rng.choice('+-')} ({inner}).to(tl.{kind}))"
            return f"(({inner}).to(tl.{kind}) {rng.choice('++-*')} {other}.to(tl.{kind}))"
        if form < 0.7:
            return f"({inner}).to(tl.{kind})"
        if form < 0.85:
            return self.remainder(depth - 1)
        return rng.choice(
            [
                f"(({inner}).to(tl.{kind}) << {rng.randrange(6)})",
                f"(({inner}).to(tl.{kind}) >> {rng.randrange(6)})",
                f"(({inner}).to(tl.{kind}) & {rng.choice([1, 15, 100])})",
                f"tl.minimum(({inner}).to(tl.{kind}), {self.scalar()}.to(tl.{kind}))",
                f"(({inner}).to(tl.{kind}) // {rng.choice([3, 16, 32, 48])})",
            ]
        )

    def constant(self, kind: str) -> str:
        choices = [1, 2, 3, 16, 100] + ([40000, 65535] if "8" not in kind and kind != "int16" else [])
        choices += [1 << 30, (1 << 31) - 1] if kind.endswith(("32", "64")) else []
        choices += ENDS.get(kind, [])
        return f"tl.full((1,) * {len(self.extents)}, {self.rng.choice(choices)}, tl.{kind})"

    def remainder(self, depth: int) -> str:
        """With a hint, or without one; of one axis, as hints are."""
        rng = self.rng
        d = rng.randrange(len(self.axes))
        kind = rng.choice(["int32", "int32", "int64", "uint32"])
        modulus = rng.choice(["5", "33", "64", "128", "400", "(tl.abs(b1) % 300 + 1)", "(lo | 1)", "(n2 | 1)"])
        start = rng.choice(["0", "pid * 64", "pid * 64", "n0", "w0", "k0", "7", "n1 * 16"])
        text = f"(({start} + {self.axes[d]}).to(tl.{kind}) % ({modulus}).to(tl.{kind}))" if "(" in modulus else ""
        text = text or f"(({start} + {self.axes[d]}).to(tl.{kind}) % {modulus})"
        if rng.random() < 0.5:
            values = [1] * len(self.axes)
            values[d] = self.extents[d]
            hint = ", ".join(map(str, values))
            text = f"tl.max_contiguous(tl.multiple_of({text}, ({hint},)), ({hint},))"
        return text

    # ---- what is done with them

    def address(self, number: int) -> str:
        """Names `a`, an address, and `m`, the mask under which it lies in the window."""
        kind = self.type()
        limit = WIDTH if "8" not in kind else 100
        self.line(f"a{number} = ({self.block(2)}).to(tl.{kind}) + zero.to(tl.{kind})")
        self.line(f"m{number} = (a{number} >= 0) & (a{number} < {limit}){self.more()}")
        return f"a{number}"

    def more(self) -> str:
        return f" & {self.mask()}" if self.rng.random() < 0.5 else ""

    def mask(self) -> str:
        rng, kind = self.rng, self.type()
        left = f"({self.block(2)}).to(tl.{kind})"
        right = rng.choice([f"{self.scalar()}.to(tl.{kind})", f"({self.block(1)}).to(tl.{kind})"])
        return f"({left} {rng.choice(['<', '<', '<=', '>', '>=', '==', '!='])} {right})"

    def read(self, number: int) -> None:
        address = self.address(number)
        self.line(f"total += tl.load(k + base + {address}, mask=m{number}, other={self.rng.randrange(9)}) * 3")

    def mark(self, number: int) -> None:
        address = self.address(number)
        self.line(f"tl.store(o + base + {number * WIDTH} + {address}, {number + 1}.0, mask=m{number})")

    def value(self, number: int) -> None:
        self.line(f"total += ({self.block(2)}).to(tl.int32) * tl.where({self.mask()}, 3, 5)")

    def loop(self, number: int) -> None:
        """An address, or a pointer, that moves."""
        rng = self.rng
        kind = rng.choice(["int32", "int32", "int64", "uint32"])
        address = f"a{number}"
        self.line(f"{address} = ({self.block(2)}).to(tl.{kind}) + zero.to(tl.{kind})")
        pointer = rng.random() < 0.5
        step = rng.choice(["1", "16", *([] if pointer else [f"{self.scalar()}.to(tl.{kind})"] * 2)])
        inside = f"({address} >= 0) & ({address} < {WIDTH})"
        if pointer:  # it does not wrap where the address does: its first place decides
            self.line(f"q{number} = k + base + {address}")
            self.line(f"s{number} = ({address} >= 0) & ({address} < {WIDTH // 2})")
            inside = f"s{number}"
        self.line(f"for t in range({rng.choice(['trips', '3', '0, 8, 4'])}):")
        self.line(f"m{number} = {inside}{self.more()}", 2)
        source = f"q{number}" if pointer else f"k + base + {address}"
        self.line(f"total += tl.load({source}, mask=m{number}, other=1)", 2)
        self.line(f"{'q' if pointer else 'a'}{number} += {step}", 2)


def write(rng: Random) -> Kernel:
    return Writer(rng).kernel()
