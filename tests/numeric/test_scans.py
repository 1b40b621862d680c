"""Scans of every size, axis, direction, type and combine function, at every vector width, against NumPy."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import triton
import triton.language as tl

from rung import machine
from rung.compile import Executable, compile_kernel
from rung.machine import Machine
from rung.schedule import Schedule

HOST = machine.host()
MACHINES = {
    "scalar": (HOST, "vectorize=off threads=1"),
    "host": (HOST, "threads=1"),
    "16-bytes-split": (HOST.model_copy(update={"vector_bytes": 16, "masked_memory": False}), "threads=1"),
    "64-bytes-split": (HOST.model_copy(update={"vector_bytes": 64, "masked_memory": False}), "threads=1"),
    "128-bytes-masked": (HOST.model_copy(update={"vector_bytes": 128, "masked_memory": True}), "threads=1"),
}
Config = tuple[Machine, str]
every_machine = pytest.mark.parametrize("config", MACHINES.values(), ids=MACHINES.keys())


@triton.jit
def add(a, b):
    return a + b


@triton.jit
def multiply(a, b):
    return a * b


@triton.jit
def maximum(a, b):
    return tl.maximum(a, b)


@triton.jit
def xor(a, b):
    return a ^ b


@triton.jit
def last(a, b):
    """Not commutative: the later operand, if it is positive."""
    return tl.where(b > 0, b, a)


@triton.jit
def saturating(a, b):
    """Of more than one operation, associative on numbers that are not negative."""
    return tl.minimum(a + b, 50).to(a.dtype)


@triton.jit
def linear(a1, b1, a2, b2):
    return a1 * a2, b1 * a2 + b2


@triton.jit
def best(v, i, w, j):
    better = w > v
    return tl.where(better, w, v), tl.where(better, j, i)


@triton.jit
def scanned(v, AXIS: tl.constexpr, REVERSE: tl.constexpr, F: tl.constexpr):
    if F == "add":
        r = tl.associative_scan(v, AXIS, add, reverse=REVERSE)
    elif F == "multiply":
        r = tl.associative_scan(v, AXIS, multiply, reverse=REVERSE)
    elif F == "maximum":
        r = tl.associative_scan(v, AXIS, maximum, reverse=REVERSE)
    elif F == "xor":
        r = tl.associative_scan(v, AXIS, xor, reverse=REVERSE)
    elif F == "last":
        r = tl.associative_scan(v, AXIS, last, reverse=REVERSE)
    else:
        r = tl.associative_scan(v, AXIS, saturating, reverse=REVERSE)
    return r


@triton.jit
def single(x, o, M: tl.constexpr, N: tl.constexpr, AXIS: tl.constexpr, REVERSE: tl.constexpr, F: tl.constexpr):
    at = tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :]
    tl.store(o + at, scanned(tl.load(x + at), AXIS, REVERSE, F))


@triton.jit
def flat(x, o, N: tl.constexpr, REVERSE: tl.constexpr, F: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(o + i, scanned(tl.load(x + i), 0, REVERSE, F))


@triton.jit
def cube(x, o, A: tl.constexpr, B: tl.constexpr, C: tl.constexpr, AXIS: tl.constexpr):
    i = tl.arange(0, A)[:, None, None] * (B * C)
    at = i + tl.arange(0, B)[None, :, None] * C + tl.arange(0, C)[None, None, :]
    tl.store(o + at, tl.associative_scan(tl.load(x + at), AXIS, add))


@triton.jit
def recurrence(x, y, o, p, M: tl.constexpr, N: tl.constexpr, AXIS: tl.constexpr, REVERSE: tl.constexpr):
    at = tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :]
    a, b = tl.associative_scan((tl.load(x + at), tl.load(y + at)), AXIS, linear, reverse=REVERSE)
    tl.store(o + at, a)
    tl.store(p + at, b)


@triton.jit
def running_argmax(x, o, N: tl.constexpr):
    i = tl.arange(0, N)
    _, where = tl.associative_scan((tl.load(x + i), i.to(tl.int64)), 0, best)
    tl.store(o + i, where)


@triton.jit
def any_so_far(x, o, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(o + i, tl.associative_scan(tl.load(x + i) > 1.5, 0, either).to(tl.int32))


@triton.jit
def either(a, b):
    return a | b


TYPES = {"float64": "fp64", "float32": "fp32", "float16": "fp16", "int8": "i8", "int32": "i32", "int64": "i64"}


def run(config: Config, kernel: Any, arrays: list[np.ndarray], **constexprs: object) -> Executable:
    executable = _compiled(config, kernel, tuple(TYPES[str(a.dtype)] for a in arrays), tuple(constexprs.items()))
    executable.run(arrays, (1, 1, 1))
    return executable


@cache
def _compiled(config: Config, kernel: Any, types: tuple[str, ...], constexprs: tuple[Any, ...]) -> Executable:
    names = [n for n in kernel.arg_names if n not in dict(constexprs)]
    pointers = {n: f"*{t}" for n, t in zip(names, types, strict=True)}
    signature = {**dict.fromkeys(kernel.arg_names, "constexpr"), **pointers}
    return compile_kernel(kernel, signature, dict(constexprs), machine=config[0], schedule=Schedule.parse(config[1]))


def expected(function: Any, x: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
    """Element by element, from the definition."""
    x = np.moveaxis(np.flip(x, axis) if reverse else x, axis, 0)
    rows = [x[0]]
    for row in x[1:]:
        rows.append(function(rows[-1], row).astype(x.dtype))
    result = np.moveaxis(np.stack(rows), 0, axis)
    return np.flip(result, axis) if reverse else result


FUNCTIONS = {
    "add": np.add,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "xor": np.bitwise_xor,
    "last": lambda a, b: np.where(b > 0, b, a),
    "saturating": lambda a, b: np.minimum(a + b, 50),
}


@every_machine
@pytest.mark.parametrize("n", [2, 128])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("name", ["add", "last"])
def test_one_dimension(config: Config, n: int, reverse: bool, name: str) -> None:
    x, o = np.random.default_rng(n).integers(-9, 9, n).astype(np.float32), np.zeros(n, np.float32)
    run(config, flat, [x, o], N=n, REVERSE=reverse, F=name)
    np.testing.assert_array_equal(o, expected(FUNCTIONS[name], x, 0, reverse))


@every_machine
@pytest.mark.parametrize(("axis", "reverse"), [(0, True), (1, False), (1, True)])
@pytest.mark.parametrize(("m", "n"), [(4, 64), (32, 8)])
def test_two_dimensions(config: Config, m: int, n: int, axis: int, reverse: bool) -> None:
    x, o = np.random.default_rng(0).integers(-9, 9, (m, n)).astype(np.int32), np.zeros((m, n), np.int32)
    for name in ("add", "last"):
        run(config, single, [x, o], M=m, N=n, AXIS=axis, REVERSE=reverse, F=name)
        np.testing.assert_array_equal(o, expected(FUNCTIONS[name], x, axis, reverse), name)


@every_machine
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_three_dimensions(config: Config, axis: int) -> None:
    x = np.random.default_rng(0).integers(-9, 9, (4, 2, 32)).astype(np.float32)
    o = np.zeros_like(x)
    run(config, cube, [x, o], A=4, B=2, C=32, AXIS=axis)
    np.testing.assert_array_equal(o, np.cumsum(x, axis))


@every_machine
@pytest.mark.parametrize("dtype", TYPES)
def test_types(config: Config, dtype: str) -> None:
    x = np.random.default_rng(0).integers(0, 4, 128).astype(dtype)
    names = ["add", "maximum", "saturating"] if dtype.startswith("f") else ["add", "multiply", "saturating", "xor"]
    for name in names:
        o = np.zeros_like(x)
        run(config, flat, [x, o], N=128, REVERSE=False, F=name)
        np.testing.assert_array_equal(o, expected(FUNCTIONS[name], x, 0, False), name)


@every_machine
@pytest.mark.parametrize("axis", [0, 1])
def test_linear_recurrence(config: Config, axis: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.5, 1.5, (8, 64)).astype(np.float32), rng.standard_normal((8, 64)).astype(np.float32)
    o, p = np.zeros_like(x), np.zeros_like(x)
    run(config, recurrence, [x, y, o, p], M=8, N=64, AXIS=axis, REVERSE=False)
    a, b = (np.moveaxis(v.astype(np.float64), axis, 0) for v in (x, y))
    wanted = [b[0]]
    for k in range(1, len(b)):
        wanted.append(wanted[-1] * a[k] + b[k])
    np.testing.assert_allclose(o, np.cumprod(x.astype(np.float64), axis), rtol=1e-5)
    np.testing.assert_allclose(np.moveaxis(p, axis, 0), wanted, rtol=1e-4, atol=1e-4)


@every_machine
def test_values_of_different_widths(config: Config) -> None:
    x = np.random.default_rng(0).standard_normal(256).astype(np.float32)
    o = np.zeros(256, np.int64)
    run(config, running_argmax, [x, o], N=256)
    np.testing.assert_array_equal(x[o], np.maximum.accumulate(x))


@every_machine
def test_booleans(config: Config) -> None:
    x = np.random.default_rng(0).standard_normal(64).astype(np.float32)
    o = np.zeros(64, np.int32)
    run(config, any_so_far, [x, o], N=64)
    np.testing.assert_array_equal(o, np.logical_or.accumulate(x > 1.5))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_scans_are_vectors(axis: int, reverse: bool) -> None:
    """Lanes along the scan, or across it: no loop over scalars is left, and the object code adds packed floats."""
    x = np.zeros((16, 64), np.float32)
    executable = run(MACHINES["64-bytes-split"], single, [x, x.copy()], M=16, N=64, AXIS=axis, REVERSE=reverse, F="add")
    assert not executable.evidence.left_scalar and executable.evidence.object.packed_ops > 0
    text = executable.stages["vector"]
    assert ("vector.shuffle" in text) == (axis == 1) and "vector.gather" not in text
