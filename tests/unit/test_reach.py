"""Which loaded integers become addresses, and how many bytes each is worth."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import triton
import triton.language as tl

from rung.frontends.triton.capture import import_ttir, make_ttir
from rung.frontends.triton.reach import indices
from rung.frontends.triton.signature import signature_from_text
from rung.ir.context import compiler_context


@triton.jit
def rows(w, idx, o, stride, D: tl.constexpr):
    c = tl.arange(0, D)
    tl.store(o + tl.program_id(0) * stride + c, tl.load(w + tl.load(idx + tl.program_id(0)) * stride + c))


@triton.jit
def sparse(ends, columns, values, x, y):
    p = tl.program_id(0)
    total = 0.0
    for k in range(tl.load(ends + p), tl.load(ends + p + 1)):
        total += tl.load(values + k) * tl.load(x + tl.load(columns + k))
    tl.store(y + p, total)


@triton.jit
def chain(following, y):
    p = tl.program_id(0)
    for _ in range(8):
        p = tl.load(following + p)
    tl.store(y + p, 1.0)


@triton.jit
def bounded(idx, y, n):
    v = tl.load(idx + tl.arange(0, 64))
    tl.store(y + v % 7, 1.0)
    tl.store(y + tl.minimum(v, n), 1.0)
    tl.store(y + (v & 15), 1.0)
    tl.store(y + tl.cumsum((v > 3).to(tl.int32)), 1.0)
    tl.store(y + tl.argmax(v, 0), 1.0)


@triton.jit
def scaled(idx, y):
    v = tl.load(idx + tl.arange(0, 64))
    tl.store(y + v // 4 + (v >> 2), 1.0)
    tl.store(y + tl.max(v, 0) + (v << 1), 1.0)


@triton.jit
def unknown(idx, y, n):
    v = tl.load(idx + tl.arange(0, 64))
    tl.store(y + v * v, 1.0)
    if n > 3:
        tl.store(y + tl.sum(v), 1.0)


@triton.jit
def growing(idx, y, n):
    p = 0
    for k in range(n):
        p += tl.load(idx + k)
        tl.store(y + p, 1.0)


@triton.jit
def counted_down(idx, y, n):
    p = tl.load(idx)
    while p > 0:
        p = tl.minimum(p, tl.load(idx + n))
        tl.store(y + p, 1.0)


@triton.jit
def ticket(counter, y):
    tl.store(y + tl.atomic_add(counter, 1) * 32 + tl.arange(0, 32), 1.0)


@triton.jit
def chosen(idx, a, b, n):
    p = a
    if n > 3:
        p = b + tl.load(idx + 1) * 2
    tl.store(p + n, 2.0)


@triton.jit(noinline=True)
def called(x):
    return x + 1


@triton.jit
def calls(idx, y):
    tl.store(y + tl.load(idx), called(1.0))


def found(kernel: Any, signature: str, **numbers: int) -> dict[tuple[str, str], set[Fraction | None]]:
    sign = signature_from_text(signature, kernel)
    names = [name for name in kernel.arg_names if sign.signature[name] != "constexpr"]
    context, lock = compiler_context()
    with lock:
        ttir = import_ttir(make_ttir(kernel, sign.signature, sign.constexprs), context)
        known = {names.index(name): value for name, value in numbers.items()}
        result: dict[tuple[str, str], set[Fraction | None]] = {}
        for each in indices(ttir, known):
            assert each.where.startswith("test_reach.py:")
            result.setdefault((names[each.argument], names[each.array]), set()).add(each.step_bytes)
    return result


@pytest.mark.parametrize(
    "kernel, signature, wanted",
    [
        (
            sparse,
            "*i32, *i64, *fp32, *fp16, *fp32",
            {("ends", "columns"): {8}, ("ends", "values"): {4}, ("columns", "x"): {2}},
        ),
        (chain, "*i32, *fp32", {("following", "following"): {4}, ("following", "y"): {4}}),
        (bounded, "*i32, *fp32, i32", {}),
        (scaled, "*i32, *fp32", {("idx", "y"): {2, 12}}),
        (unknown, "*i32, *fp32, i32", {("idx", "y"): {None}}),
        (growing, "*i32, *fp32, i32", {("idx", "y"): {None}}),
        (counted_down, "*i32, *i8, i32", {("idx", "y"): {1}}),
        (ticket, "*i32, *fp32", {("counter", "y"): {128}}),
        (calls, "*i32, *fp32", {("idx", "y"): {4}}),
        (chosen, "*i32, *fp16, *fp16, i32", {("idx", "a"): {4}, ("idx", "b"): {4}}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_steps(kernel: Any, signature: str, wanted: dict[tuple[str, str], set[int | None]]) -> None:
    assert found(kernel, signature) == wanted


def test_a_stride_is_a_step_where_its_value_is_known() -> None:
    signature = "*fp32, *i64, *fp32, i32, 64"
    assert found(rows, signature, stride=100) == {("idx", "w"): {400}}
    assert found(rows, signature) == {("idx", "w"): {None}}
