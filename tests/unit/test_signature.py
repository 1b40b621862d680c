"""Signatures as text: tuples, tensor descriptors, and constants that are given beside."""

from __future__ import annotations

from typing import Any

import pytest
import triton
import triton.language as tl

from rung.commands.compile import CompileOptions, run
from rung.errors import UsageError
from rung.frontends.triton.signature import signature_from_text


@triton.jit
def kernel(t, d, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(t[1][0] + i, mask=i < n) * t[1][1] + t[2]
    tl.store(t[0] + i, x + tl.sum(d.load([0, 0])))


TUPLE = "(*fp32:16, (*fp32, i32), 3)"
TYPES = {"t": ("*fp32", ("*fp32", "i32"), "constexpr"), "d": "tensordesc<fp32[16, 32]>", "n": "i32"}


def test_tuples_and_descriptors() -> None:
    found = signature_from_text(f"{TUPLE}, tensordesc<fp32[16,32]>, i32:16, 64", kernel)
    assert found.signature == {**TYPES, "BLOCK": "constexpr"}
    assert found.constexprs == {(0, 2): 3, "BLOCK": 64}
    assert found.attrs == {(0, 0): [["tt.divisibility", 16]], (2,): [["tt.divisibility", 16]]}


def test_tuples_of_constants_are_constants() -> None:
    found = signature_from_text('(1, (2.5, "a,b")), (*fp32,), 1, [4, 5]', kernel)
    assert found.signature == {"t": "constexpr", "d": ("*fp32",), "n": "constexpr", "BLOCK": "constexpr"}
    assert found.constexprs == {"t": (1, (2.5, "a,b")), "n": 1, "BLOCK": [4, 5]}


def test_constants_that_are_given_are_left_out() -> None:
    descriptor = "tensordesc<fp32[16, 32]>"
    whole = signature_from_text(f"{TUPLE}, {descriptor}, i32, 64", kernel)
    assert signature_from_text(f"{TUPLE}, {descriptor}, i32", kernel, {"BLOCK": 64}) == whole
    assert signature_from_text(f"{TUPLE}, {descriptor}", kernel, {"BLOCK": 64, "n": 5}).constexprs["n"] == 5


@pytest.mark.parametrize(
    "text, constants, message",
    [
        ("*fp32, (i32, *fp32", {}, r"has a bracket that is not closed"),
        ("*fp32), i32", {}, r"closed and not opened"),
        ("(*fp32, word), *fp32, i32, 4", {}, r"argument 1 `t` is `\(\*fp32, word\)`; give a type such as .*a tuple"),
        ("*fp32, *fp32, i32, (i32, 4)", {}, r"argument 4 `BLOCK: constexpr` .* give the constant's value"),
        ("*fp32, tensordesc<fp32[16, 60]>, i32, 4", {}, r"argument 2 .* descriptor's block are powers of 2"),
        ("*fp32, tensordesc<fp32[0]>, i32, 4", {}, r"descriptor's block are powers of 2"),
        ("*fp32, *fp32, i32, 4", {"BLOCK": 4}, r"takes 3 arguments beside `BLOCK`, which --constexpr gives"),
        ("*fp32, *fp32, i32", {"BLOK": 4}, r"has no parameter `BLOK`"),
    ],
)
def test_what_is_refused(text: str, constants: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        signature_from_text(text, kernel, constants)


def test_kernels_are_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a descriptor, the kernel takes what the launcher makes of it."""
    text = f"{TUPLE}, tensordesc<fp32[16, 32]>, i32"
    assert run(CompileOptions(f"{__file__}::kernel", text, ("BLOCK=64",), emit="linalg")) == 0
    assert "func.func @kernel(%arg0: memref<?xf32>, %arg1: memref<?xf32>, %arg2: i32" in capsys.readouterr().out
