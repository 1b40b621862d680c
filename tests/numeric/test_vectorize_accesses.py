"""Conditions, gathers, scatters and atomics in vectorized and scalar loops, against NumPy, at every lane count."""

from __future__ import annotations

import numpy as np
import pytest

from rung.passes import Pass
from tests.harness import jit
from tests.numeric.vectorize_nests import RNG, SIZES, every_config, floats, generic, line, module, vec


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
