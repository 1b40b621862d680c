"""Kernels that record the slots which a launcher gives them."""

import ctypes
from typing import Any

import pytest

from rung.errors import LaunchError
from rung.runtime import _native

KERNEL = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_int64))


class Kernel:
    """A packed kernel that records its slots."""

    def __init__(self, slots: int) -> None:
        self.calls: list[list[int]] = []
        self._entry = KERNEL(lambda p: self.calls.append([p[i] for i in range(slots)]))
        self.address: int = ctypes.cast(self._entry, ctypes.c_void_p).value or 0


def names(kinds: str) -> tuple[str, ...]:
    return tuple(f"arg{i}" for i in range(len(kinds)))


Grid = tuple[int, int, int]


def launch(kinds: str, *args: object, grid: Grid = (1, 1, 1), **options: Any) -> list[list[int]]:
    """Launch a recording kernel; the argument slots of each call, without the grid."""
    slots = len(kinds.replace("-", ""))
    kernel = Kernel(slots + 3)
    launcher = _native.Launcher(kinds, names(kinds), **options)
    launcher(*grid, None, kernel.address, None, None, None, None, *args)
    for call in kernel.calls:
        assert call[slots:] == list(grid)
    return [call[:slots] for call in kernel.calls]


def pack(kind: str, value: object) -> int:
    [[slot]] = launch(kind, value)
    return slot


def refusal(kinds: str, *args: object, **options: Any) -> str:
    with pytest.raises(LaunchError) as error:
        launch(kinds, *args, **options)
    return str(error.value)
