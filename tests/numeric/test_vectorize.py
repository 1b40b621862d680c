"""Vectorized and scalar loops against NumPy: every form that stage `linalg` allows, at every lane count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from rung.passes import Pass
from rung.transforms.vectorize import NestsToLoops, Vectorize
from tests.harness import bf16, from_bf16, jit

CONFIGS: dict[str, Pass] = {
    "scalar": NestsToLoops(),
    "scalar-unrolled": NestsToLoops(unroll=2),
    "16-bytes-split": Vectorize(vector_bytes=16, vector_registers=16, masked_memory=False),
    "32-bytes-masked": Vectorize(vector_bytes=32, vector_registers=16),
    "64-bytes-masked": Vectorize(),
    "64-bytes-split": Vectorize(masked_memory=False, unroll=2),
    "128-bytes-masked": Vectorize(vector_bytes=128),
}
SIZES = (0, 1, 5, 16, 17, 63, 64, 65, 1000)
RNG = np.random.default_rng(0)

every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())


def view(name: str, base: str, element: str, sizes: Sequence[object], strides: Sequence[object]) -> str:
    """`%name_ = memref.reinterpret_cast %base ...`"""
    type_ = view_type(element, sizes, strides)
    texts = [", ".join(map(str, part)) for part in (sizes, strides)]
    return (
        f"%{name}_ = memref.reinterpret_cast %{base} to offset: [%zero], sizes: [{texts[0]}], "
        f"strides: [{texts[1]}] : memref<?x{element}> to {type_}\n"
    )


def view_type(element: str, sizes: Sequence[object], strides: Sequence[object]) -> str:
    shape = "x".join("?" if isinstance(s, str) else str(s) for s in sizes)
    layout = ", ".join("?" if isinstance(s, str) else str(s) for s in strides)
    return f"memref<{shape}x{element}, strided<[{layout}], offset: ?>>"


def module(arguments: str, setup: str, nests: str, functions: str = "") -> str:
    return f"""
{functions}
func.func @kernel({arguments}) {{
  %zero = arith.constant 0 : index
  {setup}
  {nests}
  return
}}"""


def generic(dims: str, kinds: str, ins: list[tuple[str, str, str]], outs: list[tuple[str, str, str]], body: str) -> str:
    """`ins` and `outs`: (value, map results, type); `kinds`: one letter p or r per dimension."""
    maps = ", ".join(f"affine_map<({dims}) -> ({m})>" for _, m, _ in [*ins, *outs])
    words = ", ".join({"p": '"parallel"', "r": '"reduction"'}[k] for k in kinds)
    text = f"linalg.generic {{indexing_maps = [{maps}], iterator_types = [{words}]}} "
    if ins:
        text += f"ins({', '.join(v for v, _, _ in ins)} : {', '.join(t for _, _, t in ins)}) "
    text += f"outs({', '.join(v for v, _, _ in outs)} : {', '.join(t for _, _, t in outs)})"
    return f"{text} {{\n{body}\n}}\n"


def line(element: str) -> str:
    return view_type(element, ["%n"], [1])


def vec(name: str, base: str, element: str) -> str:
    return view(name, base, element, ["%n"], [1])


def floats(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


@every_config
def test_elementwise_in_place(config: Pass) -> None:
    f = line("f32")
    body = """^bb0(%a: f32, %b: f32, %o: f32, %p: f32):
    %s = arith.addf %a, %b : f32
    %k = arith.constant 0.5 : f32
    %t = arith.mulf %s, %k : f32
    %e = math.exp %t : f32
    %w = arith.divf %e, %scale : f32
    linalg.yield %w, %p : f32, f32"""
    text = module(
        "%x: memref<?xf32>, %y: memref<?xf32>, %scale: f32, %n: index",
        vec("a", "x", "f32") + vec("b", "y", "f32"),
        generic("i", "p", [("%a_", "i", f), ("%b_", "i", f)], [("%a_", "i", f), ("%b_", "i", f)], body),
    )
    call = jit(text, [config])
    for n in SIZES:
        x, y = floats(1100), floats(1100)
        want, same = x.copy(), y.copy()
        want[:n] = np.exp((x[:n].astype(np.float64) + y[:n]) * 0.5) / 1.5
        call(x, y, 1.5, n)
        np.testing.assert_allclose(x, want, rtol=2e-6)
        np.testing.assert_array_equal(y, same)


@every_config
def test_transposed_broadcast_and_strided_views(config: Pass) -> None:
    sizes = ["%m", "%n"]
    rows, columns = view_type("f32", sizes, ["%n", 1]), view_type("f32", ["%n", "%m"], ["%s", 2])
    row, every = view_type("f32", ["%n"], [1]), view_type("f32", sizes, [0, "%t"])
    column = view_type("f32", ["%m"], [1])
    body = """^bb0(%a: f32, %b: f32, %c: f32, %d: f32, %old: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %p, %c : f32
    %r = arith.subf %q, %d : f32
    linalg.yield %r : f32"""
    text = module(
        "%x: memref<?xf32>, %y: memref<?xf32>, %z: memref<?xf32>, %o: memref<?xf32>, %m: index, %n: index,"
        "%s: index, %t: index",
        view("a", "x", "f32", ["%n", "%m"], ["%s", 2])
        + view("b", "y", "f32", ["%n"], [1])
        + view("c", "y", "f32", ["%m"], [1])
        + view("d", "z", "f32", sizes, [0, "%t"])
        + view("e", "o", "f32", sizes, ["%n", 1]),
        generic(
            "i, j",
            "pp",
            [("%a_", "j, i", columns), ("%b_", "j", row), ("%c_", "i", column), ("%d_", "i, j", every)],
            [("%e_", "i, j", rows)],
            body,
        ),
    )
    call = jit(text, [config])
    for m, n in ((1, 1), (3, 17), (5, 64), (33, 70), (0, 5), (5, 0)):
        s, t = 2 * m + 3, 3
        x, y, z = floats(n * s + 8), floats(max(m, n) + 8), floats(n * t + 8)
        o = np.zeros(m * n + 8, np.float32)
        call(x, y, z, o, m, n, s, t)
        at = np.add.outer(2 * np.arange(m), s * np.arange(n))
        want = x[at] * y[:n] + y[:m, None] - z[: n * t : t]
        np.testing.assert_allclose(o[: m * n].reshape(m, n), want, rtol=1e-5, atol=1e-6)
        assert not o[m * n :].any()


@every_config
def test_three_dimensions_with_index(config: Pass) -> None:
    """Strides of a permuted scratch-like view, and `linalg.index` as data."""
    a, o = "memref<3x5x21xi32>", "memref<21x3x5xi32>"
    body = """^bb0(%a: i32, %o: i32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %k = linalg.index 2 : index
    %p = arith.muli %i, %j : index
    %q = arith.addi %p, %k : index
    %r = arith.index_cast %q : index to i32
    %c = arith.constant 3 : i32
    %s = arith.muli %r, %c : i32
    %t = arith.addi %a, %s : i32
    linalg.yield %t : i32"""
    text = module(
        f"%a_: {a}, %o_: {o}",
        "",
        generic("i, j, k", "ppp", [("%a_", "i, j, k", a)], [("%o_", "k, i, j", o)], body),
    )
    x = RNG.integers(-100, 100, (3, 5, 21), dtype=np.int32)
    out = np.zeros((21, 3, 5), np.int32)
    jit(text, [config])(x, out)
    i, j, k = np.indices(x.shape)
    np.testing.assert_array_equal(out, (x + 3 * (i * j + k)).transpose(2, 0, 1))


@every_config
def test_mixed_widths(config: Pass) -> None:
    """f16, bf16, f64, i8, i16 and i64 in one body."""
    types = ["f16", "bf16", "f64", "i8", "i16", "i64"]
    names = "abcdef"
    body = """^bb0(%a: f16, %b: bf16, %c: f64, %d: i8, %e: i16, %f: i64, %o: f64, %p: i8, %q: f16, %r: bf16):
    %0 = arith.extf %a : f16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.addf %0, %1 : f32
    %3 = arith.extf %2 : f32 to f64
    %4 = arith.mulf %3, %c : f64
    %5 = arith.extsi %d : i8 to i64
    %6 = arith.extui %e : i16 to i64
    %7 = arith.addi %5, %6 : i64
    %8 = arith.addi %7, %f : i64
    %9 = arith.sitofp %8 : i64 to f64
    %10 = arith.addf %4, %9 : f64
    %11 = arith.cmpi slt, %5, %f : i64
    %12 = arith.extui %11 : i1 to i8
    %13 = arith.truncf %2 : f32 to f16
    %14 = arith.truncf %2 : f32 to bf16
    linalg.yield %10, %12, %13, %14 : f64, i8, f16, bf16"""
    arguments = [*(f"%{n}0: memref<?x{t}>" for n, t in zip(names, types, strict=True))]
    arguments += [
        "%o0: memref<?xf64>",
        "%p0: memref<?xi8>",
        "%q0: memref<?xf16>",
        "%r0: memref<?xbf16>",
        "%n: index",
    ]
    setup = "".join(vec(n, f"{n}0", t) for n, t in zip(names, types, strict=True))
    setup += vec("o", "o0", "f64") + vec("p", "p0", "i8") + vec("q", "q0", "f16") + vec("r", "r0", "bf16")
    ins = [(f"%{n}_", "i", line(t)) for n, t in zip(names, types, strict=True)]
    outs = [(f"%{n}_", "i", line(t)) for n, t in zip("opqr", ("f64", "i8", "f16", "bf16"), strict=True)]
    call = jit(module(", ".join(arguments), setup, generic("i", "p", ins, outs, body)), [config])
    for n in (0, 7, 65):
        a, b, c = floats(n).astype(np.float16), bf16(floats(n)), floats(n).astype(np.float64)
        d = RNG.integers(-128, 128, n, dtype=np.int8)
        e = RNG.integers(-(2**15), 2**15, n, dtype=np.int16)
        f = RNG.integers(-(2**40), 2**40, n, dtype=np.int64)
        o, p, q, r = np.zeros(n), np.zeros(n, np.int8), np.zeros(n, np.float16), np.zeros(n, np.int16)
        call(a, b, c, d, e, f, o, p, q, r, n)
        s = a.astype(np.float32) + from_bf16(b)
        np.testing.assert_allclose(o, s.astype(np.float64) * c + (d.astype(np.int64) + e.view(np.uint16) + f))
        np.testing.assert_array_equal(p, (d < f).astype(np.int8))
        np.testing.assert_array_equal(q, s.astype(np.float16))
        np.testing.assert_array_equal(r, bf16(s))


REDUCTIONS = {
    "addf": ("f32", np.float32, np.add.reduce, 0.0),
    "mulf": ("f64", np.float64, np.multiply.reduce, 1.0),
    "maximumf": ("f32", np.float32, np.maximum.reduce, -np.inf),
    "minnumf": ("f32", np.float32, np.fmin.reduce, np.nan),
    "maxnumf": ("f32", np.float32, np.fmax.reduce, -np.inf),
    "addi": ("i8", np.int8, None, 0),
    "minsi": ("i16", np.int16, np.minimum.reduce, 2**15 - 1),
    "maxui": ("i32", np.uint32, np.maximum.reduce, 0),
    "andi": ("i64", np.int64, np.bitwise_and.reduce, -1),
    "xori": ("i32", np.int32, np.bitwise_xor.reduce, 0),
}


@every_config
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction(config: Pass, name: str) -> None:
    element, dtype, reduce, start = REDUCTIONS[name]
    text = module(
        f"%x: memref<?x{element}>, %s_: memref<{element}>, %n: index",
        vec("a", "x", element),
        generic(
            "i",
            "r",
            [("%a_", "i", line(element))],
            [("%s_", "", f"memref<{element}>")],
            f"^bb0(%a: {element}, %s: {element}):\n %r = arith.{name} %s, %a : {element}\n linalg.yield %r : {element}",
        ),
    )
    call = jit(text, [config])
    for n in SIZES:
        if np.issubdtype(dtype, np.floating):
            x = RNG.uniform(0.9, 1.1, n).astype(dtype)
            if name.endswith("numf"):
                x[::2] = np.nan
        else:
            info = np.iinfo(dtype)
            x = RNG.integers(info.min, info.max, n, dtype=dtype, endpoint=True)
        out = np.array(start).astype(dtype)
        signed = (np.int32, x.view(np.int32), out.view(np.int32)) if dtype == np.uint32 else (dtype, x, out)
        call(signed[1], signed[2], n)
        if reduce is None:
            assert out == x.astype(np.int64).sum().astype(dtype)
            continue
        everything = np.append(x, np.array(start).astype(dtype))
        wide = everything.astype(np.float64) if np.issubdtype(dtype, np.floating) else everything
        np.testing.assert_allclose(out, reduce(wide), rtol=1e-5)


@every_config
@pytest.mark.parametrize("kept", ["i", "j", "k", "i, k", ""])
def test_reduction_over_some_dimensions(config: Pass, kept: str) -> None:
    """A reduction over any dimensions, which also writes every element: exp(x) to scratch, and its sum."""
    shape = (3, 7, 37)
    axes = tuple(d for d, letter in enumerate("ijk") if letter not in kept)
    rest = [shape["ijk".index(letter)] for letter in "ijk" if letter in kept]
    a = "memref<3x7x37xf32>"
    s = f"memref<{''.join(f'{n}x' for n in rest)}f32>"
    kinds = "".join("p" if letter in kept else "r" for letter in "ijk")
    body = """^bb0(%a: f32, %e: f32, %s: f32, %t: f32):
    %x = math.exp %a : f32
    %r = arith.addf %s, %x : f32
    %m = arith.maximumf %a, %t : f32
    linalg.yield %x, %r, %m : f32, f32, f32"""
    text = module(
        f"%a_: {a}, %e_: {a}, %s_: {s}, %t_: {s}",
        "",
        generic(
            "i, j, k",
            kinds,
            [("%a_", "i, j, k", a)],
            [("%e_", "i, j, k", a), ("%s_", kept, s), ("%t_", kept, s)],
            body,
        ),
    )
    x, e = floats(*shape), np.zeros(shape, np.float32)
    total, top = np.full(rest, 2.0, np.float32), np.full(rest, 0.25, np.float32)
    jit(text, [config])(x, e, total, top)
    np.testing.assert_allclose(e, np.exp(x), rtol=1e-6)
    np.testing.assert_allclose(total, 2.0 + np.exp(x.astype(np.float64)).sum(axes), rtol=1e-5)
    np.testing.assert_array_equal(top, np.maximum(x.max(axes), np.float32(0.25)))


@every_config
def test_accumulators_with_different_maps(config: Pass) -> None:
    a, row, column = "memref<9x35xf32>", "memref<35xf32>", "memref<9xf32>"
    body = """^bb0(%a: f32, %r: f32, %c: f32, %s: f32):
    %0 = arith.addf %r, %a : f32
    %1 = arith.addf %a, %c : f32
    %2 = arith.maxnumf %s, %a : f32
    linalg.yield %0, %1, %2 : f32, f32, f32"""
    outs = [("%r_", "j", row), ("%c_", "i", column), ("%s_", "", "memref<f32>")]
    text = module(
        f"%a_: {a}, %r_: {row}, %c_: {column}, %s_: memref<f32>",
        "",
        generic("i, j", "rr", [("%a_", "i, j", a)], outs, body),
    )
    x = floats(9, 35)
    rows, columns, top = floats(35), floats(9), np.array(-np.inf, np.float32)
    want = rows + x.sum(0, dtype=np.float64), columns + x.sum(1, dtype=np.float64)
    jit(text, [config])(x, rows, columns, top)
    np.testing.assert_allclose(rows, want[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(columns, want[1], rtol=1e-4, atol=1e-5)
    assert top == x.max()


ARGMAX = """
func.func private @combiner(%v: f32, %i: i32, %f: i8, %w: f32, %j: i32, %g: i8) -> (f32, i32, i8)
    attributes {rung.combiner} {
  %none = arith.constant 0 : i8
  %empty = arith.cmpi eq, %f, %none : i8
  %other = arith.cmpi ne, %g, %none : i8
  %gt = arith.cmpf ogt, %w, %v : f32
  %eq = arith.cmpf oeq, %w, %v : f32
  %lt = arith.cmpi slt, %j, %i : i32
  %tie = arith.andi %eq, %lt : i1
  %better = arith.ori %gt, %tie : i1
  %win = arith.ori %better, %empty : i1
  %take = arith.andi %win, %other : i1
  %a = arith.select %take, %w, %v : f32
  %b = arith.select %take, %j, %i : i32
  %c = arith.ori %f, %g : i8
  return %a, %b, %c : f32, i32, i8
}"""


@every_config
@pytest.mark.parametrize("over", ["i", "j"])
def test_argmax_combiner_with_flag(config: Pass, over: str) -> None:
    a = view_type("f32", ["%m", "%n"], ["%n", 1])
    kept = "j" if over == "i" else "i"
    count = "%n" if over == "i" else "%m"
    kinds = "rp" if over == "i" else "pr"
    body = f"""^bb0(%a: f32, %v: f32, %i: i32, %f: i8):
    %w = linalg.index {"ij".index(over)} : index
    %y = arith.index_cast %w : index to i32
    %one = arith.constant 1 : i8
    %r:3 = func.call @combiner(%v, %i, %f, %a, %y, %one) : (f32, i32, i8, f32, i32, i8) -> (f32, i32, i8)
    linalg.yield %r#0, %r#1, %r#2 : f32, i32, i8"""
    types = [view_type(t, [count], [1]) for t in ("f32", "i32", "i8")]
    text = module(
        "%x: memref<?xf32>, %v0: memref<?xf32>, %i0: memref<?xi32>, %f0: memref<?xi8>, %m: index, %n: index",
        view("a", "x", "f32", ["%m", "%n"], ["%n", 1])
        + view("v", "v0", "f32", [count], [1])
        + view("i", "i0", "i32", [count], [1])
        + view("f", "f0", "i8", [count], [1]),
        generic(
            "i, j",
            kinds,
            [("%a_", "i, j", a)],
            [(f"%{n}_", kept, t) for n, t in zip("vif", types, strict=True)],
            body,
        ),
        ARGMAX,
    )
    call = jit(text, [config])
    for m, n in ((1, 1), (5, 17), (40, 64), (70, 100)):
        x = RNG.integers(0, 12, (m, n)).astype(np.float32)
        size = n if over == "i" else m
        v, i, f = np.zeros(size, np.float32), np.zeros(size, np.int32), np.zeros(size, np.int8)
        axis = 0 if over == "i" else 1
        call(x.ravel(), v, i, f, m, n)
        np.testing.assert_array_equal(v, x.max(axis))
        np.testing.assert_array_equal(i, x.argmax(axis))
        assert f.all()


@every_config
@pytest.mark.parametrize("name", ["ori", "andi", "xori"])
def test_boolean_accumulator_is_kept_as_a_byte(config: Pass, name: str) -> None:
    body = f"""^bb0(%a: f32, %s: i8):
    %c0 = arith.constant 0 : i8
    %z = arith.constant 0.0 : f32
    %e = arith.cmpf ogt, %a, %z : f32
    %t = arith.cmpi ne, %s, %c0 : i8
    %r = arith.{name} %t, %e : i1
    %w = arith.extui %r : i1 to i8
    linalg.yield %w : i8"""
    text = module(
        "%x: memref<?xf32>, %s_: memref<i8>, %n: index",
        vec("a", "x", "f32"),
        generic("i", "r", [("%a_", "i", line("f32"))], [("%s_", "", "memref<i8>")], body),
    )
    call = jit(text, [config])
    reduce = {"ori": np.logical_or, "andi": np.logical_and, "xori": np.logical_xor}[name].reduce
    for n in SIZES:
        for start in (0, 1):
            for x in (floats(n), np.full(n, -1.0, np.float32), np.ones(n, np.float32)):
                out = np.array(start, np.int8)
                call(x, out, n)
                assert out == reduce(np.append(x > 0, bool(start)))


COUNTED_SUM = """
func.func private @combiner(%v: f32, %c: i32, %f: i8, %w: f32, %d: i32, %g: i8) -> (f32, i32, i8)
    attributes {rung.combiner} {
  %zero = arith.constant 0 : i8
  %left = arith.cmpi ne, %f, %zero : i8
  %right = arith.cmpi ne, %g, %zero : i8
  %sum = arith.addf %v, %w : f32
  %count = arith.addi %c, %d : i32
  %a = arith.select %right, %sum, %v : f32
  %b = arith.select %right, %count, %c : i32
  %x = arith.select %left, %a, %w : f32
  %y = arith.select %left, %b, %d : i32
  %z = arith.ori %f, %g : i8
  return %x, %y, %z : f32, i32, i8
}"""


@every_config
def test_flagged_accumulators_go_on_from_an_earlier_nest(config: Pass) -> None:
    """What is in memory counts once, not once per lane."""
    body = """^bb0(%a: f32, %v: f32, %i: i32, %f: i8):
    %one = arith.constant 1 : i32
    %some = arith.constant 1 : i8
    %r:3 = func.call @combiner(%v, %i, %f, %a, %one, %some) : (f32, i32, i8, f32, i32, i8) -> (f32, i32, i8)
    linalg.yield %r#0, %r#1, %r#2 : f32, i32, i8"""
    outs = [(f"%{n}_", "", f"memref<{t}>") for n, t in zip("vif", ("f32", "i32", "i8"), strict=True)]
    nest = generic("i", "r", [("%a_", "i", line("f32"))], outs, body)
    text = module(
        "%x: memref<?xf32>, %v_: memref<f32>, %i_: memref<i32>, %f_: memref<i8>, %n: index",
        vec("a", "x", "f32"),
        nest + nest,
        COUNTED_SUM,
    )
    call = jit(text, [config])
    for n in (0, 3, 70):
        x = floats(n)
        v, i, f = np.array(9.0, np.float32), np.array(9, np.int32), np.array(0, np.int8)
        call(x, v, i, f, n)
        assert (f == 1) == (n > 0)
        if n:
            np.testing.assert_allclose(v, 2 * x.sum(dtype=np.float64), rtol=1e-4, atol=1e-5)
            assert i == 2 * n


@every_config
def test_assertions_hold_for_active_lanes_only(config: Pass) -> None:
    i = line("i32")
    body = """^bb0(%k: i32, %o: i32):
    %c = arith.constant 5 : i32
    %ok = arith.cmpi eq, %k, %c : i32
    cf.assert %ok, "every element is 5"
    linalg.yield %k : i32"""
    text = module(
        "%k0: memref<?xi32>, %o0: memref<?xi32>, %n: index",
        vec("k", "k0", "i32") + vec("o", "o0", "i32"),
        generic("i", "p", [("%k_", "i", i)], [("%o_", "i", i)], body),
    )
    k, o = np.full(90, 5, np.int32), np.zeros(90, np.int32)
    jit(text, [config])(k, o, 83)
    assert (o[:83] == 5).all() and not o[83:].any()


@every_config
def test_guarded_loads_and_stores(config: Pass) -> None:
    """Masks that are not a range; inactive lanes touch no memory and divide by nothing."""
    f, i = line("f32"), line("i32")
    body = """^bb0(%k: i32, %o: f32):
    %p = linalg.index 0 : index
    %q = arith.addi %p, %shift : index
    %c0 = arith.constant 0 : i32
    %other = arith.constant -1.0 : f32
    %on = arith.cmpi sgt, %k, %c0 : i32
    %v = scf.if %on -> f32 {
      %l = memref.load %x[%q] : memref<?xf32>
      scf.yield %l : f32
    } else {
      scf.yield %other : f32
    }
    %w = scf.if %on -> f32 {
      %hundred = arith.constant 100 : i32
      %d = arith.divsi %hundred, %k : i32
      %two = arith.constant 2 : i32
      %even = arith.remsi %d, %two : i32
      %is = arith.cmpi eq, %even, %c0 : i32
      %y = scf.if %is -> f32 {
        memref.store %v, %z[%p] : memref<?xf32>
        %s = arith.sitofp %d : i32 to f32
        scf.yield %s : f32
      } else {
        %m = memref.load %x[%p] : memref<?xf32>
        scf.yield %m : f32
      }
      scf.yield %y : f32
    } else {
      %m = arith.addf %v, %v : f32
      scf.yield %m : f32
    }
    %r = arith.addf %v, %w : f32
    linalg.yield %r : f32"""
    text = module(
        "%x: memref<?xf32>, %z: memref<?xf32>, %k0: memref<?xi32>, %o0: memref<?xf32>,%shift: index, %n: index",
        vec("k", "k0", "i32") + vec("o", "o0", "f32"),
        generic("i", "p", [("%k_", "i", i)], [("%o_", "i", f)], body),
    )
    call = jit(text, [config])
    for n in SIZES:
        x, z, o = floats(n + 3), np.full(n, 9.0, np.float32), np.zeros(n, np.float32)
        k = RNG.integers(-3, 9, n, dtype=np.int32)
        call(x, z, k, o, 3, n)
        on = k > 0
        v = np.where(on, x[3:], np.float32(-1))
        d = 100 // np.where(on, k, 1)
        even = on & (d % 2 == 0)
        w = np.where(even, d.astype(np.float32), np.where(on, x[:n], 2 * v))
        np.testing.assert_array_equal(o, v + w)
        np.testing.assert_array_equal(z, np.where(even, v, np.float32(9)))


@every_config
def test_uniform_condition_stays_a_branch(config: Pass) -> None:
    f = line("f32")
    body = """^bb0(%a: f32, %o: f32):
    %p = linalg.index 0 : index
    %v = scf.if %flag -> f32 {
      %l = memref.load %x[%p] : memref<?xf32>
      %k = arith.constant 2.0 : f32
      %m = arith.mulf %l, %k : f32
      scf.yield %m : f32
    } else {
      %d = arith.addf %s, %s : f32
      %m = arith.mulf %a, %d : f32
      scf.yield %m : f32
    }
    %u = arith.addf %s, %s : f32
    %r = arith.addf %v, %u : f32
    linalg.yield %r : f32"""
    text = module(
        "%x: memref<?xf32>, %o0: memref<?xf32>, %s: f32, %c: index, %n: index",
        vec("a", "x", "f32") + vec("o", "o0", "f32") + "%flag = arith.cmpi ne, %c, %zero : index",
        generic("i", "p", [("%a_", "i", f)], [("%o_", "i", f)], body),
    )
    call = jit(text, [config])
    for flag in (0, 1):
        x, o = floats(77), np.zeros(77, np.float32)
        call(x, o, 1.25, flag, 77)
        np.testing.assert_allclose(o, x * (2 if flag else 2.5) + 2.5, rtol=1e-6)


@every_config
@pytest.mark.parametrize("element", ["i32", "i64"])
def test_gather_and_scatter(config: Pass, element: str) -> None:
    """Rows of a table by index, scattered by another index; bounds are guarded as Triton code does."""
    i, f = line(element), line("f32")
    body = f"""^bb0(%k: {element}, %g: {element}, %o: f32):
    %width = arith.constant 3 : {element}
    %row = arith.muli %k, %width : {element}
    %one = arith.constant 1 : {element}
    %col = arith.addi %row, %one : {element}
    %at = arith.index_cast %col : {element} to index
    %zero_ = arith.constant 0 : {element}
    %ok = arith.cmpi sge, %k, %zero_ : {element}
    %pad = arith.constant 7.0 : f32
    %v = scf.if %ok -> f32 {{
      %l = memref.load %table[%at] : memref<?xf32>
      scf.yield %l : f32
    }} else {{
      scf.yield %pad : f32
    }}
    %to = arith.index_cast %g : {element} to index
    memref.store %v, %out[%to] : memref<?xf32>
    linalg.yield %v : f32"""
    text = module(
        f"%table: memref<?xf32>, %k0: memref<?x{element}>, %g0: memref<?x{element}>, %o0: memref<?xf32>,"
        "%out: memref<?xf32>, %n: index",
        vec("k", "k0", element) + vec("g", "g0", element) + vec("o", "o0", "f32"),
        generic("i", "p", [("%k_", "i", i), ("%g_", "i", i)], [("%o_", "i", f)], body),
    )
    call = jit(text, [config])
    dtype = np.int32 if element == "i32" else np.int64
    for n in SIZES:
        table = floats(300)
        k = RNG.integers(-20, 99, n, dtype=dtype)
        g = RNG.permutation(n).astype(dtype)
        o, out = np.zeros(n, np.float32), np.zeros(n, np.float32)
        call(table, k, g, o, out, n)
        want = np.where(k >= 0, table[np.maximum(k, 0) * 3 + 1], np.float32(7))
        np.testing.assert_array_equal(o, want)
        np.testing.assert_array_equal(out[g], want)


@every_config
def test_gather_from_scratch_of_rank_two(config: Pass) -> None:
    t, o, i = "memref<9x13xf32>", "memref<9x40xf32>", "memref<40xi32>"
    body = """^bb0(%k: i32, %o: f32):
    %r = linalg.index 0 : index
    %c = arith.index_cast %k : i32 to index
    %a = memref.load %t[%r, %c] : memref<9x13xf32>
    %two = arith.constant 2 : index
    %s = arith.remui %c, %two : index
    %b = memref.load %t[%s, %r] : memref<9x13xf32>
    %v = arith.addf %a, %b : f32
    linalg.yield %v : f32"""
    text = module(
        f"%t: {t}, %k_: {i}, %o_: {o}",
        "",
        generic("i, j", "pp", [("%k_", "j", i)], [("%o_", "i, j", o)], body),
    )
    table, k, out = floats(9, 13), RNG.integers(0, 13, 40, dtype=np.int32), np.zeros((9, 40), np.float32)
    jit(text, [config])(table, k, out)
    want = table[:, k] + table[(k % 2)[None, :], np.arange(9)[:, None]]
    np.testing.assert_array_equal(out, want)


@every_config
def test_atomics(config: Pass) -> None:
    """A histogram under a mask, and the value an atomic returns; colliding lanes all count."""
    i = line("i32")
    body = """^bb0(%k: i32, %o: i32):
    %one = arith.constant 1 : i32
    %c0 = arith.constant 0 : i32
    %at = arith.index_cast %k : i32 to index
    %ok = arith.cmpi sge, %k, %c0 : i32
    %v = scf.if %ok -> i32 {
      %p = memref.atomic_rmw addi %one, %h[%at] : (i32, memref<?xi32>) -> i32
      %q = memref.generic_atomic_rmw %g[%zero] : memref<?xi32> {
      ^bb0(%old: i32):
        %new = arith.addi %old, %k : i32
        memref.atomic_yield %new : i32
      }
      scf.yield %p : i32
    } else {
      scf.yield %k : i32
    }
    linalg.yield %v : i32"""
    text = module(
        "%h: memref<?xi32>, %g: memref<?xi32>, %k0: memref<?xi32>, %o0: memref<?xi32>, %n: index",
        vec("k", "k0", "i32") + vec("o", "o0", "i32"),
        generic("i", "p", [("%k_", "i", i)], [("%o_", "i", i)], body),
    )
    call = jit(text, [config])
    for n in (0, 1, 17, 100):
        k = RNG.integers(-2, 5, n, dtype=np.int32)
        h, g, o = np.zeros(5, np.int32), np.zeros(1, np.int32), np.full(n, -9, np.int32)
        call(h, g, k, o, n)
        np.testing.assert_array_equal(h, np.bincount(k[k >= 0], minlength=5))
        assert g[0] == k[k >= 0].sum()
        np.testing.assert_array_equal(o[k < 0], k[k < 0])
        for value in range(5):
            np.testing.assert_array_equal(np.sort(o[k == value]), np.arange((k == value).sum()))


@every_config
def test_body_with_a_loop_gets_scalar_loops(config: Pass) -> None:
    f = line("f32")
    body = """^bb0(%a: f32, %o: f32):
    %i = linalg.index 0 : index
    %lo = arith.constant 0 : index
    %hi = arith.constant 3 : index
    %st = arith.constant 1 : index
    %r = scf.for %k = %lo to %hi step %st iter_args(%acc = %a) -> f32 {
      %m = arith.addi %i, %k : index
      %l = memref.load %x[%m] : memref<?xf32>
      %s = arith.addf %acc, %l : f32
      scf.yield %s : f32
    }
    linalg.yield %r : f32"""
    text = module(
        "%x: memref<?xf32>, %o0: memref<?xf32>, %n: index",
        vec("a", "x", "f32") + vec("o", "o0", "f32"),
        generic("i", "p", [("%a_", "i", f)], [("%o_", "i", f)], body),
    )
    call = jit(text, [config])
    x, o = floats(40), np.zeros(37, np.float32)
    call(x, o, 37)
    np.testing.assert_allclose(o, 2 * x[:37] + x[1:38] + x[2:39], rtol=1e-5, atol=1e-6)


@every_config
def test_static_sizes_and_copies(config: Pass) -> None:
    """Static sizes that divide, that do not, and that are below one vector; strided copies."""
    nests = ""
    arguments: list[str] = []
    shapes = [(64,), (100,), (5,), (3, 40), (4, 3), (1, 1), (2, 16)]
    for number, shape in enumerate(shapes):
        dims = "x".join(map(str, shape))
        t = f"memref<{dims}xf32>"
        strides = [2 * int(np.prod(shape[i + 1 :], dtype=int)) for i in range(len(shape))]
        s = f"memref<{dims}xf32, strided<{strides}>>"
        arguments += [f"%a{number}: {t}", f"%b{number}: {s}"]
        nests += f"memref.copy %a{number}, %b{number} : {t} to {s}\n"
    call = jit(module(", ".join(arguments), "", nests), [config])
    arrays: list[np.ndarray] = []
    for shape in shapes:
        source = floats(*shape)
        wide = np.zeros((*shape[:-1], 2 * shape[-1]), np.float32)
        arrays += [source, wide[..., ::2]]
    call(*arrays)
    for source, target in zip(arrays[::2], arrays[1::2], strict=True):
        np.testing.assert_array_equal(source, target)
        assert not target.base[..., 1::2].any()
