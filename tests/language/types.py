"""Cases of data types, of what is known while a kernel is compiled, and of tuples."""

# pyright: basic

from __future__ import annotations

from functools import partial

import torch
import triton
import triton.language as tl

from .arrays import array, tensor, values
from .cases import Case, refusal, show

CASES: list[Case] = []
SECTION, FIXED, TUPLES = "Data types", "While a kernel is compiled", "Tuples"
note = partial(show, into=CASES)


@triton.jit
def copied(x, o, TYPE: tl.constexpr):
    i = tl.arange(0, 64)
    v = tl.load(x + i).to(TYPE)
    tl.static_assert(v.dtype == TYPE)
    tl.store(o + i, v)


TYPES = {
    "float16": "f16",
    "bfloat16": "bf16",
    "float32": "f32",
    "float64": "f64",
    "int1": "i1",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "uint8": "u8",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
}


def _types(names: str) -> str:
    return " ".join(TYPES[name] for name in names.split())


for _names in ("float16 bfloat16 float32 float64", "int1 int8 int16 int32 int64", "uint8 uint16 uint32 uint64"):

    @note(
        *(f"tl.{name}" for name in _names.split()),
        section=SECTION,
        kernels=[copied],
        types=_types(_names),
        uses=(".to(TYPE)",),
        note="arguments, blocks and numbers; the row `tl.cast` says what becomes of what",
    )
    def ordinary(kind: str) -> None:
        x = values(kind, (64,))
        out = torch.zeros_like(tensor(x))
        copied[(1,)](tensor(x), out, getattr(tl, next(name for name, short in TYPES.items() if short == kind)))
        assert array(out).tobytes() == x.tobytes()


@triton.jit
def there_and_back(x, wide, o):
    i = tl.arange(0, 256)
    v = tl.load(x + i).to(tl.float32)
    tl.store(wide + i, v)
    tl.store(o + i, v.to(x.dtype.element_ty))


TORCH_FP8 = {
    "float8e5": torch.float8_e5m2,
    "float8e4nv": torch.float8_e4m3fn,
    "float8e5b16": torch.float8_e5m2fnuz,
    "float8e4b8": torch.float8_e4m3fnuz,
}


@note(
    *(f"tl.{name}" for name in TORCH_FP8),
    section=SECTION,
    kernels=[there_and_back],
    uses=("tl.load", ".to(tl.float32)", ".to(x.dtype.element_ty)"),
    note="torch's tensors; casts saturate, arithmetic is in f32",
)
def fp8() -> None:
    for dtype in TORCH_FP8.values():
        x = torch.arange(256, dtype=torch.uint8).view(dtype)
        wide, back = torch.zeros(256), torch.zeros(256, dtype=dtype)
        there_and_back[(1,)](x, wide, back)
        torch.testing.assert_close(wide, x.to(torch.float32), rtol=0, atol=0, equal_nan=True)
        finite = wide.isfinite()
        assert torch.equal(back.view(torch.uint8)[finite], x.view(torch.uint8)[finite])


@triton.jit
def oldest(x, o):
    i = tl.arange(0, 256)
    v = tl.load(x + i).to(tl.float8e4b15, bitcast=True).to(tl.float16)
    tl.store(o + i, v)
    tl.store(x + i, v.to(tl.float8e4b15).to(tl.uint8, bitcast=True))


@note(
    "tl.float8e4b15", section=SECTION, kernels=[oldest], note="casts; by way of f16, from which halves go away from 0"
)
def fp8_of_old() -> None:
    """An f16 of half the exponents; 0x7f and 0xff become 1.75."""
    code = torch.arange(256, dtype=torch.int16)
    x, out = code.to(torch.uint8), torch.zeros(256, dtype=torch.float16)
    oldest[(1,)](x, out)
    assert torch.equal(out, ((code & 0x7F) << 7 | (code & 0x80) << 8).view(torch.float16))
    assert torch.equal(x, torch.where(code % 128 == 127, code - 1, code).to(torch.uint8))


@triton.jit
def pointed(x, o):
    tl.static_assert(x.dtype == tl.pointer_type(tl.float32) and not x.dtype.is_block())
    words = x.to(tl.pi32_t)
    i = tl.arange(0, 64)
    block = tl.load(words + i)
    tl.static_assert(block.type == tl.block_type(tl.int32, [64]))
    tl.store(o + i, block)


@note(
    "tl.pointer_type",
    "tl.block_type",
    "tl.pi32_t",
    section=SECTION,
    kernels=[pointed],
    note="a pointer can be seen as one to another type",
)
def types_of_types() -> None:
    x, out = torch.randn(64), torch.zeros(64, dtype=torch.int32)
    pointed[(1,)](x, out)
    assert torch.equal(out, x.view(torch.int32))


@triton.jit
def read_only(x: tl.const, o):
    i = tl.arange(0, 64)
    tl.store(o + i, tl.load(x + i))


@triton.jit
def written(x: tl.const, o):
    tl.store(x, 1.0)


@note("tl.const", section=SECTION, kernels=[read_only, written], types="f32", note="Triton refuses a store into one")
def constant_memory(kind: str) -> None:
    x, out = tensor(values(kind, (64,), (0, 1))), torch.zeros(64)
    read_only[(1,)](x, out)
    assert torch.equal(x, out)
    assert "const" in refusal(lambda: written[(1,)](x, out))


@triton.jit
def fixed(o, N: tl.constexpr, TYPE: tl.constexpr):
    half: tl.constexpr = tl.constexpr(N // 2)
    tl.static_assert(isinstance(TYPE, tl.dtype) and TYPE.is_int() and TYPE.primitive_bitwidth == 32)
    tl.static_assert(tl.TRITON_MAX_TENSOR_NUMEL == 1048576)
    v = tl.full((half,), half, TYPE)
    tl.static_assert(isinstance(v, tl.tensor) and v.numel == half)
    tl.store(o + tl.arange(0, half), v)


@note("tl.constexpr", "tl.dtype", "tl.tensor", "tl.TRITON_MAX_TENSOR_NUMEL", section=FIXED, kernels=[fixed])
def known_at_compile_time() -> None:
    out = torch.zeros(64, dtype=torch.int32)
    fixed[(1,)](out, 64, tl.int32)
    assert out.tolist() == [32] * 32 + [0] * 32


@triton.jit
def nothing(o):
    tl.store(o, 1)


@triton.jit
def annotated(o):
    kind: tl.constexpr = tl.void
    tl.static_assert(kind == tl.void and tl.constexpr_type(1) == tl.constexpr_type(1))
    tl.store(o, 1)


@note("tl.void", "tl.constexpr_type", section=FIXED, kernels=[annotated])
def types_without_values() -> None:
    out = torch.zeros(1, dtype=torch.int32)
    annotated[(1,)](out)
    assert int(out) == 1


@triton.jit
def both(a, b):
    return a + b, a - b


@triton.jit
def tupled(o):
    pair = both(5, 3)
    s, d = pair
    triple = tl.tuple([s, d, 7])
    tl.store(o + 0, triple[0] * 100 + triple[1] * 10 + triple[2])
    tl.store(o + 1, triple[1:][0])


@note("tl.tuple", section=TUPLES, kernels=[tupled], note="made in a kernel, given and returned by its functions")
def tuples_in_kernels() -> None:
    out = torch.zeros(2, dtype=torch.int32)
    tupled[(1,)](out)
    assert out.tolist() == [827, 2]


@triton.jit
def sliced(o):
    values = (1, 2, 3, 4)
    tl.store(o, values[tl.slice(1, 3, 1)][0] if False else values[1:3][1])


@note("tl.slice", section=TUPLES, kernels=[sliced], note="of a tuple: `values[1:3]`")
def slices() -> None:
    out = torch.zeros(1, dtype=torch.int32)
    sliced[(1,)](out)
    assert int(out) == 3


@triton.jit
def given(pair, o):
    tl.store(o, tl.load(pair[0]) + pair[1])


@note(
    "tl.tuple",
    section=TUPLES,
    kernels=[given],
    uses=("pair[0]",),
    note="as an argument of a kernel: of tensors, numbers, descriptors, constants, functions, `None`, and tuples",
)
def tuples_as_arguments() -> None:
    out = torch.zeros(1)
    given[(1,)]((torch.ones(1), 2.0), out)
    assert float(out) == 3
