# ruff: noqa: E501
"""What the conversion of TTIR decides, read from the IR of stage `linalg` after canonicalization."""

from __future__ import annotations

from typing import Any

import pytest
import triton
import triton.language as tl
from torch_mlir.passmanager import PassManager

from rung.errors import UnsupportedError
from rung.frontends.triton.capture import import_ttir, make_ttir
from rung.frontends.triton.convert import Converted
from rung.frontends.triton.convert import convert as convert_ttir
from rung.ir.context import make_context
from tests.filecheck.matching import in_order

GENERIC = r"linalg\.generic"


def convert(kernel: Any, types: dict[str, str], **options: Any) -> Converted:
    """types: of the arguments by name; the kernel's other arguments are constexprs in `options`."""
    constexprs = {n: options.pop(n) for n in list(options) if n in kernel.arg_names}
    signature = {n: types.get(n, "constexpr") for n in kernel.arg_names}
    return convert_ttir(import_ttir(make_ttir(kernel, signature, constexprs), make_context()), **options)


def linalg(kernel: Any, types: dict[str, str], **options: Any) -> str:
    module = convert(kernel, types, **options).module
    assert module.operation.verify()
    with module.context:
        PassManager.parse("builtin.module(canonicalize,cse)").run(module.operation)
    return str(module)


def bodies(text: str) -> list[str]:
    """The nests of a module, each from its operands to what it yields."""
    return [part.split("linalg.yield", 1)[0] for part in text.split("linalg.generic")[1:]]


# ---- masks


@triton.jit
def gelu(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n)
    tl.store(y + i, 0.5 * v * (1 + tl.erf(v * 0.7071)), mask=i < n)


def test_a_mask_that_bounds_loads_and_stores_is_the_size_of_the_views() -> None:
    text = linalg(gelu, {"x": "*fp32", "y": "*fp32", "n": "i32"}, BLOCK=1024)
    in_order(
        text,
        r"func\.func @gelu\(%\w+: memref<\?xf32>, %\w+: memref<\?xf32>, %\w+: i32, %\w+: index, %\w+: index, %\w+: index\) attributes \{rung\.kernel\}",
        r"scf\.forall",
        r"arith\.minsi",
        r"memref\.reinterpret_cast .* sizes: \[%\w+\], strides: \[1\] \{rung\.bounds = array<i64: 1024>\}",
        r"memref\.reinterpret_cast .* sizes: \[%\w+\], strides: \[1\] \{rung\.bounds = array<i64: 1024>\}",
        GENERIC,
        r"math\.erf",
        r"rung\.grid",
    )
    assert text.count("linalg.generic") == 1
    assert "scf.if" not in text and "memref.alloca" not in text


@triton.jit
def row_maximum(x, y, n, BLOCK: tl.constexpr):
    j = tl.arange(0, BLOCK)
    v = tl.load(x + tl.program_id(0) * n + j, mask=j < n, other=-float("inf"))
    tl.store(y + tl.program_id(0), tl.max(v, 0))


def test_other_values_get_a_nest_of_their_own() -> None:
    text = linalg(row_maximum, {"x": "*fp32", "y": "*fp32", "n": "i32"}, BLOCK=1024)
    interior, remainder = bodies(text)[-2:]
    assert "arith.maxnumf" in interior and "arith.maxnumf" in remainder
    assert text.count("0xFF800000") == 1  # -inf, read by the remainder alone
    assert "scf.if" not in text and "arith.select" not in interior + remainder


@triton.jit
def every_third(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=(i < n) & (i % 3 == 0), other=2.0)
    tl.store(y + i, v, mask=i < n)


def test_a_mask_that_is_no_range_stays_a_condition() -> None:
    text = linalg(every_third, {"x": "*fp32", "y": "*fp32", "n": "i32"}, BLOCK=256)
    in_order(
        text,
        r"rung\.bounds = array<i64: 256>",
        GENERIC,
        r"arith\.remsi",
        r"scf\.if %\w+ -> \(f32\)",
        r"memref\.load %\w+\[%\w+\] : memref<\?xf32>",
    )
    assert text.count("linalg.generic") == 1 and text.count("scf.if") == 1


@triton.jit
def tile_copy(x, y, m, n, BM: tl.constexpr, BN: tl.constexpr):
    i = tl.program_id(0) * BM + tl.arange(0, BM)[:, None]
    j = tl.program_id(1) * BN + tl.arange(0, BN)[None, :]
    inside = (i < m) & (j < n)
    tl.store(y + j * m + i, tl.load(x + i * n + j, mask=inside), mask=inside)


def test_each_dimension_has_its_bound_and_strides_are_the_arguments() -> None:
    text = linalg(tile_copy, {"x": "*fp32", "y": "*fp32", "m": "i32", "n": "i32"}, BM=16, BN=32)
    in_order(
        text,
        r"memref\.reinterpret_cast .* sizes: \[%\w+, %\w+\], strides: \[%\w+, 1\] \{rung\.bounds = array<i64: 16, 32>\}",
        r"memref\.reinterpret_cast .* sizes: \[%\w+, %\w+\], strides: \[1, %\w+\] \{rung\.bounds = array<i64: 16, 32>\}",
        GENERIC,
    )
    assert text.count("linalg.generic") == 1 and "scf.if" not in text


# ---- pointers


@triton.jit
def rows_around(x, y, m, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i % m))


def test_a_wrap_around_has_two_seams_and_a_gather_for_short_moduli() -> None:
    text = linalg(rows_around, {"x": "*fp32", "y": "*fp32", "m": "i32"}, BLOCK=64)
    in_order(
        text,
        r"arith\.remsi",
        r"scf\.if",
        GENERIC,
        GENERIC,
        r"\} else \{",
        GENERIC,
        r"arith\.remsi",
        r"memref\.load",
    )
    before, looked_up, seams = bodies(text)[0], bodies(text)[2], bodies(text)[:2]
    assert "memref.load" in looked_up and not any("memref.load" in nest for nest in seams)
    assert "ins(" in before


@triton.jit
def columns_around(x, y, n, m, stride, BLOCK: tl.constexpr):
    i = (tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)) % m
    pointers = x + i
    acc = tl.zeros((BLOCK,), tl.float32)
    for _ in range(n):
        acc += tl.load(pointers)
        pointers += stride
    tl.store(y + tl.arange(0, BLOCK), acc)


def test_a_wrapped_pointer_is_carried_in_closed_form() -> None:
    text = linalg(columns_around, {"x": "*fp32", "y": "*fp32", "n": "i32", "m": "i32", "stride": "i32"}, BLOCK=64)
    assert "iter_args" not in text and "xi64>" not in text
    in_order(text, r"scf\.for %", r"scf\.if", GENERIC, GENERIC, r"\} else \{", GENERIC, r"memref\.load")


@triton.jit
def look_up(x, idx, y, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + tl.load(idx + i)))


def test_indices_from_memory_are_a_gather() -> None:
    text = linalg(look_up, {"x": "*fp32", "idx": "*i32", "y": "*fp32"}, BLOCK=64)
    in_order(text, GENERIC, r"arith\.index_cast", r"memref\.load %\w+\[%\w+\] : memref<\?xf32>", r"linalg\.yield")
    assert text.count("linalg.generic") == 1 and "memref.alloca" not in text


@triton.jit
def strided_sum(x, y, n, step, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    pointers = x + i
    acc = tl.zeros((BLOCK,), tl.float32)
    for _ in range(n):
        acc += tl.load(pointers)
        pointers += step
    tl.store(y + i, acc)


def test_pointers_with_invariant_increments_are_not_carried() -> None:
    text = linalg(strided_sum, {"x": "*fp32", "y": "*fp32", "n": "i32", "step": "i32"}, BLOCK=64)
    assert "iter_args" not in text
    in_order(text, r"scf\.for %", r"arith\.muli", r"memref\.reinterpret_cast %\w+ to offset: \[%\w+\]", GENERIC)


@triton.jit
def stepping(x, steps, y, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    pointers = x + i
    acc = tl.zeros((BLOCK,), tl.float32)
    for k in range(n):
        acc += tl.load(pointers)
        pointers += tl.load(steps + k)
    tl.store(y + i, acc)


def test_increments_from_memory_carry_one_offset() -> None:
    text = linalg(stepping, {"x": "*fp32", "steps": "*i32", "y": "*fp32", "n": "i32"}, BLOCK=64)
    in_order(text, r"scf\.for %.* iter_args\(%\w+ = %\w+\) -> \(index\)", r"memref\.reinterpret_cast", GENERIC)
    assert not any("memref.load" in nest for nest in bodies(text))


@triton.jit
def while_there_is_more(x, y, n, step, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    pointers, at = x + i, i
    k = 0
    while k < n:
        tl.store(y + i, tl.load(pointers) + tl.load(x + at, mask=at < n, other=0.0))
        pointers += step
        at += BLOCK
        k += BLOCK


def test_a_while_loop_moves_pointers_and_numbers_by_their_offsets() -> None:
    text = linalg(while_there_is_more, {"x": "*fp32", "y": "*fp32", "n": "i32", "step": "i32"}, BLOCK=64)
    in_order(
        text,
        r"scf\.while \(%\w+ = %\w+, %\w+ = %\w+, %\w+ = %\w+\) : \(index, index, i32\)",
        r"\} do \{",
        r"memref\.reinterpret_cast %arg0 to offset: \[%\w+\]",
        GENERIC,
    )
    assert "memref.alloca" not in text
    # Numbers are asked not to wrap; where they do, they are a gather.
    unasked, _ = text[text.index("} do {") :].split("} else {", 1)
    assert not any("memref.load" in nest for nest in bodies(unasked))


@triton.jit
def while_two_change_places(x, y, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    p, q = x + i, x + 2 * i
    k = 0
    while k < n:
        tl.store(y + i, tl.load(p))
        p, q = q, p
        k += 1


@triton.jit
def while_each_moves_on_its_own(x, y, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    p = x + i
    k = 0
    while k < n:
        tl.store(y + i, tl.load(p))
        p += i
        k += 1


@pytest.mark.parametrize("kernel", [while_two_change_places, while_each_moves_on_its_own])
def test_a_while_loop_that_does_not_move_a_block_as_one_carries_its_addresses(kernel: Any) -> None:
    text = linalg(kernel, {"x": "*fp32", "y": "*fp32", "n": "i32"}, BLOCK=64)
    assert "memref<64xi64>" in text and any("memref.load" in nest for nest in bodies(text))


# ---- contractions, kept values, memory order


@triton.jit
def matmul(a, b, c, K, M: tl.constexpr, N: tl.constexpr, BK: tl.constexpr):
    m = tl.arange(0, M)[:, None]
    n = tl.arange(0, N)[None, :]
    acc = tl.zeros((M, N), tl.float32)
    for k in range(0, K, BK):
        x = tl.load(a + m * K + k + tl.arange(0, BK)[None, :])
        y = tl.load(b + (k + tl.arange(0, BK)[:, None]) * N + n)
        acc = tl.dot(x, y, acc)
    tl.store(c + m * N + n, acc)


def test_a_contraction_accumulates_in_place() -> None:
    text = linalg(matmul, {"a": "*fp16", "b": "*fp16", "c": "*fp32", "K": "i32"}, M=16, N=32, BK=64)
    in_order(
        text,
        r"memref\.alloca\(\) .*: memref<16x32xf32>",
        r"scf\.for %",
        r"linalg\.matmul ins\(%\w+, %\w+ : memref<16x64xf16>, memref<64x32xf16>\) outs\(%\w+ : memref<16x32xf32>\)",
    )
    assert text.count("memref<16x32xf32>\n") == 1, "the accumulator is one buffer"
    loop = text[text.index("scf.for %") : text.index("linalg.matmul")]
    assert loop.count("linalg.generic") == 2, "only the operands are packed"


@triton.jit
def softmax(x, y, n, BLOCK: tl.constexpr):
    j = tl.arange(0, BLOCK)
    v = tl.load(x + tl.program_id(0) * n + j, mask=j < n, other=-float("inf"))
    e = tl.exp(v - tl.max(v, 0))
    tl.store(y + tl.program_id(0) * n + j, e / tl.sum(e, 0), mask=j < n)


def test_an_expensive_value_of_two_nests_is_computed_once() -> None:
    text = linalg(softmax, {"x": "*fp32", "y": "*fp32", "n": "i32"}, BLOCK=512)
    assert text.count("memref<512xf32>\n") == 1, "one buffer, for the exponentials"
    nests = bodies(text)
    interior = [nest for nest in nests if "math.exp" in nest]
    assert all("arith.addf" in nest for nest in interior), "they are written by the nest that sums them"
    assert "math.exp" not in nests[-1] and "arith.divf" in nests[-1]


@triton.jit
def shift(x, y, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i)
    tl.store(x + i, v * 2)
    tl.store(x + i + 1, v)
    tl.store(y + i, v)


def test_a_load_that_a_store_overwrites_is_kept() -> None:
    text = linalg(shift, {"x": "*fp32", "y": "*fp32"}, BLOCK=64)
    in_order(text, r"memref\.alloca\(\) .*: memref<64xf32>", *[GENERIC] * 3)
    assert text.count("memref.alloca") == 1


@triton.jit
def double(x, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(x + i, tl.load(x + i) * 2)


@triton.jit
def add_transposed(x, M: tl.constexpr):
    m = tl.arange(0, M)
    v = tl.load(x + m[:, None] * M + m[None, :])
    tl.store(x + m[:, None] * M + m[None, :], v + tl.trans(v))


def test_in_place_needs_no_scratch_but_element_for_element() -> None:
    text = linalg(double, {"x": "*fp32"}, BLOCK=64)
    assert "memref.alloca" not in text and text.count("linalg.generic") == 1
    text = linalg(add_transposed, {"x": "*fp32"}, M=16)
    in_order(text, r"memref\.alloca\(\) .*: memref<16x16xf32>", GENERIC, GENERIC)


@triton.jit
def load_before_loop(x, y, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i)
    for k in range(n):
        tl.store(x + i, (i + k).to(tl.float32))
    tl.store(y + i, v)


def test_a_load_that_a_loop_overwrites_is_kept_before_the_loop() -> None:
    text = linalg(load_before_loop, {"x": "*fp32", "y": "*fp32", "n": "i32"}, BLOCK=64)
    in_order(text, r"memref\.alloca\(\) .*: memref<64xf32>", GENERIC, r"scf\.for %", GENERIC, GENERIC)


@triton.jit
def shifted_copy(x, y, z, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i + 1))
    tl.store(z + i, tl.load(x + i))


def test_assumptions_about_arguments_are_recorded() -> None:
    types = {"x": "*fp32", "y": "*fp32", "z": "*fp32"}
    converted = convert(shifted_copy, types, BLOCK=64)
    assert (0, 1) in converted.assumed and converted.kinds == "PPP"
    assert convert(double, {"x": "*fp32"}, BLOCK=64).assumed == ()
    careful = convert(shifted_copy, types, BLOCK=64, distinct=False)
    assert careful.assumed == ()
    assert str(careful.module).count("memref.alloca()") == 1, "the second load is kept before the first store"


def test_multiply_and_add_may_be_fused_only_where_allowed() -> None:
    types = {"x": "*fp32", "y": "*fp32", "n": "i32"}
    assert "fastmath<contract>" in linalg(gelu, types, BLOCK=64)
    assert "fastmath<contract>" not in linalg(gelu, types, BLOCK=64, fuse=False)


# ---- control flow


@triton.jit
def swapping(x, y, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    a = tl.load(x + i)
    b = tl.load(y + i)
    for _ in range(n):
        a, b = b, a + b
    tl.store(y + i, a)


def test_carried_blocks_are_assigned_together() -> None:
    text = linalg(swapping, {"x": "*fp32", "y": "*fp32", "n": "i32"}, BLOCK=64)
    loop = text[text.index("scf.for %") :].split("\n      }\n", 1)[0]
    assert loop.count("linalg.generic") == 1 and "iter_args" not in text
    assert text.count("memref.alloca") == 2


@triton.jit
def guarded(x, n, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    if pid >= n:
        return
    i = pid * BLOCK + tl.arange(0, BLOCK)
    tl.store(x + i, tl.load(x + i) + 1)


def test_an_early_return_is_a_branch() -> None:
    text = linalg(guarded, {"x": "*fp32", "n": "i32"}, BLOCK=64)
    in_order(text, r"scf\.forall", r"scf\.if", GENERIC)
    assert "cf.cond_br" not in text


# ---- refusals


@triton.jit
def assembly(x, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.inline_asm_elementwise("mov $0, $1;", "=r,r", [tl.load(x + i)], tl.int32, True, 1)
    tl.store(x + i, v)


@pytest.mark.parametrize(
    ("kernel", "types", "what", "offset"),
    [
        (assembly, {"x": "*i32"}, "tt.elementwise_inline_asm", 3),
    ],
)
def test_what_is_not_supported_is_refused_with_its_line(
    kernel: Any, types: dict[str, str], what: str, offset: int | None
) -> None:
    with pytest.raises(UnsupportedError) as error:
        convert(kernel, types, **({"BLOCK": 64} if "BLOCK" in kernel.arg_names else {}))
    assert what in str(error.value)
    if offset is not None:
        assert f"test_convert.py:{kernel.starting_line_number + offset}" in str(error.value)


@triton.jit
def one_row(x, y, rows, n, XBLOCK: tl.constexpr, RBLOCK: tl.constexpr):
    row = tl.program_id(0) * XBLOCK + tl.arange(0, XBLOCK)[:, None]
    col = tl.arange(0, RBLOCK)[None, :]
    inside = (row < rows) & (col < n)
    tl.store(y + row * n + col, tl.load(x + row * n + col, mask=inside) + 1.0, mask=inside)


def test_a_mask_on_a_dimension_of_extent_1_is_a_bound_too() -> None:
    text = linalg(one_row, {"x": "*fp32", "y": "*fp32", "rows": "i32", "n": "i32"}, XBLOCK=1, RBLOCK=256)
    assert text.count("linalg.generic") == 1
    assert "scf.if" not in text
