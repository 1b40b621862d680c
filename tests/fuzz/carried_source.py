"""Random Triton kernels whose loops, branches and `while`s carry blocks that are read in other shapes and orders.

All blocks have the same number of elements, each a shape of its own, so that any may be read as any other: reshaped,
transposed, flipped, joined, gathered, reduced. They are updated from their own old value, from another's, swapped,
under `tl.where`, as accumulators of products, through memory. All is exact: integers, and floats that are small ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from math import isqrt, prod
from random import Random

from tests.fuzz.kernel_source import SCALARS, WINDOW, Kernel

Shape = tuple[int, ...]
SLOTS = 8
"""Blocks that a program stores; behind them lies memory that it reads and writes."""
COMBINATIONS = (
    *("{a} + {b}", "{a} * 3 + {b}", "{a} - {b}", "{a} ^ {b}", "tl.maximum({a}, {b})", "({b} >> 1) + {a}", "{b}"),
    *("tl.where({b} > {c}, {a}, {b})", "tl.where({c} > 0, {b}, {a})", "tl.where(({a} & 1) == 0, {b}, {c})"),
    *("tl.where(lo > 1, {a}, {b})", "{a} + {b} * {c}"),
)


HEAD = """import triton
import triton.language as tl


@triton.jit(noinline=True)
def count_up(p, by, BLOCK: tl.constexpr):
    at = p + tl.arange(0, BLOCK)
    tl.store(at, tl.load(at) + by)


@triton.jit
def kernel(x, y, k, w, o, oi, """


@dataclass(frozen=True)
class Block:
    text: str
    extents: Shape
    floats: bool = False


class Writer:
    """Draws one kernel. Only `rng` decides."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.total = rng.choice([16, 16, 64, 64, 64, 256])
        self.shapes = factorizations(self.total)
        self.lines: list[str] = []
        self.indent = 1
        self.count = self.stores = 0
        self.carried: list[Block] = []
        self.pool: list[Block] = []
        """Blocks that keep the value that they got: what is noted before an update and read behind it."""

    def kernel(self) -> Kernel:
        rng = self.rng
        self.line("pid = tl.program_id(0)")
        self.line(f"n = tl.arange(0, {self.total})")
        self.line(f"memory = oi + pid * {WINDOW} + {SLOTS * self.total}")
        shapes = [rng.choice(self.shapes) for _ in range(rng.randint(1, 3))]
        shapes += rng.choice([[], [shapes[0]]])  # two of one shape are swapped
        for number, extents in enumerate(shapes):
            self.start(Block(f"a{number}", extents))
        side = isqrt(self.total)
        if rng.random() < 0.4:
            self.start(Block("acc", (side, side)))
        if rng.random() < 0.3:
            self.start(Block("accf", (side, side), floats=True))
        for _ in range(rng.randint(0, 1)):
            self.statement(0)
        rng.choice([self.loop, self.loop, self.repeat, self.branch])(0)
        for _ in range(rng.randint(0, 2)):
            self.statement(0)
        for block in self.carried:
            self.store(block)
        scalars = dict.fromkeys(SCALARS, 0)
        scalars |= {"b0": rng.randint(-2, 5), "lo": rng.randint(0, 3), "trips": rng.randint(0, 3)}
        scalars |= {"flag": rng.randint(-1, 1)}
        return Kernel(f"{HEAD}{', '.join(SCALARS)}):\n" + "\n".join(self.lines) + "\n", scalars)

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def name(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def start(self, block: Block) -> None:
        """A block that is carried from now on."""
        if block.floats:
            self.line(f"{block.text} = tl.reshape((n & 7).to(tl.float32), {block.extents})")
        else:
            values = self.rng.choice(["n", "n * n - 7", "(n ^ 5) * 3"])
            if self.rng.random() < 0.5:
                values = f"tl.load(k + pid * {WINDOW} + {self.rng.choice(['n', 'n * 2', 'n + 3'])})"
            self.line(f"{block.text} = tl.reshape({values}, {block.extents})")
        self.carried.append(block)

    # ---- a block, seen in another way

    def pick(self) -> Block:
        return self.rng.choice([*self.carried, *self.carried, *self.pool[-3:]])

    def integers(self, extents: Shape) -> str:
        """Some block's elements in some order, or what follows from them, as integers of a shape."""
        block = self.pick()
        text = self.seen(block, extents)
        return f"{text}.to(tl.int32)" if block.floats else text

    def seen(self, block: Block, extents: Shape) -> str:
        rng = self.rng
        form = rng.choice(["plain", "plain", "plain", "trans", "trans", *VIEWS])
        inner = rng.choice([*self.shapes, block.extents])
        text = reshaped(block.text, block.extents, inner)
        if form == "plain":
            return reshaped(text, inner, extents)
        if form == "trans":
            order = rng.choice(list(permutations(range(len(inner)))))
            return reshaped(f"tl.permute({text}, {order})", tuple(inner[d] for d in order), extents)
        if form == "histogram" and block.floats:
            form = "halves"
        text, inner = VIEWS[form](self, text, inner)
        return reshaped(text, inner, extents)

    def flip(self, text: str, extents: Shape) -> tuple[str, Shape]:
        return f"tl.flip({text}, {self.rng.randrange(len(extents))})", extents

    def halves(self, text: str, extents: Shape) -> tuple[str, Shape]:
        """Split, and put together again."""
        left, right, half = self.name(), self.name(), self.total // 2
        self.line(f"{left}, {right} = tl.split({reshaped(text, extents, (half, 2))})")
        first, second = self.rng.choice([(left, right), (right, left), (left, left)])
        form = self.rng.choice(["join", "interleave", "cat"])
        if form == "join":
            return f"tl.join({first}, {second})", (half, 2)
        extra = ", can_reorder=True" if form == "cat" else ""
        return f"tl.{form}({first}, {second}{extra})", (self.total,)

    def gather(self, text: str, extents: Shape) -> tuple[str, Shape]:
        axis = self.rng.randrange(len(extents))
        index = f"tl.reshape(n * 5 + 3, {extents})"
        others = [b for b in self.carried if not b.floats]
        if self.rng.random() < 0.5:
            other = self.rng.choice(others)
            index = reshaped(other.text, other.extents, extents)
        return f"tl.gather({text}, {index} & {extents[axis] - 1}, {axis})", extents

    def fold(self, text: str, extents: Shape) -> tuple[str, Shape]:
        axis, name = self.rng.randrange(len(extents)), self.rng.choice(["sum", "max", "min"])
        if len(extents) == 1:
            return f"tl.broadcast_to(tl.{name}({text}, 0), {extents})", extents
        return f"tl.broadcast_to(tl.expand_dims(tl.{name}({text}, {axis}), {axis}), {extents})", extents

    def unit(self, text: str, extents: Shape) -> tuple[str, Shape]:
        """A reduction over a dimension of extent 1."""
        axis = self.rng.randrange(len(extents) + 1)
        longer = (*extents[:axis], 1, *extents[axis:])
        return f"tl.sum(tl.reshape({text}, {longer}), {axis})", extents

    def sort(self, text: str, extents: Shape) -> tuple[str, Shape]:
        rows = (self.total // 4, 4)  # long ones compile slowly
        return f"tl.sort({reshaped(text, extents, rows)})", rows

    def scan(self, text: str, extents: Shape) -> tuple[str, Shape]:
        return f"tl.cumsum({text}, {self.rng.randrange(len(extents))})", extents

    def histogram(self, text: str, extents: Shape) -> tuple[str, Shape]:
        flat = reshaped(text, extents, (self.total,))
        return f"tl.histogram({flat} & {self.total - 1}, {self.total})", (self.total,)

    # ---- statements

    def statement(self, depth: int) -> None:
        choices: list[Callable[[], None]] = [self.update, self.update, self.note, self.memory, self.swap]
        choices += [self.product, lambda: self.store(self.rng.choice(self.carried))]
        if depth < 2:
            choices += [lambda: self.loop(depth), lambda: self.branch(depth), lambda: self.repeat(depth)]
        self.rng.choice(choices)()

    def note(self) -> None:
        block, extents = self.pick(), self.rng.choice(self.shapes)
        name = self.name()
        self.line(f"{name} = {self.seen(block, extents)}")
        self.pool.append(Block(name, extents, block.floats))

    def value(self, block: Block) -> str:
        """What `block` becomes."""
        if block.floats:
            other = self.rng.choice([b for b in self.carried if b.floats])
            inner = self.rng.choice(self.shapes)
            order = self.rng.choice(list(permutations(range(len(inner)))))
            moved = reshaped(other.text, other.extents, inner)
            moved = reshaped(f"tl.permute({moved}, {order})", tuple(inner[d] for d in order), block.extents)
            return f"tl.where({self.integers(block.extents)} > 3, {block.text}, {moved})"
        form = self.rng.choice(COMBINATIONS)
        parts = {name: self.integers(block.extents) for name in "bc" if "{" + name in form}
        return form.format(a=block.text, **parts)

    def update(self) -> None:
        """New values one after the other, or all from the old ones."""
        chosen = self.rng.sample(self.carried, self.rng.randint(1, len(self.carried)))
        if self.rng.random() < 0.4:
            for block in chosen:
                self.line(f"{block.text} = {self.value(block)}")
            return
        names = [self.name() for _ in chosen]
        for name, block in zip(names, chosen, strict=True):
            self.line(f"{name} = {self.value(block)}")
        for name, block in zip(names, chosen, strict=True):
            self.line(f"{block.text} = {name}")

    def swap(self) -> None:
        """Blocks change places, reshaped where their shapes differ."""
        same = [b for b in self.carried if not b.floats]
        self.rng.shuffle(same)
        same = same[: self.rng.randint(2, 3)]
        values = [reshaped(b.text, b.extents, a.extents) for a, b in zip(same, [*same[1:], same[0]], strict=True)]
        self.line(f"{', '.join(b.text for b in same)} = {', '.join(values)}")

    def product(self) -> None:
        """An accumulator that is read in other ways, too: before, by the operands, behind."""
        accumulators = [b for b in self.carried if len(b.extents) == 2 and len(set(b.extents)) == 1]
        if not accumulators:
            self.update()
            return
        acc = self.rng.choice(accumulators)
        kind = "float32" if acc.floats else "int8"
        left, right = (f"({self.integers(acc.extents)} & 7).to(tl.{kind})" for _ in range(2))
        old = self.rng.choice([acc.text, acc.text, self.value(acc)])
        extra = "" if acc.floats else ", out_dtype=tl.int32"
        before, behind = self.rng.random() < 0.3, self.rng.random() < 0.3
        if before:
            self.note()
        made = self.name()
        self.line(f"{made} = tl.dot({left}, {right}, {old}{extra})")
        if behind:
            self.update()
        self.line(f"{acc.text} = {made}")

    def place(self, extents: Shape) -> str:
        """Element numbers of a block in memory, each its own."""
        return reshaped(self.rng.choice(["n", f"({self.total - 1} - n)", "(n ^ 1)", "n * 2"]), (self.total,), extents)

    def store(self, block: Block) -> None:
        name = self.name()
        self.line(f"{name} = {self.seen(block, block.extents)}")
        value = f"{name}.to(tl.int32)" if block.floats else name
        at = reshaped("n", (self.total,), block.extents)
        self.line(f"tl.store(oi + pid * {WINDOW} + {self.stores % SLOTS * self.total} + {at}, {value})")
        self.stores += 1

    def memory(self) -> None:
        """What is stored is read again: when it is needed or, by a volatile load, where that stands."""
        rng = self.rng
        for _ in range(rng.randint(1, 3)):
            extents = rng.choice(self.shapes)
            at = f"memory + {self.place(extents)}"
            condition = rng.choice(["", "", f"{self.integers(extents)} > 2", f"{self.place(extents)} < b0 * 3"])
            mask = f", mask={condition}" if condition else ""
            if rng.random() < 0.3:
                rng.choice([self.windows, self.call])()
            if rng.random() < 0.5:
                self.line(f"tl.store({at}, {self.integers(extents)}{mask})")
                continue
            name = self.name()
            other = f", other={rng.choice(['7', self.integers(extents)])}" if mask else ""
            volatile = rng.choice(["", ", volatile=True"])
            self.line(f"{name} = tl.load({at}{mask}{other}{volatile})")
            self.pool.append(Block(name, extents))

    def windows(self) -> None:
        """Rows that may overlap are updated: what meets in one place is equal."""
        rows, columns = self.rng.choice([s for s in self.shapes if len(s) == 2])
        at = f"memory + tl.arange(0, {rows})[:, None] * {self.rng.choice([1, 2, columns])}"
        at += f" + tl.arange(0, {columns})[None, :]"
        self.line(f"tl.store({at}, tl.load({at}) * 3 + lo)")

    def call(self) -> None:
        self.line(f"count_up(memory + {self.rng.choice([0, 1, 3])}, lo, {self.total})")

    # ---- regions

    def inside(self, depth: int, update: bool = True) -> None:
        outer = list(self.pool)
        self.indent += 1
        for _ in range(self.rng.randint(0, 2)):
            self.statement(depth + 1)
        if update:
            self.rng.choice([self.update, self.update, self.swap, self.product])()
        self.indent -= 1
        self.pool = outer

    def loop(self, depth: int) -> None:
        bounds = self.rng.choice(["trips", "trips", "0, trips", "2", "1, 4"])
        self.line(f"for {self.name()} in range({bounds}):")
        self.inside(depth)

    def branch(self, depth: int) -> None:
        condition = self.rng.choice(["flag > 0", "lo > 1", "pid > 0", f"tl.sum({self.integers((self.total,))}, 0) > 9"])
        self.line(f"if {condition}:")
        self.inside(depth)
        if self.rng.random() < 0.6:
            self.line("else:")
            self.inside(depth)

    def repeat(self, depth: int) -> None:
        """`while`: as often as a number says, a block, or a place in memory that the body counts up."""
        turn = self.name()
        self.line(f"{turn} = lo * 0")
        form = self.rng.choice(["turns", "block", "place"])
        if form == "place":
            cell = f"memory + {2 * self.total + depth}"
            self.line(f"tl.store({cell}, 0)")
            self.line(f"while tl.load({cell}, volatile=True) < trips:")
            self.line(f"    tl.store({cell}, tl.load({cell}{self.rng.choice(['', ', volatile=True'])}) + 1)")
        elif form == "block":
            block = self.rng.choice([b for b in self.carried if not b.floats])
            flat = reshaped(block.text, block.extents, (self.total,))
            self.line(f"while ({turn} < 3) & (tl.sum({flat}, 0) % 3 != 0):")
        else:
            self.line(f"while {turn} < {self.rng.choice(['trips', '2'])}:")
        self.inside(depth)
        self.line(f"    {turn} += 1")


VIEWS: dict[str, Callable[[Writer, str, Shape], tuple[str, Shape]]] = {
    "flip": Writer.flip,
    "halves": Writer.halves,
    "gather": Writer.gather,
    "fold": Writer.fold,
    "unit": Writer.unit,
    "sort": Writer.sort,
    "scan": Writer.scan,
    "histogram": Writer.histogram,
}


def reshaped(text: str, extents: Shape, wanted: Shape) -> str:
    return text if extents == wanted else f"tl.reshape({text}, {wanted})"


def factorizations(total: int) -> list[Shape]:
    """Shapes of `total` elements, a power of two, of one to three dimensions."""
    sizes = [1 << k for k in range(total.bit_length())]
    flat: list[Shape] = [(total,)]
    pairs = [(a, total // a) for a in sizes]
    triples = [(a, b, total // a // b) for a in sizes for b in sizes if total % (a * b) == 0 and 1 < a < total > b > 1]
    found = [*flat * len(pairs), *pairs * 2, *triples]
    assert all(prod(extents) == total for extents in found)
    return found


def write(rng: Random) -> Kernel:
    """A random `kernel(x, y, k, w, o, oi, scalars...)`."""
    return Writer(rng).kernel()
