"""Cases of atomic operations."""

# pyright: basic

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl

from .arrays import array, tensor, values
from .cases import Case, Verdict, show

CASES: list[Case] = []
SECTION = "Atomics"
note = partial(show, section=SECTION, into=CASES)


@triton.jit
def atomic(x, p, old, which: tl.constexpr):
    i = tl.arange(0, 64)
    v = tl.load(x + i)
    if which == "add":
        r = tl.atomic_add(p + i, v, mask=i < 60)
    elif which == "max":
        r = tl.atomic_max(p + i, v, mask=i < 60)
    elif which == "min":
        r = tl.atomic_min(p + i, v, mask=i < 60)
    elif which == "and":
        r = tl.atomic_and(p + i, v, mask=i < 60)
    elif which == "or":
        r = tl.atomic_or(p + i, v, mask=i < 60)
    elif which == "xor":
        r = tl.atomic_xor(p + i, v, mask=i < 60)
    else:
        r = tl.atomic_xchg(p + i, v, mask=i < 60)
    tl.store(old + i, r, mask=i < 60)


@triton.jit
def crowded(p, o):
    """Every program, and every lane of it, adds to one place."""
    tl.atomic_add(p + tl.zeros((16,), tl.int32), tl.full((16,), 1, p.dtype.element_ty))
    tl.atomic_max(o, tl.program_id(0))


def agrees(name: str, reference: Any, kind: str) -> None:
    x, memory = values(kind, (64,), edges=False), values(kind, (64,), edges=False, seed=1)
    out, old = tensor(memory), tensor(memory)
    atomic[(1,)](tensor(x), out, old, name)
    with np.errstate(all="ignore"):
        expected = reference(memory, x)
    expected[60:] = memory[60:]
    assert array(out).tobytes() == expected.tobytes() and array(old).tobytes() == memory.tobytes()


WORDS = "i32 i64 u32 u64"


def of_bits(function: Any) -> Any:
    """A function of integers, of the bits of floats too."""

    def change(memory: np.ndarray, x: np.ndarray) -> np.ndarray:
        bits = f"u{memory.dtype.itemsize}"
        return function(memory.view(bits), x.view(bits)).view(memory.dtype)

    return change


for _name, _reference, _types in (
    ("add", np.add, f"f16 bf16 f32 f64 {WORDS}"),
    ("max", np.maximum, f"f32 f64 {WORDS}"),
    ("min", np.minimum, f"f32 f64 {WORDS}"),
    ("and", of_bits(np.bitwise_and), f"f32 f64 {WORDS}"),
    ("or", of_bits(np.bitwise_or), f"f32 f64 {WORDS}"),
    ("xor", of_bits(np.bitwise_xor), f"f32 f64 {WORDS}"),
    ("xchg", lambda memory, x: x.copy(), f"f32 f64 {WORDS}"),
):
    _note = "gives what was there; with a mask" + ("; of floats, their bits" if _name in ("and", "or", "xor") else "")
    note(f"tl.atomic_{_name}", kernels=[atomic], types=_types, note=_note)(partial(agrees, _name, _reference))


@note(
    "tl.atomic_add",
    "tl.atomic_max",
    kernels=[crowded],
    types=f"f16 f32 f64 {WORDS}",
    note="of many programs and lanes in one place",
)
def all_in_one_place(kind: str) -> None:
    out, most = tensor(values(kind, (1,), (0, 0))), torch.zeros(1, dtype=torch.int32)
    crowded[(64,)](out, most)
    assert float(out) == 64 * 16 and int(most) == 63


@triton.jit
def swap(p, expected, desired, old):
    i = tl.arange(0, 64)
    tl.store(old + i, tl.atomic_cas(p + i, tl.load(expected + i), tl.load(desired + i)))


@note(
    "tl.atomic_cas",
    kernels=[swap],
    types=f"f16 bf16 f32 f64 {WORDS}",
    note="compares bits: a NaN is itself, and 0.0 is not -0.0",
)
def compare_and_swap(kind: str) -> None:
    memory, desired = values(kind, (64,)), values(kind, (64,), seed=2)
    expected = np.where(np.arange(64) % 2 == 0, memory, values(kind, (64,), seed=3)).astype(memory.dtype)
    out, old = tensor(memory), tensor(desired)
    swap[(1,)](out, tensor(expected), tensor(desired), old)
    bits = f"u{memory.dtype.itemsize}"
    met = memory.view(bits) == expected.view(bits)
    assert (array(out).view(bits) == np.where(met, desired.view(bits), memory.view(bits))).all()
    assert array(old).tobytes() == memory.tobytes()


@triton.jit
def ordered(p, o):
    tl.store(o, tl.atomic_add(p, 1, sem="relaxed", scope="cta") + tl.atomic_add(p, 1, sem="acquire", scope="sys"))


@note(
    "tl.atomic_add",
    kernels=[ordered],
    verdict=Verdict.NO_EFFECT,
    uses=("tl.atomic_add", "sem=", "scope="),
    note="`sem` and `scope`: every atomic is `acq_rel` for all programs",
)
def orders_of_memory() -> None:
    p, o = torch.zeros(1, dtype=torch.int32), torch.zeros(1, dtype=torch.int32)
    ordered[(1,)](p, o)
    assert int(p) == 2 and int(o) == 1
