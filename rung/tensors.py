"""Memory of other libraries as kernel arguments."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from .errors import UsageError

if TYPE_CHECKING:
    import torch

_CPU = 1
"""DLPack's number of the CPU (`kDLCPU`)."""


def as_tensor(source: Any, *, read_only: bool = False) -> torch.Tensor:
    """A torch tensor on the memory of `source`, which stays alive with it: nothing is copied, and what a kernel stores
    into one is seen in the other.

    source: a torch tensor, a NumPy array or anything with `__array_interface__` (data types of ml_dtypes too), anything
    that exports DLPack from the CPU, or an object with `data_ptr()`, `dtype` and `shape` (and `stride()`, in elements;
    row-major without), as Triton's launcher takes it.
    read_only: take memory that may only be read, such as a mapped file, too. A kernel that stores into it is the
    caller's fault.
    Raises UsageError for anything else, and for memory that torch cannot describe: another device, another byte order,
    negative strides, structures, or read-only without `read_only`.
    """
    import torch

    if isinstance(source, torch.Tensor):
        return source
    if hasattr(source, "__array_interface__"):
        return _from_array(source, read_only)
    if hasattr(source, "__dlpack__"):
        return _from_dlpack(source)
    if callable(getattr(source, "data_ptr", None)) and hasattr(source, "dtype") and hasattr(source, "shape"):
        return _from_address(source)
    raise UsageError(
        f"{_named(source)} is no memory that a kernel can use; give a torch tensor, a NumPy array, or an object with "
        "`__array_interface__`, `__dlpack__`, or `data_ptr()`, `dtype` and `shape`"
    )


def _from_array(source: Any, read_only: bool) -> torch.Tensor:
    import numpy as np
    from torch import from_numpy as shared  # pyright: ignore[reportUnknownVariableType]

    try:
        array = np.asarray(source)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{_named(source)} has an `__array_interface__` that NumPy does not read: {error}") from None
    if not array.dtype.isnative:
        raise UsageError(
            f"{_named(source)} has the other byte order; give `array.astype(array.dtype.newbyteorder('='))`"
        )
    if any(stride < 0 for stride in array.strides) or any(s % array.itemsize for s in array.strides if array.size):
        raise UsageError(
            f"{_named(source)} has strides of {array.strides} bytes: torch has none below zero, nor within an element; "
            "give `array.copy()`"
        )
    dtype = _dtype(array.dtype.name, source)
    if not array.flags.writeable:
        if not read_only:
            raise UsageError(
                f"{_named(source)} may only be read; give `array.copy()`, "
                "or `read_only=True` to a kernel that only loads"
            )
        return _at(array.ctypes.data, dtype, array.shape, _in_elements(array.strides, array.itemsize), array)
    try:
        return shared(array)
    except TypeError:  # a type that torch has and NumPy has not, of ml_dtypes
        return shared(array.view(f"int{array.itemsize * 8}")).view(dtype)


def _from_dlpack(source: Any) -> torch.Tensor:
    import torch

    device, number = source.__dlpack_device__()
    if device != _CPU:
        raise UsageError(f"{_named(source)} is on DLPack's device {int(device)}:{number}; kernels run on the CPU, 1:0")
    try:
        return torch.from_dlpack(source)
    except (BufferError, RuntimeError, TypeError) as error:
        raise UsageError(f"{_named(source)} does not export its memory: {' '.join(str(error).split())}") from None


def _from_address(source: Any) -> torch.Tensor:
    try:
        shape = tuple(int(size) for size in source.shape)
        strides = tuple(int(s) for s in source.stride()) if callable(getattr(source, "stride", None)) else None
        address = int(source.data_ptr())
    except (TypeError, ValueError):
        raise UsageError(
            f"{_named(source)} has no number as `data_ptr()`, or no numbers as `shape` or `stride()`"
        ) from None
    if min((*shape, *(strides or ()), 0)) < 0 or (strides is not None and len(strides) != len(shape)):
        raise UsageError(f"{_named(source)} has the shape {shape} and strides {strides}, which no memory has")
    if not address and 0 not in shape:
        raise UsageError(f"{_named(source)} has no memory: its address is 0")
    return _at(address, _dtype(str(source.dtype).removeprefix("torch."), source), shape, strides, source)


def _at(
    address: int, dtype: torch.dtype, shape: Sequence[int], strides: Sequence[int] | None, owner: Any
) -> torch.Tensor:
    """A tensor at an address. strides: in elements, row-major without."""
    import torch

    if strides is None:
        strides = [prod(shape[d + 1 :]) for d in range(len(shape))]
    elements = 0 if 0 in shape else 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if not elements:
        return torch.empty(tuple(shape), dtype=dtype)
    memory = (ctypes.c_char * (elements * dtype.itemsize)).from_address(address)
    vars(memory)["owner"] = owner  # the tensor keeps `memory`
    return torch.frombuffer(memory, dtype=dtype).as_strided(tuple(shape), tuple(strides))


def _in_elements(strides: Sequence[int], itemsize: int) -> list[int]:
    return [stride // itemsize for stride in strides]


def _dtype(name: str, source: Any) -> torch.dtype:
    import torch

    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise UsageError(f"{_named(source)} holds elements of type {name}, which torch does not have")
    return found


def _named(source: object) -> str:
    kind = type(source)
    return f"this {kind.__name__}" if kind.__module__ == "builtins" else f"this {kind.__module__}.{kind.__name__}"
