"""What docs/triton.md says is not compiled: each is refused with the line of the kernel that asks for it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import triton
import triton.language as tl
from triton.language.extra import libdevice

from rung.errors import ContractError, UnsupportedError
from rung.frontends.triton import blocks, elementwise
from rung.frontends.triton.capture import import_ttir, make_ttir
from rung.frontends.triton.convert import convert
from rung.ir.context import make_context

KERNELS: list[Any] = []
"""Kernels of (x, y, n). The line that is named ends in `# refused`."""


def refused(types: str, message: str) -> Any:
    def note(kernel: Any) -> Any:
        KERNELS.append(pytest.param(kernel, types.split(), message, id=kernel.__name__))
        return kernel

    return note


# ---- types and operations


@refused("*i32 *i32", "the operation `tt.elementwise_inline_asm`")
@triton.jit
def inline_asm(x, y, n):
    i = tl.load(x + tl.arange(0, 64))
    v = tl.inline_asm_elementwise("mov $0, $1;", "=r,r", [i], dtype=tl.int32, is_pure=True, pack=1)  # refused
    tl.store(y + tl.arange(0, 64), v)


@triton.jit
def prints(a, b):
    tl.device_print("a", a)  # refused
    return a + b


@refused("*i32 *i32", "`tt.print` in a function of single elements")
@triton.jit
def print_in_combine(x, y, n):
    tl.store(y, tl.reduce(tl.load(x + tl.arange(0, 64)), 0, prints))


@refused("*i32 *i32", "`tl.map_elementwise` of 1 elements with pack=2")
@triton.jit
def packs_larger_than_blocks(x, y, n):
    i = tl.load(x + tl.arange(0, 1))
    tl.store(y + tl.arange(0, 1), tl.map_elementwise(exchanged, i, pack=2)[0])  # refused


@triton.jit
def exchanged(a, b):
    return b, a


# ---- pointers


@refused("*i16 *fp32", "pointers to f32 that are not a multiple of 4 bytes apart")
@triton.jit
def misaligned(x, y, n):
    i = tl.arange(0, 64)
    p = (x + i * 3).to(tl.pointer_type(tl.float32))  # refused
    tl.store(y + i, tl.load(p))


# ---- tests


def line_of(function: Any) -> str:
    lines, first = inspect.getsourcelines(function.fn)
    marked = [first + k for k, line in enumerate(lines) if line.rstrip().endswith("# refused")]
    return f"{Path(__file__).name}:{marked[0]}" if marked else line_of(prints)


@pytest.mark.parametrize("kernel, types, message", KERNELS)
def test_refused(kernel: Any, types: list[str], message: str) -> None:
    signature = dict(zip("xyn", (*types, "i32"), strict=True))
    with pytest.raises(UnsupportedError) as caught:
        convert(import_ttir(make_ttir(kernel, signature, {}), make_context()))
    assert caught.value.what == message
    assert caught.value.where == line_of(kernel)
    assert str(caught.value).startswith(f"{message} is not supported (at {line_of(kernel)})")


@triton.jit
def _times(a, b):
    for _ in range(3):
        a = a * b  # refused
    return a


@triton.jit
def times(x, y, n):
    tl.store(y, tl.reduce(tl.load(x + tl.arange(0, 64)), 0, _times))


@triton.jit
def _less(a, b):
    if a < b:
        tl.device_assert(b > 0, "positive")  # refused
        return a
    return b


@triton.jit
def less(x, y, n):
    tl.store(y, tl.reduce(tl.load(x + tl.arange(0, 64)), 0, _less))


@pytest.mark.parametrize(
    ("kernel", "words", "without"),
    [
        (times, "int32 overflow detected for operation mul", {"debug": True, "sanitize_overflow": False}),
        (less, "positive", {"debug": False}),
    ],
)
def test_assertions_that_stop_a_kernel_are_named_with_what_leaves_them_out(
    kernel: Any, words: str, without: dict[str, bool]
) -> None:
    def converted(**options: bool) -> None:
        types = {"x": "*i32", "y": "*i32", "n": "i32"}
        convert(import_ttir(make_ttir(kernel, types, {}, options=options), make_context()))

    with pytest.raises(UnsupportedError, match=f'the assertion "{words}" in a loop or an early return') as caught:
        converted(debug=True)
    assert caught.value.where == line_of({times: _times, less: _less}[kernel])
    assert "neither `debug=True` nor TRITON_DEBUG=1; or with `sanitize_overflow=False`" in str(caught.value)
    converted(**without)


@triton.jit
def approximation(x, y, n):
    tl.store(y, libdevice.rcp64h(tl.load(x)))  # refused


def test_functions_of_libdevice() -> None:
    with pytest.raises(triton.CompilationError) as caught:
        make_ttir(approximation, {"x": "*fp64", "y": "*fp64", "n": "i32"}, {})
    cause = caught.value.__cause__
    assert isinstance(cause, UnsupportedError)
    assert (cause.what, cause.where) == ("libdevice.rcp64h", line_of(approximation))


@triton.jit
def halves(x, y, n):
    i = tl.arange(0, 64)
    tl.store(y + i, tl.load(x + i) * 0.5)  # refused


def test_what_fails_names_the_operation_and_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("lost")

    monkeypatch.setattr(elementwise, "build", fail)
    monkeypatch.setattr(blocks.elementwise, "build", fail)
    message = rf"`tt.store` \(at {line_of(halves)}\) cannot be converted: KeyError"
    with pytest.raises(ContractError, match=message):
        convert(import_ttir(make_ttir(halves, {"x": "*fp32", "y": "*fp32", "n": "i32"}, {}), make_context()))
