"""Cases of memory: pointers, block pointers, tensor descriptors."""

# pyright: basic

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor

from .arrays import ALL, NUMBERS, array, tensor, values
from .cases import Case, Verdict, show

CASES: list[Case] = []
SECTION = "Memory"
note = partial(show, section=SECTION, into=CASES)


@triton.jit
def copy(x, o, n):
    i = tl.arange(0, 64)
    tl.store(o + i, tl.load(x + i, mask=i < n, other=1), mask=i < n + 4)


@note("tl.load", "tl.store", kernels=[copy], types=ALL, note="with `mask` and `other`")
def masked(kind: str) -> None:
    x = values(kind, (64,))
    out = torch.zeros_like(tensor(x))
    copy[(1,)](tensor(x), out, 50)
    expected = np.zeros_like(x)
    expected[:50], expected[50:54] = x[:50], 1
    assert array(out).tobytes() == expected.tobytes()


@triton.jit
def copy_without_other(x, o, n):
    i = tl.arange(0, 64)
    tl.store(o + i, tl.load(x + i, mask=i < n))


@note(
    "tl.load",
    kernels=[copy_without_other],
    types=NUMBERS,
    verdict=Verdict.DIFFERS,
    note="masked-off lanes without `other` are 0; elsewhere they are undefined",
)
def masked_without_other(kind: str) -> None:
    x = values(kind, (64,))
    out = torch.ones_like(tensor(x))
    copy_without_other[(1,)](tensor(x), out, 50)
    x[50:] = 0
    assert array(out).tobytes() == x.tobytes()


@triton.jit
def hinted(x, o):
    i = tl.arange(0, 64)
    v = tl.load(x + i, cache_modifier=".ca", eviction_policy="evict_first") + tl.load(x + i, volatile=True)
    tl.store(o + i, v, cache_modifier=".wb", eviction_policy="evict_last")


@note(
    "tl.load",
    "tl.store",
    kernels=[hinted],
    types="f32 i32",
    verdict=Verdict.NO_EFFECT,
    uses=("tl.load", "tl.store", "cache_modifier", "eviction_policy", "volatile"),
    note="`cache_modifier`, `eviction_policy`; a `volatile` load (or `.cv`) is read where it stands, once",
)
def hints_of_memory(kind: str) -> None:
    x = values(kind, (64,), (0, 100))
    out = torch.zeros_like(tensor(x))
    hinted[(1,)](tensor(x), out)
    assert (array(out) == x + x).all()


@triton.jit
def scatter(x, at, o):
    i = tl.arange(0, 64)
    tl.store(o + tl.load(at + i), tl.load(x + tl.load(at + 63 - i)))


@note("tl.load", "tl.store", kernels=[scatter], types=ALL, note="from and to any addresses")
def anywhere(kind: str) -> None:
    x, at = values(kind, (64,)), np.random.default_rng(0).permutation(64).astype(np.int32)
    out = torch.zeros_like(tensor(x))
    scatter[(1,)](tensor(x), tensor(at), out)
    expected = np.zeros_like(x)
    expected[at] = x[at[::-1]]
    assert array(out).tobytes() == expected.tobytes()


@triton.jit
def block_pointers(x, o, rows, columns):
    p = tl.make_block_ptr(x, (rows, columns), (columns, 1), (0, 0), (8, 8), (1, 0))
    q = tl.make_block_ptr(o, (rows, columns), (columns, 1), (0, 0), (8, 8), (1, 0))
    for _ in range(0, columns, 8):
        tl.store(q, tl.load(p, boundary_check=(0, 1), padding_option="zero"), boundary_check=(0, 1))
        p = tl.advance(p, (0, 8))
        q = tl.advance(q, (0, 8))


@note(
    "tl.make_block_ptr",
    "tl.advance",
    kernels=[block_pointers],
    types="f16 bf16 f32 f64 i8 i32 i64",
    note="with `boundary_check` and `padding_option`",
)
def through_block_pointers(kind: str) -> None:
    x = values(kind, (128,))[: 6 * 20].reshape(6, 20)
    out = torch.zeros_like(tensor(x))
    block_pointers[(1,)](tensor(x), out, 6, 20)
    assert array(out).tobytes() == x.tobytes()


@triton.jit
def descriptors(x, o, rows, columns):
    p = tl.make_tensor_descriptor(x, [rows, columns], [columns, 1], [8, 16])
    q = tl.make_tensor_descriptor(o, [rows, columns], [columns, 1], [8, 16])
    for j in range(0, columns, 16):
        q.store([0, j], p.load([0, j]))


@note(
    "tl.make_tensor_descriptor",
    "tensor_descriptor.load",
    "tensor_descriptor.store",
    kernels=[descriptors],
    types="f16 bf16 f32 f64 i8 i32 i64",
    uses=("tl.make_tensor_descriptor", "p.load", "q.store"),
    note="made in the kernel",
)
def through_descriptors(kind: str) -> None:
    x = np.resize(values(kind, (128,)), (3, 32))
    out = torch.zeros_like(tensor(x))
    descriptors[(1,)](tensor(x), out, 3, 32)
    assert array(out).tobytes() == x.tobytes()


@triton.jit
def descriptor_functions(x, o):
    p = tl.make_tensor_descriptor(x, [8, 16], [16, 1], [8, 16])
    q = tl.make_tensor_descriptor(o, [8, 16], [16, 1], [8, 16])
    tl.store_tensor_descriptor(q, [0, 0], tl.load_tensor_descriptor(p, [0, 0]))


@note("tl.load_tensor_descriptor", "tl.store_tensor_descriptor", kernels=[descriptor_functions], types="f16 f32 i32")
def descriptors_by_function(kind: str) -> None:
    x = values(kind, (8, 16))
    out = torch.zeros_like(tensor(x))
    descriptor_functions[(1,)](tensor(x), out)
    assert array(out).tobytes() == x.tobytes()


@triton.jit
def reductions(x, p, which: tl.constexpr):
    i = tl.arange(0, 8)[:, None] * 16 + tl.arange(0, 16)[None, :]
    d = tl.make_tensor_descriptor(p, [8, 16], [16, 1], [8, 16])
    v = tl.load(x + i)
    if which == "add":
        d.atomic_add([0, 0], v)
    elif which == "max":
        d.atomic_max([0, 0], v)
    elif which == "min":
        d.atomic_min([0, 0], v)
    elif which == "and":
        d.atomic_and([0, 0], v)
    elif which == "or":
        d.atomic_or([0, 0], v)
    else:
        d.atomic_xor([0, 0], v)


REDUCTIONS: dict[str, Any] = {
    "add": np.add,
    "max": np.maximum,
    "min": np.minimum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}
_reduced = [f"tensor_descriptor.atomic_{name}" for name in REDUCTIONS]


@note(*_reduced, kernels=[reductions], types="i32 u32", uses=[f"d.atomic_{name}" for name in REDUCTIONS])
def reduce_into_descriptors(kind: str) -> None:
    for name, reference in REDUCTIONS.items():
        x, memory = values(kind, (8, 16)), values(kind, (8, 16), seed=1)
        out = tensor(memory)
        reductions[(1,)](tensor(x), out, name)
        with np.errstate(all="ignore"):
            assert (array(out) == reference(memory, x)).all(), name


@triton.jit
def rows_by_index(x, at, o):
    d = tl.make_tensor_descriptor(x, [32, 16], [16, 1], [1, 16])
    q = tl.make_tensor_descriptor(o, [32, 16], [16, 1], [1, 16])
    rows = tl.load(at + tl.arange(0, 8))
    q.scatter(d.gather(rows, 0), rows, 0)


@note(
    "tensor_descriptor.gather",
    "tensor_descriptor.scatter",
    kernels=[rows_by_index],
    types="f16 f32 i32",
    uses=("d.gather", "q.scatter"),
)
def gather_rows(kind: str) -> None:
    x, at = values(kind, (32, 16), edges=False), np.random.default_rng(0).permutation(32)[:8].astype(np.int32)
    out = torch.zeros_like(tensor(x))
    rows_by_index[(1,)](tensor(x), tensor(at), out)
    expected = np.zeros_like(x)
    expected[at] = x[at]
    assert (array(out) == expected).all()


@triton.jit
def host_descriptor(p, o):
    i = tl.arange(0, 8)[:, None] * 16 + tl.arange(0, 16)[None, :]
    tl.store(o + i, p.load([0, 0]))


@note(
    "tl.tensor_descriptor",
    kernels=[host_descriptor],
    types="f16 bf16 f32 f64 i8 i32 i64",
    uses=("p.load",),
    note="made by the host (`TensorDescriptor.from_tensor`), as an argument, alone or in a tuple",
)
def descriptors_of_the_host(kind: str) -> None:
    x = np.resize(values(kind, (160,)), (5, 32))
    expected = np.zeros((8, 16), x.dtype)
    expected[:5] = x[:, :16]
    out = torch.ones_like(tensor(expected))
    host_descriptor[(1,)](TensorDescriptor.from_tensor(tensor(x), [8, 16]), out)
    assert array(out).tobytes() == expected.tobytes()
