"""Which branches become choices of elements, read from the IR of stage `linalg`."""

from __future__ import annotations

import pytest
import triton
import triton.language as tl

from tests.filecheck.test_convert import bodies, linalg

TYPES = {"x": "*fp32", "k": "*i32", "y": "*fp32", "n": "i32"}


@triton.jit
def first_or_sum(x, k, y, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    state = tl.zeros((BLOCK,), tl.float32)
    for t in range(n):
        v = tl.load(x + t * BLOCK + i)
        if t == 0:
            state = v
        else:
            state = state * 0.5 + v
    tl.store(y + i, state)


def test_a_cheap_branch_is_a_choice_in_the_nest_that_uses_it() -> None:
    text = linalg(first_or_sum, TYPES, BLOCK=64)
    assert "scf.if" not in text and text.count("memref.alloca") == 1
    assert "arith.select" in bodies(text)[1]


@triton.jit
def of_both_kinds(x, k, y, n, BLOCK: tl.constexpr):
    v = tl.load(x + tl.arange(0, BLOCK))
    if n > 3:
        w, s = v + 1, n * 2
    else:
        w, s = v, n
    tl.store(y + tl.arange(0, BLOCK), w * s)


def test_scalars_are_chosen_with_the_blocks() -> None:
    text = linalg(of_both_kinds, TYPES, BLOCK=64)
    assert "scf.if" not in text and text.count("memref.alloca") == 0


@triton.jit
def divided(x, k, y, n, BLOCK: tl.constexpr):
    v = tl.load(k + tl.arange(0, BLOCK))
    w = v
    if n != 0:
        w = v // n
    tl.store(y + tl.arange(0, BLOCK), w)


@triton.jit
def costly(x, k, y, n, BLOCK: tl.constexpr):
    v = tl.load(x + tl.arange(0, BLOCK))
    if n > 0:
        v = tl.exp(v)
    tl.store(y + tl.arange(0, BLOCK), v)


@triton.jit
def loaded(x, k, y, n, BLOCK: tl.constexpr):
    v = tl.zeros((BLOCK,), tl.float32)
    if n > 0:
        v = tl.load(x + tl.arange(0, BLOCK))
    tl.store(y + tl.arange(0, BLOCK), v)


@triton.jit
def scalars(x, k, y, n, BLOCK: tl.constexpr):
    s = n
    if n > 5:
        s = n * 3
    tl.store(y + tl.arange(0, BLOCK), tl.load(x + s + tl.arange(0, BLOCK)))


@triton.jit
def long(x, k, y, n, BLOCK: tl.constexpr):
    v = tl.load(x + tl.arange(0, BLOCK))
    if n > 0:
        for _ in tl.static_range(13):
            v = v * 0.5 + v
    tl.store(y + tl.arange(0, BLOCK), v)


@pytest.mark.parametrize("kernel", [divided, costly, loaded, scalars, long], ids=lambda kernel: kernel.__name__)
def test_what_costs_much_or_reads_memory_stays_a_branch(kernel: object) -> None:
    assert "scf.if" in linalg(kernel, TYPES, BLOCK=64)
