"""Vectorized and scalar loops against NumPy: every form that stage `linalg` allows, at every lane count."""

from __future__ import annotations

import numpy as np

from rung.passes import Pass
from tests.harness import bf16, from_bf16, jit
from tests.numeric.vectorize_nests import RNG, SIZES, every_config, floats, generic, line, module, vec, view, view_type


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
