"""`expand-math` against float64 and mpmath: error bounds, edge values, equal bits on scalars, no calls."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
import torch
from scipy import special
from torch_mlir import ir
from torch_mlir.dialects import llvm

from rung.ir.context import make_context
from rung.lowering.expand_math import ExpandMath
from rung.lowering.math.bounds import ULP_BOUNDS
from rung.machine import host
from tests.harness import bf16, from_bf16, jit, lower

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
needs_avx512 = pytest.mark.skipif("avx512" not in host().features, reason="this machine has no AVX-512")
INF, NAN = np.inf, np.nan
UNARY = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "erf": special.erf,
    "erfc": special.erfc,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "cbrt": np.cbrt,
    "round": lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x),
}
BINARY = {"powf": np.power, "atan2": np.arctan2}
EDGES = np.array(
    [
        *(0.0, -0.0, INF, -INF, NAN, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 1.5, -1.5, 127, -5),
        *(1e-45, -1e-45, 1.17e-38, 1e-30, 3.4028235e38, -3.4028235e38, 2.0**24, -(2.0**24) - 2),
        *(88.5, 88.8, -87.5, -103.5, -104.5),
    ],
    np.float32,
)
LOOP = """
func.func @kernel(%x: memref<?x{t}>, %y: memref<?x{t}>, %o: memref<?x{t}>, %n: index) {{
  %c0 = arith.constant 0 : index
  %s = arith.constant {lanes} : index
  scf.for %i = %c0 to %n step %s {{
    {load_x}
    {load_y}
    %r = math.{name} {operands} : {v}
    {store}
  }}
  return
}}"""


def module(name: str, lanes: int, element: str = "f32") -> str:
    v = f"vector<{lanes}x{element}>" if lanes > 1 else element
    m = f"memref<?x{element}>" + (f", {v}" if lanes > 1 else "")
    op = "vector" if lanes > 1 else "memref"
    return LOOP.format(
        t=element,
        lanes=lanes,
        load_x=f"%a = {op}.load %x[%i] : {m}",
        load_y=f"%b = {op}.load %y[%i] : {m}",
        store=f"{op}.store %r, %o[%i] : {m}",
        name=name,
        operands="%a, %b" if name in BINARY else "%a",
        v=v,
    )


def run(
    name: str, x: np.ndarray, y: np.ndarray, lanes: int, element: str = "f32", fma: bool = True, avx512: bool = False
) -> np.ndarray:
    out = np.empty_like(x)
    jit(module(name, lanes, element), [ExpandMath(fma=fma, avx512=avx512)])(x, y, out, len(x))
    return out


@cache
def samples() -> np.ndarray:
    """All magnitudes and signs: every 39,989th bit pattern, dense intervals, edges."""
    generator = np.random.default_rng(0)
    patterns = np.arange(0, 1 << 32, 39989, dtype=np.uint64).astype(np.uint32).view(np.float32)
    dense = [generator.uniform(-limit, limit, 1 << 13) for limit in (0.3, 1.0, 2.0, 12.0, 110.0, 2e4)]
    both = np.concatenate([EDGES, patterns, *dense, 1 + generator.uniform(-0.01, 0.01, 1 << 14)])
    return both[: len(both) // 16 * 16].astype(np.float32)


@cache
def pairs() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    count = 1 << 14
    x, y = (grid.ravel() for grid in np.meshgrid(EDGES, EDGES))
    patterns = generator.integers(0, 1 << 32, (2, count), dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.concatenate([x, patterns[0], np.exp(generator.uniform(-20, 20, count)), generator.uniform(0.9, 1.1, count)])
    y = np.concatenate([y, patterns[1], generator.uniform(-8, 8, count), generator.uniform(-1000, 1000, count)])
    count = len(x) // 16 * 16
    return x[:count].astype(np.float32), y[:count].astype(np.float32)


def ulps(result: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Distance in ulp: 0 between equal infinities and NaN, infinite between a number and one of them."""
    magnitude = np.clip(np.abs(expected), 2.0**-126, 3.4028234663852886e38)
    unit = np.exp2(np.floor(np.log2(magnitude)) - 23)
    distance = np.abs(result.astype(np.float64) - expected) / unit
    rounded = expected.astype(np.float32)
    equal = (rounded == result) | (np.isnan(rounded) & np.isnan(result))
    return np.where(equal, np.where(np.isfinite(distance), distance, 0.0), np.where(np.isnan(distance), INF, distance))


def assert_within(name: str, result: np.ndarray, expected: np.ndarray, *arguments: np.ndarray) -> None:
    distance = ulps(result, expected)
    worst = int(np.argmax(distance))
    where = [a[worst] for a in arguments]
    assert distance[worst] <= ULP_BOUNDS[name], (
        f"{name}({where}) = {result[worst]!r} is {distance[worst]:.3g} ulp from {expected[worst]!r}"
    )
    signs = (np.signbit(result) != np.signbit(expected)) & ~np.isnan(expected)
    assert not signs.any(), f"{name}: wrong sign at {[a[signs][:4] for a in arguments]}"


def assert_same_bits(a: np.ndarray, b: np.ndarray) -> None:
    assert np.array_equal(np.isnan(a), np.isnan(b))
    numbers = ~np.isnan(a)
    assert np.array_equal(a[numbers].view(np.uint32), b[numbers].view(np.uint32))


@pytest.mark.parametrize("fma", [True, False], ids=["fma", "no-fma"])
@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str, fma: bool) -> None:
    x = samples()
    result = run(name, x, x, 16, fma=fma)
    assert_within(name, result, UNARY[name](x.astype(np.float64)), x)
    assert_same_bits(result, run(name, x, x, 1, fma=fma))


@pytest.mark.parametrize("fma", [True, False], ids=["fma", "no-fma"])
@pytest.mark.parametrize("name", BINARY)
def test_binary(name: str, fma: bool) -> None:
    x, y = pairs()
    result = run(name, x, y, 16, fma=fma)
    assert_within(name, result, BINARY[name](x.astype(np.float64), y.astype(np.float64)), x, y)
    assert_same_bits(result, run(name, x, y, 1, fma=fma))


@needs_avx512
@pytest.mark.parametrize("lanes", [8, 16])
@pytest.mark.parametrize("name", ["exp", "exp2", "sinh", "cosh", "tanh", "erfc", "powf"])
def test_scalef_has_the_same_bits(name: str, lanes: int) -> None:
    x, y = pairs() if name in BINARY else (samples(), samples())
    assert_same_bits(run(name, x, y, lanes, avx512=True), run(name, x, y, 1))


@needs_avx512
def test_erf_from_tables() -> None:
    """Every 97th positive float up to where erf is 1, and all samples."""
    dense = np.arange(0, 0x40800000, 97, dtype=np.uint32).view(np.float32)
    for x in (dense[: len(dense) // 16 * 16], samples()):
        assert_within("erf", run("erf", x, x, 16, avx512=True), special.erf(x.astype(np.float64)), x)


@needs_avx512
@pytest.mark.parametrize("element", ["f32", "f16"])
@pytest.mark.parametrize("lanes", [1, 3, 8, 24, 32])
def test_erf_from_tables_has_the_same_bits_in_any_shape(lanes: int, element: str) -> None:
    x = samples() if element == "f32" else np.arange(1 << 16, dtype=np.uint16).view(np.int16)
    x = x[: len(x) // 96 * 96]
    found = [run("erf", x, x, count, element, avx512=True) for count in (lanes, 16)]
    assert_same_bits(*(f if element == "f32" else f.view(np.float16).astype(np.float32) for f in found))


@pytest.mark.parametrize("fma", [True, False], ids=["fma", "no-fma"])
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_reduction_near_multiples_of_half_pi(name: str, fma: bool) -> None:
    """The floats closest to multiples of pi/2 lose most bits; NumPy's float64 reduces exactly."""
    multiples = np.arange(1, 1 << 16, dtype=np.float64) * (np.pi / 2)
    large = np.random.default_rng(2).uniform(0, 128, 1 << 14)
    x = np.concatenate([multiples, np.exp2(large)]).astype(np.float32)
    x = x[: len(x) // 16 * 16]
    assert_within(name, run(name, x, x, 16, fma=fma), UNARY[name](x.astype(np.float64)), x)


def test_exp_underflows_gradually() -> None:
    x = np.linspace(-105, -87.4, 4096).astype(np.float32)
    result, expected = run("exp", x, x, 16), np.exp(x.astype(np.float64))
    assert np.abs(result - expected).max() <= 2.0**-149
    assert (result[(expected < 2.0**-126) & (expected > 2.0**-149)] > 0).all()


@pytest.mark.parametrize("avx512", [False, pytest.param(True, marks=needs_avx512)], ids=["any", "avx512"])
@pytest.mark.parametrize("name", ["erf", "tanh"])
def test_erf_and_tanh_stay_within_one(name: str, avx512: bool) -> None:
    x = np.linspace(2, 10, 1 << 18).astype(np.float32)
    assert run(name, x, x, 16, avx512=avx512).max() == 1.0


@pytest.mark.parametrize("name", ["exp", "tanh", "erf", "log", "sin", "sqrt", "floor", "cbrt"])
def test_f16(name: str) -> None:
    """All 65,536 values."""
    bits = np.arange(1 << 16, dtype=np.uint16).view(np.int16)
    x = bits.view(np.float16)
    reference = {**UNARY, "sqrt": np.sqrt, "floor": np.floor}[name]
    expected = reference(x.astype(np.float64)).astype(np.float16)
    result = run(name, bits, bits, 16, "f16").view(np.float16)
    assert np.array_equal(np.isnan(result), np.isnan(expected))
    numbers = ~np.isnan(expected)
    steps = np.abs(result[numbers].view(np.int16).astype(int) - expected[numbers].view(np.int16).astype(int))
    assert steps.max() <= 1  # double rounding
    assert (steps == 0).mean() > 0.999
    scalar = run(name, bits, bits, 1, "f16").view(np.float16)
    assert np.array_equal(scalar[numbers].view(np.int16), result[numbers].view(np.int16))


@pytest.mark.parametrize("name", ["exp", "tanh", "erf", "log", "rsqrt", "sqrt", "absf", "ceil"])
def test_bf16(name: str) -> None:
    """All 65,536 values; the rounded f32 result is the correctly rounded one, but for a few near ties."""
    x = np.arange(1 << 16, dtype=np.uint16).view(np.int16)
    reference = {**UNARY, "sqrt": np.sqrt, "absf": np.abs, "ceil": np.ceil}[name]
    expected = bf16(reference(from_bf16(x).astype(np.float64)).astype(np.float32))
    result = run(name, x, x, 16, "bf16")
    nan = np.isnan(from_bf16(expected))
    assert np.array_equal(np.isnan(from_bf16(result)), nan)
    steps = np.abs(result.astype(int) - expected)[~nan]
    assert steps.max() <= 1
    assert (steps == 0).mean() > 0.999
    assert np.array_equal(run(name, x, x, 1, "bf16")[~nan], result[~nan])


CONVERT = """
func.func @kernel(%x: memref<?x{source}>, %o: memref<?x{target}>, %n: index) {{
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  scf.for %i = %c0 to %n step %c16 {{
    %a = vector.load %x[%i] : memref<?x{source}>, vector<16x{source}>
    {body}
    vector.store %r, %o[%i] : memref<?x{target}>, vector<16x{target}>
  }}
  return
}}"""


def convert(source: str, target: str, body: str, x: np.ndarray, dtype: type) -> np.ndarray:
    out = np.empty(len(x), dtype)
    jit(CONVERT.format(source=source, target=target, body=body), [ExpandMath()])(x, out, len(x))
    return out


def test_truncation_to_bf16_is_torchs() -> None:
    x = samples()
    body = "%r = arith.truncf %a : vector<16xf32> to vector<16xbf16>"
    result = convert("f32", "bf16", body, x, np.int16)
    expected = torch.from_numpy(x).to(torch.bfloat16).view(torch.int16).numpy()
    numbers = ~np.isnan(x)
    assert np.array_equal(result[numbers], expected[numbers])
    assert np.isnan(from_bf16(result[~numbers])).all()
    assert (result[~numbers] & 0x40).all()  # quiet


@pytest.mark.parametrize("target", ["f16", "bf16"])
def test_truncation_of_f64_rounds_once(target: str) -> None:
    """Values just off the midpoint of two neighbours, where rounding to f32 first gives a tie."""
    bits = np.arange(0x0400, 0x7000, dtype=np.uint16)
    narrow = bits.view(np.float16).astype(np.float64) if target == "f16" else from_bf16(bits).astype(np.float64)
    middle = (narrow[:-1] + narrow[1:]) / 2
    x = np.concatenate([middle, middle * (1 + 2.0**-50), middle * (1 - 2.0**-50), -middle, [0, -0.0, INF, -INF]])
    x = x[: len(x) // 16 * 16]
    body = f"%r = arith.truncf %a : vector<16xf64> to vector<16x{target}>"
    result = convert("f64", target, body, x, np.int16)
    if target == "f16":
        expected = x.astype(np.float16).view(np.int16)
    else:  # round to odd in integers, then to nearest
        nearest = x.astype(np.float32)
        toward_zero = np.where(np.abs(nearest) > np.abs(x), np.nextafter(nearest, np.float32(0)), nearest)
        odd = toward_zero.view(np.uint32) | (toward_zero.astype(np.float64) != x)
        expected = bf16(odd.astype(np.uint32).view(np.float32))
    assert np.array_equal(result, expected)


@pytest.mark.parametrize("name", ["addf", "mulf", "divf", "maximumf", "minnumf"])
def test_bf16_arithmetic_is_torchs(name: str) -> None:
    x = np.random.default_rng(3).integers(0, 1 << 16, 1 << 12, dtype=np.uint16).view(np.int16)
    x[np.isnan(from_bf16(x))] |= 0x40  # quiet: IEEE 754 and LLVM differ on minNum of a signalling NaN
    body = f"%b = vector.shuffle %a, %a [{', '.join(map(str, reversed(range(16))))}] : "
    body += f"vector<16xbf16>, vector<16xbf16>\n    %r = arith.{name} %a, %b : vector<16xbf16>"
    result = from_bf16(convert("bf16", "bf16", body, x, np.int16))
    a = torch.from_numpy(x.copy()).view(torch.bfloat16)
    b = a.reshape(-1, 16).flip(1).reshape(-1)
    function = {"addf": torch.add, "mulf": torch.mul, "divf": torch.div, "maximumf": torch.maximum}
    expected = function.get(name, torch.fmin)(a, b).float().numpy()
    assert np.array_equal(result, expected, equal_nan=True)


def test_no_calls_are_left() -> None:
    """In LLVM IR, on scalars and vectors, for every function and element type: intrinsics only."""
    lines, arguments = [], []
    for element in ("f32", "f16", "bf16"):
        for kind in (element, f"vector<16x{element}>", f"vector<2x8x{element}>"):
            x = f"%x{len(arguments)}"
            arguments.append(f"{x}: {kind}")
            for name in [
                *UNARY,
                *BINARY,
                "sqrt",
                "floor",
                "ceil",
                "trunc",
                "roundeven",
                "absf",
                "fma",
                "clampf",
            ]:
                count = {"fma": 3, "clampf": 3, "powf": 2, "atan2": 2}.get(name, 1)
                operands = f"{x} to [{x}, {x}]" if name == "clampf" else ", ".join([x] * count)
                lines.append(f"%r{len(lines)} = math.{name} {operands} : {kind}")
                lines.append(f'"test.use"(%r{len(lines) - 1}) : ({kind}) -> ()')
    text = "func.func @kernel(" + ", ".join(arguments) + ") {\n" + "\n".join(lines) + "\nreturn\n}"
    with make_context(), ir.Location.unknown():
        m = ir.Module.parse(text)
        ExpandMath().run(m)
        m.operation.verify()
        uses: list[ir.Operation] = []

        def visit(op: ir.Operation) -> ir.WalkResult:
            if op.name == "test.use":
                uses.append(op)
            assert not re.fullmatch(f"math.({'|'.join([*UNARY, *BINARY, 'clampf'])})", op.name), op
            return ir.WalkResult.ADVANCE

        m.operation.walk(visit)
        while uses:
            uses.pop().erase()
        lower(m)
        translated = llvm.translate_module_to_llvmir(m.operation)
    called = set(re.findall(r"call [^@]*@([\w.]+)", translated))
    assert all(name.startswith("llvm.") for name in called), called
