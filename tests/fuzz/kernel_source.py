"""Random Triton kernels as text: expressions over blocks of one to three dimensions, masks, control flow.

The same text is compiled by rung and run by Triton's interpreter. Every access stays inside its buffer,
floats that rounding could change never decide a comparison, and programs write disjoint memory. No atomics:
the interpreter was seen to leave some of them out; tests/numeric compares them with NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from math import prod
from random import Random

WINDOW = 4096
"""Elements of every buffer that one program may touch."""
PROGRAMS = 2
SCALARS = ("b0", "b1", "b2", "lo", "trips", "flag")
FLOAT_FORMS = (
    *("{a} + {b}", "{a} - {b}", "{a} * {b} * 0.25", "tl.maximum({a}, {b})", "tl.minimum({a}, {b})"),
    *("-{a}", "tl.abs({a})", "tl.exp(-tl.abs({a}))", "tl.sin({a} * 0.01)", "tl.sqrt(tl.abs({a}) + 1)"),
    *("{a} / (tl.abs({b}) + 1)", "where", "cast", "half"),
)
INT_FORMS = (
    *("{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} & {b}", "{a} | {b}", "{a} ^ {b}", "~{a}"),
    *("{a} // ({b} | 1)", "{a} % ({b} | 1)", "{a} << ({b} & 7)", "{a} >> ({b} & 7)"),
    *("tl.maximum({a}, {b})", "tl.minimum({a}, {b})", "{a} + 7", "{a} * 3", "{a} % 5"),
    *("where", "cast", "narrow", "unsigned", "bool"),
)
TOTAL_FORMS = (
    *("{a} % {b}", "tl.where({b} != 0, {a} // {b}, {a})", "({a} & (-2147483647 - 1)) // ({b} | -2)"),
    *("{a} << {b}", "{a} >> {b}", "overflow"),
)
"""What has a result for all operands only because the compiler gives it one."""
CODE_FORMS = ("code",)
"""Floats of eight bits. Seeds that found a bug write kernels without these forms and the former."""


@dataclass
class Value:
    """An expression. kind: `f` f32, `i` i32, `b` i1. exact: nothing was rounded, so it may be compared."""

    text: str
    kind: str
    exact: bool = False
    scalar: bool = False
    """Of rank 0: broadcasts like a block, but cannot be reduced or permuted."""


@dataclass
class Kernel:
    source: str
    scalars: dict[str, int]


class Writer:
    """Draws one kernel. Only `rng` decides: the same draws give the same kernel."""

    def __init__(
        self, rng: Random, volatile: bool = False, int_forms: tuple[str, ...] = (), float_forms: tuple[str, ...] = ()
    ) -> None:
        self.rng, self.volatile, self.int_forms = rng, volatile, int_forms or (*INT_FORMS, *TOTAL_FORMS)
        self.float_forms = float_forms or (*FLOAT_FORMS, *CODE_FORMS)
        self.lines: list[str] = []
        self.indent = 1
        self.count = 0
        rank = rng.choice([1, 1, 2, 2, 2, 3])
        sizes = {1: [16, 64, 128, 8], 2: [4, 8, 16, 32, 1, 2], 3: [2, 4, 8, 1]}[rank]
        self.extents = tuple(rng.choice(sizes) for _ in range(rank))
        if rank == 2 and rng.random() < 0.3:
            self.extents = (self.extents[0],) * 2
        self.total = prod(self.extents)
        self.pool: list[Value] = []
        self.stores = 0

    # ---- the kernel

    def kernel(self) -> Kernel:
        rng, rank = self.rng, len(self.extents)
        self.line("pid = tl.program_id(0)")
        for d, n in enumerate(self.extents):
            index = ", ".join(":" if d == e else "None" for e in range(rank))
            self.line(f"i{d} = tl.arange(0, {n})" + (f"[{index}]" if rank > 1 else ""))
            self.pool.append(Value(f"i{d}", "i", True))
        self.line(f"zf = tl.zeros({self.shape()}, tl.float32)")
        self.line(f"zi = tl.zeros({self.shape()}, tl.int32)")
        self.pool.append(Value("pid", "i", True, scalar=True))
        for _ in range(rng.randint(1, 3)):
            self.load()
        for _ in range(rng.randint(2, 6)):
            self.statement(0)
        if rng.random() < 0.15:
            self.line(f"if {rng.choice(['flag > 0', 'pid > 0', 'b0 < 3'])}:")
            self.indent += 1
            self.store()
            self.line("return")
            self.indent -= 1
        while self.stores < 3:
            self.store()
        scalars = {name: rng.randint(-2, max(self.extents) + 3) for name in SCALARS}
        scalars["trips"], scalars["flag"] = rng.randint(0, 3), rng.randint(-1, 1)
        head = "import triton\nimport triton.language as tl\n\n\n@triton.jit\ndef kernel(x, y, k, w, o, oi, "
        return Kernel(f"{head}{', '.join(SCALARS)}):\n" + "\n".join(self.lines) + "\n", scalars)

    def statement(self, depth: int) -> None:
        choices = [*[self.compute] * 4, self.load, self.store, self.memory, self.reduce, self.reshape]
        if depth < 2:
            choices += [lambda: self.loop(depth), lambda: self.branch(depth), self.memory, lambda: self.repeat(depth)]
        self.rng.choice(choices)()

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def name(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def shape(self) -> str:
        return "(" + ", ".join(map(str, self.extents)) + ",)"

    def bind(self, text: str, kind: str, exact: bool = False, scalar: bool = False) -> Value:
        value = Value(self.name(), kind, exact, scalar)
        self.line(f"{value.text} = {text}")
        self.pool.append(value)
        return value

    # ---- expressions

    def pick(self, kind: str, exact: bool = False) -> Value:
        found = [v for v in self.pool if v.kind == kind and (v.exact or not exact)]
        if found:
            return self.rng.choice(found)
        if kind == "f":
            return Value(f"({self.pick('i').text} & 63).to(tl.float32)", "f", True)
        return Value("(i0 > 1)", "b", True)

    def compute(self) -> None:
        value = self.expression(self.rng.choice("ffi"), 2)
        self.bind(value.text, value.kind, value.exact, value.scalar)

    def expression(self, kind: str, depth: int) -> Value:
        if depth == 0 or self.rng.random() < 0.15:
            return self.pick(kind)
        return {"f": self.float_expression, "i": self.int_expression, "b": self.condition}[kind](depth - 1)

    def float_expression(self, depth: int) -> Value:
        a, b = self.expression("f", depth), self.expression("f", depth)
        scalar = a.scalar and b.scalar
        form = self.rng.choice(self.float_forms)
        if form == "where":
            c = self.expression("b", depth)
            return Value(f"tl.where({c.text}, {a.text}, {b.text})", "f", a.exact and b.exact, scalar and c.scalar)
        if form == "cast":
            i = self.expression("i", depth)
            return Value(f"({i.text} & 255).to(tl.float32)", "f", True, i.scalar)
        if form == "half":
            e = self.pick("f", exact=True)
            kind = self.rng.choice(["float16", "bfloat16"])
            return Value(f"{e.text}.to(tl.{kind}).to(tl.float32)", "f", True, e.scalar)
        if form == "code":  # of a finite number that is not negative: Triton's interpreter knows no others
            i, kind = self.expression("i", depth), self.rng.choice(["float8e5", "float8e4nv"])
            text = f"({i.text} & 119).to(tl.uint8).to(tl.{kind}, bitcast=True).to(tl.float32)"
            return Value(text, "f", True, i.scalar)
        exact = form in ("-{a}", "tl.abs({a})") and a.exact
        return Value("(" + form.format(a=a.text, b=b.text) + ")", "f", exact, scalar if "{b}" in form else a.scalar)

    def int_expression(self, depth: int) -> Value:
        a, b = self.expression("i", depth), self.expression("i", depth)
        form = self.rng.choice(self.int_forms)
        scalar = a.scalar and (b.scalar or "{b}" not in form)
        if form == "where":
            c = self.expression("b", depth)
            text = f"tl.where({c.text}, {a.text}, {b.text})"
            return Value(text, "i", True, a.scalar and b.scalar and c.scalar)
        if form == "cast":
            e = self.pick("f", exact=True)
            return Value(f"({e.text} * 8).to(tl.int32)", "i", True, e.scalar)
        if form == "overflow":
            e, width = self.pick("f", exact=True), self.rng.choice(["int8", "int16", "uint8", "uint16"])
            return Value(f"({e.text} * 1000).to(tl.{width}).to(tl.int32)", "i", True, e.scalar)
        if form == "narrow":
            return Value(f"({a.text}).to(tl.int8).to(tl.int32)", "i", True, a.scalar)
        if form == "unsigned":
            return Value(f"({a.text}).to(tl.uint32).to(tl.int64).to(tl.int32)", "i", True, a.scalar)
        if form == "bool":
            c = self.expression("b", depth)
            return Value(f"({c.text}).to(tl.int32)", "i", True, c.scalar)
        return Value("(" + form.format(a=a.text, b=b.text) + ")", "i", True, scalar)

    def condition(self, depth: int) -> Value:
        rng = self.rng
        relation = rng.choice(["<", "<=", ">", ">=", "==", "!="])
        if rng.random() < 0.3:
            a, b = self.expression("b", depth), self.expression("b", depth)
            return Value(f"({a.text} {rng.choice('&|^')} {b.text})", "b", True, a.scalar and b.scalar)
        a, b = self.pick("f", exact=True), self.pick("f", exact=True)
        if rng.random() < 0.7 or (a.scalar and b.scalar):
            a, b = self.expression("i", depth), self.expression("i", depth)
        return Value(f"({a.text} {relation} {b.text})", "b", True, a.scalar and b.scalar)

    # ---- masks and addresses

    def mask(self) -> str | None:
        """Often the ranges that a user writes, sometimes anything."""
        rng = self.rng
        terms: list[str] = []
        for d in range(len(self.extents)):
            if rng.random() < 0.4:
                bound = rng.choice([f"b{d}", f"b{d}", f"b{d} - pid", str(rng.randint(0, self.extents[d]))])
                terms.append(rng.choice([f"(i{d} < {bound})", f"({bound} > i{d})", f"(i{d} <= {bound})"]))
            if rng.random() < 0.15:
                terms.append(f"(i{d} >= lo)")
        if rng.random() < 0.2:
            terms.append(rng.choice(["(flag > 0)", "(pid < 1)", "(i0 % 3 != 1)", f"(i{len(self.extents) - 1} <= i0)"]))
        if rng.random() < 0.15:
            c = self.expression("b", 1)
            if not c.scalar:
                terms.append(c.text)
        rng.shuffle(terms)
        return " & ".join(terms) if terms else None

    def dense(self) -> str:
        """Element numbers of the block in some order of its dimensions, different for every element."""
        order = self.rng.choice(list(permutations(range(len(self.extents)))))
        stride, terms = 1, []
        for d in order:
            terms.append(f"i{d} * {stride}" if stride > 1 else f"i{d}")
            stride *= self.extents[d]
        if self.rng.random() < 0.2:
            d = self.rng.randrange(len(self.extents))
            terms = [t.replace(f"i{d}", f"({self.extents[d] - 1} - i{d})") for t in terms]
        return " + ".join(terms)

    def address(self) -> str:
        """Any element numbers within half a window."""
        rng = self.rng
        form = rng.choice(["dense", "dense", "dense", "shift", "double", "broadcast", "wrap", "gather", "zero"])
        if form == "shift":
            return f"{self.dense()} + {rng.randint(0, 5)}"
        if form == "double":
            return f"({self.dense()}) * 2"
        if form == "broadcast":
            d = rng.randrange(len(self.extents))
            return f"i{d} * {rng.randint(1, 3)} + pid" + ("" if len(self.extents) == 1 else " + zi")
        if form == "wrap":
            d = rng.randrange(len(self.extents))
            modulus = rng.choice(["(tl.abs(b0) + 1)", "33", "5", str(self.extents[d])])
            start = rng.choice(["0", "lo", "pid * 3", "7"])
            rest = [f"i{e} * 40" for e in range(len(self.extents)) if e != d]
            return " + ".join([f"tl.abs(({start} + i{d}) % {modulus})", *rest])
        if form == "gather":
            return f"(({self.expression('i', 1).text} & 511) + zi)"
        return "zi" if form == "zero" else self.dense()

    # ---- statements

    def load(self) -> None:
        rng = self.rng
        buffer, kind = rng.choice([("x", "f"), ("y", "f"), ("k", "i")])
        at = f"{buffer} + pid * {WINDOW} + {self.address()}"
        mask = self.mask()
        if mask is None:
            text = f"tl.load({at})"
        else:
            other = rng.choice(["0", "3", "-1", self.pick(kind, exact=True).text])
            text = f"tl.load({at}, mask={mask}, other={other})"
        if buffer == "y":
            text += ".to(tl.float32)"
        self.bind(text, kind, True)

    def memory(self) -> None:
        """Loads and stores of one buffer, whose order matters."""
        self.bind(f"tl.load(w + pid * {WINDOW} + {self.dense()}{self.how()})", "f")
        for _ in range(self.rng.randint(1, 4)):
            if self.rng.random() < 0.2:
                self.region_that_writes()
            at = f"w + pid * {WINDOW} + {self.address()}"
            if self.rng.random() < 0.5:
                self.bind(f"tl.load({at}{self.how()})", "f")
            else:
                into = f"w + pid * {WINDOW} + {self.dense()} + {self.rng.choice([0, 0, 1, 7])}"
                mask, value = self.mask(), self.expression("f", 1).text
                self.line(f"tl.store({into}, {value} * 0.5 + zf" + (f", mask={mask})" if mask else ")"))

    def how(self) -> str:
        """Every other load of what is stored, too, is volatile; that draws nothing."""
        return ", volatile=True" if self.volatile and self.count % 2 else ""

    def region_that_writes(self) -> None:
        self.line(self.rng.choice([f"for {self.name()} in range(trips):", "if flag > 0:", "if lo < 3:"]))
        value, into = self.expression("f", 1).text, f"w + pid * {WINDOW} + {self.dense()}"
        self.line(f"    tl.store({into}, {value} * 0.5 + zf + tl.load({into}{self.how()}) * 0.25)")

    def store(self) -> None:
        kind, buffer, zero = self.rng.choice([("f", "o", "zf"), ("i", "oi", "zi")])
        recent = [v for v in self.pool if v.kind == kind][-3:]
        value, mask = self.rng.choice(recent) if recent else self.pick(kind), self.mask()
        at = f"{buffer} + pid * {WINDOW} + {self.stores % 8 * self.total} + {self.dense()}"
        self.line(f"tl.store({at}, {value.text} + {zero}" + (f", mask={mask})" if mask else ")"))
        self.stores += 1

    def reduce(self) -> None:
        rng, rank = self.rng, len(self.extents)
        kind = rng.choice("fi")
        names = {"f": ["sum", "max", "min"], "i": ["sum", "max", "min", "xor_sum"]}[kind]
        axis = rng.randrange(rank)
        value = self.expression(kind, 1)
        name = rng.choice(names)
        text = f"{value.text} + z{kind}"
        exact = kind == "i" or (name != "sum" and value.exact)
        if rng.random() < 0.2:
            self.bind(f"tl.cumsum({text}, {axis})", kind, kind == "i")
            return
        if rank == 1:
            self.bind(f"tl.{name}({text}, 0)", kind, exact, scalar=True)
        else:
            self.bind(f"tl.expand_dims(tl.{name}({text}, {axis}), {axis})", kind, exact)

    def reshape(self) -> None:
        """Elements change places: reshaped, transposed and back, or permuted where the shape allows it."""
        kind = self.rng.choice("fi")
        value = self.expression(kind, 1)
        text = f"({value.text} + z{kind})"
        if len(set(self.extents)) == 1 and len(self.extents) > 1:
            order = self.rng.choice(list(permutations(range(len(self.extents)))))
            self.bind(f"tl.permute({text}, {order})", kind, value.exact)
            return
        a = self.rng.choice([n for n in (1, 2, 4, 8, self.total) if self.total % n == 0])
        inner = f"tl.reshape({text}, ({a}, {self.total // a}))"
        self.bind(f"tl.reshape(tl.trans({inner}), {self.shape()})", kind, value.exact)

    def loop(self, depth: int) -> None:
        """Carried blocks, integers and addresses."""
        rng = self.rng
        carried = self.variables()
        pointer = self.name()
        self.line(f"{pointer} = x + pid * {WINDOW} + {self.address()}")
        turn, t = self.name(), self.name()
        self.line(f"for {turn} in range({rng.choice(['trips', 'trips', '0, trips', '1, 4', '0, 6, 2'])}):")
        outer = list(self.pool)
        self.indent += 1
        self.line(f"{t} = {turn} + pid * 0")  # the interpreter's loop variable is a Python number
        self.pool += [*carried, Value(t, "i", True, scalar=True)]
        if rng.random() < 0.6:
            self.bind(f"tl.load({pointer})", "f", True)
        for _ in range(rng.randint(0, 2)):
            self.statement(depth + 1)
        self.update(carried)
        step = rng.choice(["4", f"{t}", "(i0 & 3)" if len(self.extents) == 1 else "2", "0"])
        self.line(f"{pointer} += {step}")
        self.indent -= 1
        self.pool = [*outer, *carried]

    def repeat(self, depth: int) -> None:
        """A `while` loop."""
        carried = self.variables()
        turn = self.name()
        self.line(f"{turn} = lo * 0")
        self.line(f"while {turn} < {self.rng.choice(['trips', '2'])}:")
        outer = list(self.pool)
        self.indent += 1
        self.pool += [*carried, Value(turn, "i", True, scalar=True)]
        if self.rng.random() < 0.5:
            self.statement(depth + 1)
        self.update(carried)
        self.line(f"{turn} += 1")
        self.indent -= 1
        self.pool = [*outer, *carried]

    def branch(self, depth: int) -> None:
        carried = self.variables()
        scalars = [v.text for v in self.pool if v.scalar and v.kind == "i"]
        chosen = self.rng.choice([*scalars, "flag", "flag", "b0"])
        self.line(f"if {chosen} {self.rng.choice(['> 0', '== 0', '<= 1'])}:")
        outer = list(self.pool)
        for other in (False, True):
            if other and self.rng.random() < 0.4:
                break
            if other:
                self.line("else:")
            self.indent += 1
            self.pool = [*outer, *carried]
            for _ in range(self.rng.randint(0, 2)):
                self.statement(depth + 1)
            self.update(carried)
            self.indent -= 1
        self.pool = [*outer, *carried]

    def variables(self) -> list[Value]:
        """Blocks of the full shape that a region gives new values."""
        found = []
        for _ in range(self.rng.randint(1, 3)):
            kind = self.rng.choice("ffi")
            value = Value(self.name(), kind, kind == "i")
            start = self.rng.choice([f"z{kind}", f"{self.pick(kind).text} + z{kind}"])
            self.line(f"{value.text} = {start}")
            found.append(value)
        return found

    def update(self, carried: list[Value]) -> None:
        same = [v for v in carried if v.kind == carried[0].kind]
        if len(same) > 1 and self.rng.random() < 0.3:
            a, b = same[:2]
            second = self.rng.choice([a.text, f"{a.text} + {b.text}"])
            self.line(f"{a.text}, {b.text} = {b.text}, {second}")
            return
        for value in carried:
            if value.kind == "f":
                self.line(f"{value.text} = {value.text} * 0.5 + {self.expression('f', 1).text} + zf")
            else:
                form = self.rng.choice([f"{value.text} + 3", f"{value.text} + {self.expression('i', 1).text}"])
                self.line(f"{value.text} = {form} + zi")


def write(
    rng: Random, volatile: bool = False, int_forms: tuple[str, ...] = (), float_forms: tuple[str, ...] = ()
) -> Kernel:
    """A random `kernel(x, y, k, w, o, oi, scalars...)`: f32, f16, i32 in; f32 in and out; f32, i32 out."""
    return Writer(rng, volatile, int_forms, float_forms).kernel()
