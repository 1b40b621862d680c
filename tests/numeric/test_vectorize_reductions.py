"""Vectorized and scalar accumulators against NumPy, at every lane count."""

from __future__ import annotations

import numpy as np
import pytest

from rung.passes import Pass
from tests.harness import jit
from tests.numeric.vectorize_nests import RNG, SIZES, every_config, floats, generic, line, module, vec, view, view_type

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
