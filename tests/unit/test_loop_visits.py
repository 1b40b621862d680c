"""Loops in loops: their bodies are visited twice at most, and what is made of them is what Triton makes."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import triton
import triton.language as tl

from rung.frontends.triton import loop_visits
from rung.frontends.triton.capture import TARGET, codegen_functions, make_ttir
from rung.frontends.triton.loader import load_kernel
from tests.kernels_corpus import CORPUS

# ruff: noqa: B007


@triton.jit
def accumulators(o, n, B: tl.constexpr):
    total = tl.zeros((B,), tl.float32)
    last = total
    for i in range(n):
        row = total
        for j in range(i, n):
            last = row
            for k in range(j):
                row += k
        total += row
    tl.store(o + tl.arange(0, B), total + last)


@triton.jit
def one_value_by_two_names(o, n, B: tl.constexpr):
    """`a` is `b` when the outer loop is tried, and is not when it is built."""
    b = n * 2
    a = b
    c = n + 1
    for i in range(n):
        for j in range(n):
            a = b
            c += a
        b = b + 1
    tl.store(o, a + b + c)


@triton.jit
def unrolled(o, n, B: tl.constexpr):
    x, y = n, n + 1
    for step in tl.static_range(4):
        for i in range(n):
            for j in range(i):
                if step % 2 == 0:
                    x += j
                else:
                    y += step
    tl.store(o, x + y)


@triton.jit
def whiles(o, n, B: tl.constexpr):
    state = (n, n * 2)
    while state[0] < 100:
        k = state[0]
        for i in range(n):
            while k < 10 * i:
                k += 3
                state = (state[0] + 1, state[1] + k)
            half: tl.constexpr = 2
            state = (state[0] + half, state[1])
        if k > 5:
            for i in range(k):
                state = (state[0], state[1] - i)
    tl.store(o, state[0] + state[1])


@triton.jit
def _inner(x, n):
    for i in range(n):
        for j in range(i):
            x += j
    return x


@triton.jit
def calls(o, n, B: tl.constexpr):
    x = n
    y = 1.0
    for i in range(n):
        for j in range(n):
            x = _inner(x, j)
        y = y + _inner(y, x)
    tl.store(o, x)
    tl.store(o + 1, y)


OWN = [(kernel, "*fp32, i32, 16") for kernel in (accumulators, one_value_by_two_names, unrolled, whiles, calls)]


def ttir(kernel: Any, signature: str) -> str:
    kinds = dict(zip(inspect.signature(kernel.fn).parameters, (t.strip() for t in signature.split(",")), strict=True))
    constexprs = {name: int(kind) for name, kind in kinds.items() if kind.isdigit()}
    types = {name: "constexpr" if name in constexprs else kind.split(":")[0] for name, kind in kinds.items()}
    return str(make_ttir(kernel, types, constexprs))


@pytest.mark.parametrize(("kernel", "signature"), [*OWN, *CORPUS], ids=lambda x: getattr(x, "__name__", None))
def test_ttir_is_tritons(kernel: Any, signature: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = ttir(kernel, signature)
    monkeypatch.setattr(loop_visits, "LoopVisits", loop_visits.Triton)
    assert ours == ttir(kernel, signature)


def nest(folder: Path, depth: int) -> Any:
    lines = [
        "import triton",
        "import triton.language as tl",
        "@triton.jit",
        "def kernel(o, n):",
        "    r = 0",
        "    w = 0",
    ]
    for k in range(depth):
        loop = "while w < n:" if k % 3 == 2 else f"for i{k} in range(n):"
        lines.append("    " * (k + 1) + loop)
    lines += ["    " * (depth + 1) + "w += 1", "    " * (depth + 1) + "r = r + w"]
    path = folder / f"nest{depth}.py"
    path.write_text("\n".join([*lines, "    tl.store(o, r)"]))
    return load_kernel(f"{path}::kernel")


def visits(depth: int, folder: Path, monkeypatch: pytest.MonkeyPatch, options: Any = None) -> int:
    """Of the innermost body."""
    count = 0

    def counted(self: Any, node: Any) -> Any:
        nonlocal count
        count += 1
        return loop_visits.Triton.visit_AugAssign(self, node)

    monkeypatch.setattr(loop_visits.LoopVisits, "visit_AugAssign", counted, raising=False)
    kernel, signature = nest(folder, depth), {"o": "*i32", "n": "i32"}
    if options is None:
        make_ttir(kernel, signature, {})
    else:
        from triton._C.libtriton import ir as triton_ir
        from triton.compiler import ASTSource

        context = triton_ir.context()
        triton_ir.load_dialects(context)
        ASTSource(kernel, signature=signature).make_ir(TARGET, options, codegen_functions(), {}, context)
    return count


@pytest.mark.parametrize("depth", [1, 2, 5, 18])
def test_a_body_is_visited_twice(depth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert visits(depth, tmp_path, monkeypatch) == 2


def test_other_back_ends_get_tritons_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Options:
        sanitize_overflow = False
        debug = False

    assert visits(4, tmp_path, monkeypatch, Options()) == 2**4
