"""Which loops wait for what another program does, read from the calls of `rung_yield` in stage `linalg`."""

from __future__ import annotations

from typing import Any

import pytest
import triton
import triton.language as tl

from rung.frontends.triton.capture import import_ttir, make_ttir
from rung.frontends.triton.convert import convert
from rung.ir.context import make_context
from tests.filecheck.matching import in_order

YIELD = "func.call @rung_yield() : () -> ()"


def linalg(kernel: Any, cooperative: bool = False) -> str:
    types = {"f": "*i32", "y": "*i32", "n": "i32", "B": "constexpr"}
    signature = {name: types[name] for name in kernel.arg_names}
    ttir = make_ttir(kernel, signature, {"B": 16} if "B" in kernel.arg_names else {})
    module = convert(import_ttir(ttir, make_context()), cooperative=cooperative).module
    assert module.operation.verify()
    return str(module)


# ---- loops that wait


@triton.jit
def compare_and_swap(f, y, n):
    while tl.atomic_cas(f, 0, 1) != 0:
        pass
    tl.store(y, n)


@triton.jit
def volatile(f, y, n):
    while tl.load(f + n, volatile=True) == 0:
        pass
    tl.store(y, n)


@triton.jit
def not_cached(f, y, n):
    k = 0
    while tl.load(f + k, cache_modifier=".cv") == 0:
        tl.store(y, k)
        k += 1


@triton.jit
def one_place_beside_a_store(f, y, n):
    """Not volatile, but nobody reads one place in all turns who expects nothing new."""
    k = 0
    while tl.load(f + n) == 0:
        tl.store(y + k, 1)
        k += 1


@triton.jit
def block(f, y, n, B: tl.constexpr):
    while tl.sum(tl.load(f + tl.arange(0, B), volatile=True), 0) < n:
        pass
    tl.store(y, n)


@triton.jit
def through_a_branch(f, y, n):
    """What the loop carries depends on a branch, which depends on an atomic."""
    go, k = n > 0, 0
    while go:
        if tl.atomic_add(f, 0) == n:
            go = False
            tl.store(y, k)
        k += 1


@triton.jit
def through_a_loop(f, y, n):
    """What the loop carries is counted by a loop inside, whose trips an atomic gives."""
    k = 0
    while k < n:
        for j in range(tl.atomic_add(f, 0)):
            tl.store(y + j, k)
            k += 1


@triton.jit
def _peek(f):
    return tl.atomic_or(f, 0)


_peek_outlined = triton.jit(_peek.fn, noinline=True)


@triton.jit
def through_a_call(f, y, n):
    while _peek_outlined(f) != n:
        pass
    tl.store(y, n)


@triton.jit
def inside_a_loop(f, y, n):
    for k in range(n):
        while tl.atomic_cas(f + k, 1, 0) != 1:
            pass
        tl.store(y + k, 1)


WAIT = [
    compare_and_swap, volatile, not_cached, one_place_beside_a_store, block, through_a_branch, through_a_loop,
    through_a_call, inside_a_loop,
]  # fmt: skip


@pytest.mark.parametrize("kernel", WAIT, ids=lambda kernel: kernel.fn.__name__)
def test_loops_that_wait_let_others_run(kernel: Any) -> None:
    assert linalg(kernel).count(YIELD) == 1


# ---- loops that do not


@triton.jit
def counts(f, y, n):
    k = 0
    while k * k < n:
        tl.atomic_add(f, k)
        k += 1
    tl.store(y, k)


@triton.jit
def carries_what_an_atomic_gave(f, y, n):
    """It does not decide whether the loop goes on."""
    k, last = 0, 0
    while k < n:
        last += tl.atomic_add(f, 1)
        k += 1
    tl.store(y, last)


@triton.jit
def searches(f, y, n):
    """Its loads decide, and each is of another place."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if tl.load(f + middle) < n:
            low = middle + 1
        else:
            high = middle
    tl.store(y, low)


@triton.jit
def follows(f, y, n):
    """The place is loaded itself."""
    at = n
    while tl.load(f + tl.load(f + at)) > 0:
        at = tl.load(f + at)
    tl.store(y, at)


WAIT_NOT = [counts, carries_what_an_atomic_gave, searches, follows]


@pytest.mark.parametrize("kernel", WAIT_NOT, ids=lambda kernel: kernel.fn.__name__)
def test_other_loops_are_left_alone(kernel: Any) -> None:
    assert "rung_yield" not in linalg(kernel)


@pytest.mark.parametrize(("kernel", "yields"), [(counts, 0), (searches, 1), (follows, 1)])
def test_any_load_counts_in_a_cooperative_grid(kernel: Any, yields: int) -> None:
    assert linalg(kernel, cooperative=True).count(YIELD) == yields


# ---- what is loaded before a wait


@triton.jit
def loads_before(f, y, n, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(y + i)
    while tl.atomic_add(f, 0) < n:
        pass
    tl.store(y + B + i, v)


def test_what_is_loaded_before_a_wait_is_kept() -> None:
    in_order(
        linalg(loads_before),
        r"(%\w+) = memref.alloca\(\)",
        r"memref.reinterpret_cast %arg1",
        r"(linalg.generic|memref.copy)",
        r"scf.while",
        r"memref.reinterpret_cast %arg1",
    )
