"""Cases of `tl.extra.libdevice` on integers and bits, of its conversions, and of what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from . import directed, expressions
from .arrays import WIDE
from .cases import Case, Verdict
from .functions import high_product

CASES: list[Case] = []
INTEGER, CONVERSIONS, DIRECTED = (
    f"libdevice: {part}" for part in ("integers and bits", "conversions", "directed rounding")
)
exact = partial(expressions.exact, into=CASES)
refused = partial(expressions.refused, into=CASES)


def _bits(x: np.ndarray) -> list[int]:
    width = x.dtype.itemsize * 8
    return [int(v) & ((1 << width) - 1) for v in x]


def _counted(count: Callable[[int, int], int]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.array([count(v, x.dtype.itemsize * 8) for v in _bits(x)], np.int32)


def _reversed(x: np.ndarray) -> np.ndarray:
    width = x.dtype.itemsize * 8
    return np.array([int(f"{v:0{width}b}"[::-1], 2) for v in _bits(x)], f"u{width // 8}").view(x.dtype)


def _permuted(x: np.ndarray, y: np.ndarray, selector: np.ndarray) -> np.ndarray:
    """CUDA's __byte_perm: byte n of the result is byte `selector >> 4n & 7` of y:x."""
    found = []
    for a, b, s in zip(_bits(x), _bits(y), _bits(selector), strict=True):
        both = (a | b << 32).to_bytes(8, "little")
        found.append(int.from_bytes(bytes(both[s >> 4 * n & 7] for n in range(4)), "little"))
    return np.array(found, np.uint32).view(x.dtype)


def _signed24(x: np.ndarray) -> np.ndarray:
    return (x << 8) >> 8


def _halved(up: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    return lambda x, y: ((x.astype(np.int64) + y.astype(np.int64) + up) >> 1).astype(x.dtype)


def _signed_high(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "u":
        return high_product(x, y)
    width = x.dtype.itemsize * 8
    return np.array([int(a) * int(b) >> width for a, b in zip(x, y, strict=True)], x.dtype)


exact("libdevice.popc", INTEGER, "libdevice.popc(x)", _counted(lambda v, _: v.bit_count()), "i32 i64 u32 u64")
exact(
    "libdevice.clz", INTEGER, "libdevice.clz(x)", _counted(lambda v, width: width - v.bit_length()), "i32 i64 u32 u64"
)
exact("libdevice.ffs", INTEGER, "libdevice.ffs(x)", _counted(lambda v, _: (v & -v).bit_length()), "i32 i64 u32 u64")
exact("libdevice.brev", INTEGER, "libdevice.brev(x)", _reversed, "i32 i64 u32 u64")
exact("libdevice.mulhi", INTEGER, "libdevice.mulhi(x, y)", _signed_high, "i32 i64 u32 u64")
exact("libdevice.mul24", INTEGER, "libdevice.mul24(x, y)", lambda x, y: _signed24(x) * _signed24(y), "i32")
exact(
    "libdevice.sad",
    INTEGER,
    "libdevice.sad(x, y, z)",
    lambda x, y, z: (np.abs(x.astype(np.int64) - y) + z.astype(np.int64)).astype(x.dtype),
    "i32",
    domain=(-(2**31), 2**31 - 1),
)
exact("libdevice.hadd", INTEGER, "libdevice.hadd(x, y)", _halved(0), "i32 u32")
exact("libdevice.rhadd", INTEGER, "libdevice.rhadd(x, y)", _halved(1), "i32 u32")
exact("libdevice.byte_perm", INTEGER, "libdevice.byte_perm(x, y, z)", _permuted, "i32 u32")
exact(
    "libdevice.double2hiint libdevice.double2loint libdevice.hiloint2double",
    INTEGER,
    "libdevice.double2hiint(x), libdevice.double2loint(x),"
    " libdevice.hiloint2double(libdevice.double2hiint(x), libdevice.double2loint(x))",
    lambda x: ((x.view(np.int64) >> 32).astype(np.int32), x.view(np.int64).astype(np.int32), x),
    "f64",
)
exact(
    "libdevice.float_as_int libdevice.float_as_uint",
    INTEGER,
    "libdevice.float_as_int(x), libdevice.float_as_uint(x)",
    lambda x: (x.view(np.int32), x.view(np.uint32)),
    "f32",
)
exact("libdevice.int_as_float", INTEGER, "libdevice.int_as_float(x)", lambda x: x.view(np.float32), "i32")
exact("libdevice.uint_as_float", INTEGER, "libdevice.uint_as_float(x)", lambda x: x.view(np.float32), "u32")
exact("libdevice.double_as_longlong", INTEGER, "libdevice.double_as_longlong(x)", lambda x: x.view(np.int64), "f64")
exact("libdevice.longlong_as_double", INTEGER, "libdevice.longlong_as_double(x)", lambda x: x.view(np.float64), "i64")

_INTEGERS = {"int": "i32", "uint": "u32", "ll": "i64", "ull": "u64"}
_FLOATS = {"float": "f32", "double": "f64"}
_ROUNDINGS = {"rn": np.rint, "rz": np.trunc, "rd": np.floor, "ru": np.ceil}


def _converted(roundings: list[Callable[..., Any]], kind: str) -> Callable[..., Any]:
    return lambda x: tuple(r(x).astype(expressions.DTYPES[kind]) for r in roundings)


for _float, _kind in _FLOATS.items():
    for _integer, _to in _INTEGERS.items():
        _names = [f"libdevice.{_float}2{_integer}_{mode}" for mode in _ROUNDINGS]
        exact(
            " ".join(_names),
            CONVERSIONS,
            ", ".join(f"{name}(x)" for name in _names),
            _converted(list(_ROUNDINGS.values()), _to),
            _kind,
            domain=(0 if _to[0] == "u" else -2e9, 2e9),
            edges=False,
            note="numbers that the integer can hold",
        )
        _back = f"libdevice.{_integer}2{_float}_rn"
        exact(_back, CONVERSIONS, f"{_back}(x)", _converted([lambda x: x], _kind), _to)
exact("libdevice.double2float_rn", CONVERSIONS, "libdevice.double2float_rn(x)", lambda x: x.astype(np.float32), "f64")


def _beyond(kind: str) -> tuple[np.ndarray, ...]:
    return (np.array([1e20, -1e20, np.inf, -np.inf, np.nan, 3e9, -3e9, 1.5], expressions.DTYPES[kind]),)


def _as_torch(x: np.ndarray) -> tuple[np.ndarray, ...]:
    given = torch.from_numpy(x)
    return given.to(torch.int32).numpy(), given.to(torch.int64).numpy()


for _float, _kind in _FLOATS.items():
    _names = [f"libdevice.{_float}2{_integer}_rz" for _integer in ("int", "ll")]
    exact(
        " ".join(_names),
        CONVERSIONS,
        ", ".join(f"{name}(x)" for name in _names),
        _as_torch,
        _kind,
        inputs=_beyond,
        verdict=Verdict.DIFFERS,
        note="NaN and numbers that do not fit become what torch makes of them on the same processor; CUDA saturates",
    )


def _directed(
    operation: str, text: str, reference: Callable[[str], Callable[..., Any]], types: str, inputs: expressions.Inputs
) -> None:
    """reference: of a mode."""
    names = [f"libdevice.{operation}_{mode}" for mode in directed.MODES]
    exact(
        " ".join(names),
        DIRECTED,
        ", ".join(f"{name}({text})" for name in names),
        lambda *x: tuple(reference(mode)(*x) for mode in directed.MODES),
        types,
        inputs=inputs,
        note="of all numbers: subnormals, signs of 0, and what is beyond the largest",
    )


for _operation, (_text, _function) in {
    "add": ("x, y", np.add),
    "sub": ("x, y", np.subtract),
    "mul": ("x, y", np.multiply),
    "div": ("x, y", np.divide),
    "rcp": ("x", directed.reciprocal),
    "sqrt": ("x", np.sqrt),
    "fma": ("x, y, z", directed.fused),
}.items():
    _operands = partial(directed.operands, len(_text.split(", ")))
    _directed(_operation, _text, partial(directed.in_mode, _function), WIDE, _operands)
_directed(
    "double2float",
    "x",
    partial(directed.in_mode, lambda x: x.astype(np.float32)),
    "f64",
    partial(directed.operands, 1),
)
for _integer, _from in _INTEGERS.items():
    for _float, _kind in _FLOATS.items():
        if _float == "float" or _integer.endswith("ll"):
            _directed(f"{_integer}2{_float}", "x", partial(directed.of_integers, _kind), _from, directed.integers)
refused(
    "libdevice.rcp64h",
    DIRECTED,
    "libdevice.rcp64h(x)",
    "libdevice.rcp64h",
    "f64",
    note="an approximation that a GPU defines",
)
