"""`rung.as_tensor`: memory of other libraries, shared with kernels and kept alive."""

from __future__ import annotations

import array
import ctypes
import gc

import ml_dtypes
import numpy as np
import pytest
import torch
import triton
import triton.language as tl

import rung
from rung.errors import UsageError


@triton.jit
def double(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=i < n) * 2, mask=i < n)


class Pointed:
    """What Triton's launcher takes: an address and a type."""

    def __init__(self, numbers: np.ndarray, **more: object) -> None:
        self._numbers, self.dtype, self.shape = numbers, numbers.dtype, numbers.shape
        vars(self).update(more)

    def data_ptr(self) -> int:
        return self._numbers.ctypes.data


class Interface:
    def __init__(self, numbers: np.ndarray, **instead: object) -> None:
        self.__array_interface__ = instead or numbers.__array_interface__
        self.numbers = numbers


class Capsule:
    def __init__(self, tensor: torch.Tensor, device: int = 1) -> None:
        self.tensor, self.device = tensor, device

    def __dlpack__(self, **options: object) -> object:
        return self.tensor.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device, 0


MAKERS = {
    "numpy": lambda numbers: numbers,
    "interface": Interface,
    "dlpack": lambda numbers: Capsule(torch.from_numpy(numbers)),
    "address": Pointed,
    "torch": torch.from_numpy,
}


@pytest.mark.parametrize("kind", ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8"])
@pytest.mark.parametrize("maker", MAKERS)
def test_a_kernel_reads_and_writes_the_memory_itself(maker, kind):
    x, y = np.arange(100).astype(kind), np.zeros(100, kind)
    double[(4,)](rung.as_tensor(MAKERS[maker](x)), rung.as_tensor(MAKERS[maker](y)), 100, BLOCK=32)
    assert (y == (np.arange(100) * 2).astype(kind)).all()


@pytest.mark.parametrize("kind", ["bfloat16", "float8_e5m2", "float8_e4m3fn"])
@pytest.mark.parametrize("read_only", [False, True])
def test_types_that_numpy_itself_does_not_have(kind, read_only):
    numbers = np.arange(8).astype(getattr(ml_dtypes, kind))
    numbers.setflags(write=not read_only)
    made = rung.as_tensor(numbers, read_only=read_only)
    assert made.dtype == getattr(torch, kind) and made.data_ptr() == numbers.ctypes.data
    assert made.double().tolist() == numbers.astype(float).tolist()


def test_views_keep_their_strides():
    base = np.arange(60, dtype=np.float32).reshape(5, 12)
    for view in (base[1:, ::3], base.T, base[2], base[:, None]):
        for made in (
            rung.as_tensor(view),
            rung.as_tensor(Pointed(view, stride=lambda v=view: [s // 4 for s in v.strides])),
        ):
            assert made.data_ptr() == view.ctypes.data and made.stride() == tuple(s // 4 for s in view.strides)
            assert np.array_equal(made.numpy(), view)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (2, 1, 3)])
def test_any_shape(shape):
    numbers = np.ones(shape, np.float32)
    for maker in MAKERS.values():
        assert rung.as_tensor(maker(numbers)).shape == shape


@pytest.mark.parametrize("maker", ["numpy", "interface", "dlpack", "address"])
def test_memory_lives_as_long_as_the_tensor(maker):
    tensor = rung.as_tensor(MAKERS[maker](np.full(1 << 16, 7.0)))
    gc.collect()
    rest = [np.zeros(1 << 16) for _ in range(8)]
    assert (tensor == 7).all() and len(rest) == 8


def test_read_only_memory_is_asked_for():
    x, y = np.arange(100.0), torch.zeros(100, dtype=torch.float64)
    x.setflags(write=False)
    with pytest.raises(UsageError, match=r"numpy.ndarray may only be read; give `array.copy\(\)`, or `read_only=True`"):
        rung.as_tensor(x)
    double[(4,)](rung.as_tensor(x, read_only=True), y, 100, BLOCK=32)
    assert torch.equal(y, torch.arange(100, dtype=torch.float64) * 2)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.arange(4.0)[::-1], "strides of .* bytes: torch has none below zero"),
        (np.arange(4).astype(">i4"), "other byte order"),
        (np.zeros(4, "f4,i4"), "elements of type void64, which torch does not have"),
        (np.array(["a"]), "elements of type str32"),
        (np.zeros(4, [("a", "i1"), ("b", "f4")])["b"], "nor within an element"),
        (Capsule(torch.zeros(4), device=2), "on DLPack's device 2:0; kernels run on the CPU"),
        (Pointed(np.zeros(4), dtype="quad"), "elements of type quad"),
        (Pointed(np.zeros(4), data_ptr=lambda: None), "has no number as `data_ptr\\(\\)`"),
        (Pointed(np.zeros(4), data_ptr=lambda: 0), "has no memory: its address is 0"),
        (Pointed(np.zeros(4), shape=(-4,)), "has the shape \\(-4,\\)"),
        (Pointed(np.zeros(4), shape=4), "no numbers as `shape`"),
        (Pointed(np.zeros(4), stride=lambda: (1, 1)), "which no memory has"),
        (Interface(np.zeros(4), shape=(3,)), "that NumPy does not read"),
        ([1.0, 2.0], "this list is no memory that a kernel can use; give a torch tensor, a NumPy array"),
        (array.array("d", [1.0]), "this array.array is no memory"),
        (3, "this int is no memory"),
        (None, "this NoneType is no memory"),
        (ctypes.c_int(3), "is no memory"),
    ],
)
def test_what_is_no_memory_for_kernels_says_why(source, message):
    with pytest.raises(UsageError, match=message):
        rung.as_tensor(source)
