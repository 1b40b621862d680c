"""What Vec leaves in object code: packed arithmetic, no call of a math library, no division of single numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import triton
import triton.language as tl
from triton.language.extra import libdevice

from rung import machine
from rung.compile import Executable, compile_kernel
from rung.evidence import HostCode
from rung.schedule import Schedule

pytestmark = pytest.mark.skipif(machine.host().arch != "x86_64", reason="counts x86 instructions")
VEC = Schedule.parse("threads=1")
SCALAR = Schedule.parse("vectorize=off threads=1")


@triton.jit
def functions(x, y, o, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    a, b = tl.load(x + i), tl.load(y + i)
    s = tl.exp(a) + tl.exp2(a) + tl.log(b) + tl.log2(b) + libdevice.log1p(b) + libdevice.expm1(a)
    s += libdevice.tanh(a) + tl.erf(a) + tl.sin(a) + tl.cos(a) + tl.rsqrt(b) + 1 / b + libdevice.pow(b, a)
    tl.store(o + i, s + tl.sigmoid(a) + a / b + tl.sqrt(b))


@triton.jit
def quotients(x, o, p, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    a = tl.load(x + i)
    tl.store(o + i, tl.sigmoid(a))
    tl.store(p + i, 1 / a)


@triton.jit
def integers(x, y, o, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    a, b = tl.load(x + i), tl.load(y + i)
    tl.store(o + i, a // b + a % b)


@triton.jit
def sums(x, y, o, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o + i, tl.load(x + i) + tl.load(y + i))


@triton.jit
def arg_extrema(x, o, N: tl.constexpr):
    v = tl.load(x + tl.arange(0, N))
    tl.store(o, tl.argmax(v, 0))
    tl.store(o + 1, tl.argmin(v, 0))


@triton.jit
def welford_step(mean_a, m2_a, n_a, mean_b, m2_b, n_b):
    delta = mean_b - mean_a
    n = n_a + n_b
    share = n_b / n
    return mean_a + delta * share, m2_a + m2_b + delta * delta * n_a * share, n


@triton.jit
def welford(x, o, N: tl.constexpr):
    v = tl.load(x + tl.arange(0, N))
    mean, m2, n = tl.reduce((v, v * 0, v * 0 + 1), 0, welford_step)
    tl.store(o, mean)
    tl.store(o + 1, m2 / n)


@triton.jit
def product(x, y, o, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, T: tl.constexpr):
    i, j, e = tl.arange(0, M)[:, None], tl.arange(0, N)[None, :], tl.arange(0, K)
    a, b = tl.load(x + i * K + e[None, :]), tl.load(y + e[:, None] * N + j)
    tl.store(o + i * N + j, tl.dot(a, b, out_dtype=T))


def build(kernel: Any, types: str, schedule: Schedule = VEC, **constexprs: object) -> Executable:
    pointers = [n for n in kernel.arg_names if n not in constexprs]
    signature = dict.fromkeys(kernel.arg_names, "constexpr") | dict(zip(pointers, types.split(), strict=True))
    return compile_kernel(kernel, signature, constexprs, machine=machine.host(), schedule=schedule)


def library_calls(found: HostCode) -> list[str]:
    return [name for name in found.calls if not name.startswith("rung_")]


@triton.jit
def cast(x, o, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o + i, tl.load(x + i).to(o.dtype.element_ty))


@pytest.mark.parametrize("wide", ["fp32", "fp16", "bf16", "fp64"])
@pytest.mark.parametrize("narrow", ["fp8e5", "fp8e4nv", "fp8e4b8", "fp8e5b16", "fp8e4b15"])
def test_conversions_of_eight_bits(narrow: str, wide: str) -> None:
    for types in (f"*{narrow} *{wide}", f"*{wide} *{narrow}"):
        found = build(cast, types, BLOCK=256).evidence
        assert not found.left_scalar and library_calls(found.object) == []


@pytest.mark.parametrize("element", ["fp32", "fp16", "bf16"])
def test_math_functions(element: str) -> None:
    pointer = f"*{element}"
    if element == "fp32":
        found = build(functions, f"{pointer} {pointer} {pointer}", BLOCK=256).evidence
    else:
        found = build(narrow_functions, f"{pointer} {pointer} {pointer}", BLOCK=256).evidence
    assert not found.left_scalar
    assert library_calls(found.object) == [] and found.object.scalar_divisions == 0
    assert found.object.packed_ops > 100


@pytest.mark.parametrize("schedule", [VEC, SCALAR], ids=["vector", "scalar"])
def test_sigmoid_and_reciprocal(schedule: Schedule) -> None:
    """At most 2.5 ulp (exp, a sum, a quotient) while e^-x is finite, and correctly rounded."""
    rng, edges = np.random.default_rng(0), [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3e38, 1e-39, 88.0, -88.0]
    x = np.concatenate([edges, rng.uniform(-88, 88, 4096), rng.uniform(-1, 1, 4096)]).astype(np.float32)
    x = x[: len(x) // 256 * 256]
    o, p = np.zeros_like(x), np.zeros_like(x)
    build(quotients, "*fp32 *fp32 *fp32", schedule, BLOCK=256).run([x, o, p], (len(x) // 256, 1, 1))
    with np.errstate(all="ignore"):
        exact = 1 / (1 + np.exp(-x.astype(np.float64)))
        np.testing.assert_array_equal(p, np.float32(1) / x)
    unit = np.spacing(exact.astype(np.float32)).astype(np.float64)
    numbers = ~np.isnan(x)
    assert np.isnan(o[~numbers]).all() and (np.abs(o - exact)[numbers] <= 2.5 * unit[numbers]).all()


@triton.jit
def narrow_functions(x, y, o, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    a, b = tl.load(x + i).to(tl.float32), tl.load(y + i).to(tl.float32)
    tl.store(o + i, libdevice.tanh(a) + tl.erf(b) * tl.log(b) + a / b)


@pytest.mark.parametrize("element", ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"])
def test_integer_division(element: str) -> None:
    executable = build(integers, " ".join([f"*{element}"] * 3), BLOCK=256)
    found = executable.evidence
    # The grid's own index arithmetic divides, in every kernel.
    besides = build(sums, " ".join([f"*{element}"] * 3), BLOCK=256).evidence.object.integer_divisions
    assert not found.left_scalar and found.object.integer_divisions == besides
    kind = np.dtype(element.replace("i", "int") if element[0] == "i" else element.replace("u", "uint"))
    info = np.iinfo(kind)
    rng = np.random.default_rng(0)
    x = rng.integers(info.min // 2, info.max, 256, kind)
    y = np.maximum(rng.integers(1, info.max, 256, kind) >> kind.type(rng.integers(0, 7)), kind.type(1))
    o = np.zeros(256, kind)
    executable.run([x, y, o], (1, 1, 1))
    # Triton's integer division truncates.
    quotient = np.sign(x) * (np.abs(x) // y) if kind.kind == "i" else x // y
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(o, (quotient + (x - quotient * y)).astype(kind))


def test_argmax_and_argmin() -> None:
    executable = build(arg_extrema, "*fp32 *i32", N=1024)
    found = executable.evidence
    assert not found.left_scalar and found.lanes and found.object.packed_ops > 0
    x, o = np.random.default_rng(0).standard_normal(1024).astype(np.float32), np.zeros(2, np.int32)
    x[700], x[300], x[40] = x.max(), x.max(), x.min()
    executable.run([x, o], (1, 1, 1))
    assert list(o) == [x.argmax(), x.argmin()]


def test_welford() -> None:
    executable = build(welford, "*fp32 *fp32", N=1024)
    found = executable.evidence
    assert not found.left_scalar and found.lanes and found.object.packed_ops > 0
    x, o = (np.random.default_rng(0).standard_normal(1024) + 3).astype(np.float32), np.zeros(2, np.float32)
    executable.run([x, o], (1, 1, 1))
    np.testing.assert_allclose(o, [x.mean(dtype=np.float64), x.var(dtype=np.float64)], rtol=1e-5)


@pytest.mark.parametrize(
    ("element", "result", "out"),
    [("fp32", "fp32", tl.float32), ("fp16", "fp32", tl.float32), ("bf16", "fp32", tl.float32), ("i8", "i32", tl.int32)],
)
def test_contractions(element: str, result: str, out: Any) -> None:
    types = f"*{element} *{element} *{result}"
    vector, scalar = (build(product, types, s, M=32, N=32, K=64, T=out).evidence for s in (VEC, SCALAR))
    assert any(d.contraction for d in vector.decided) and not vector.left_scalar
    assert vector.object.packed_ops > 0 == scalar.object.packed_ops
    # Every multiplication is packed: none of the additions and multiplications that the scalar rung has is left.
    assert vector.object.scalar_fp_ops == 0 and library_calls(vector.object) == []
