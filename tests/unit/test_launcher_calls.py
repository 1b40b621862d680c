"""The launcher runs hooks and fallbacks; bound kernels are packed once."""

import ctypes
import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from rung.errors import LaunchError
from rung.runtime import _native
from tests.unit.launcher_kernels import KERNEL, Grid, Kernel, launch, refusal

# ---- launching


@pytest.mark.parametrize("grid", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_an_empty_grid_launches_nothing(grid: Grid) -> None:
    assert launch("i", 1, grid=grid) == []


class Chain:
    """As Triton's HookChain."""

    def __init__(self, *calls: Any) -> None:
        self.calls = list(calls)

    def __call__(self, metadata: object) -> None:
        for call in self.calls:
            call(metadata)


def test_hooks_run_around_the_kernel() -> None:
    log: list[object] = []
    entry = KERNEL(lambda _: log.append("kernel"))
    address = ctypes.cast(entry, ctypes.c_void_p).value or 0
    launcher = _native.Launcher("", ())
    for enter, leave in [
        (lambda m: log.append(("enter", m)), lambda m: log.append(("exit", m))),
        (Chain(lambda m: log.append(("enter", m))), Chain(lambda m: log.append(("exit", m)))),
    ]:
        log.clear()
        launcher(1, 1, 1, None, address, None, "meta", enter, leave)
        assert log == [("enter", "meta"), "kernel", ("exit", "meta")]
    log.clear()
    launcher(1, 1, 1, None, address, None, "meta", Chain(), Chain())
    assert log == ["kernel"]

    def fail(_: object) -> None:
        raise KeyError("hook")

    with pytest.raises(KeyError):
        launcher(1, 1, 1, None, address, None, "meta", fail, None)
    assert log == ["kernel"]


def test_other_python_threads_run_during_a_kernel() -> None:
    released = threading.Event()
    entry = KERNEL(lambda _: released.wait(30))
    address = ctypes.cast(entry, ctypes.c_void_p).value or 0
    thread = threading.Thread(target=_native.bind(address, "", (), (1, 1, 1)))
    thread.start()
    released.set()
    thread.join(30)
    assert not thread.is_alive()


# ---- arguments that must not be the same memory


def test_equal_pointers_take_the_fallback() -> None:
    fallback: list[object] = []

    def otherwise(*call: object) -> None:
        fallback.append(call)

    x, y = torch.zeros(4), torch.zeros(4)
    options = {"alias_pairs": ((0, 2), (2, 3)), "otherwise": otherwise}
    assert launch("P-PP", x, 1, y, x, **options) == [[x.data_ptr(), y.data_ptr(), x.data_ptr()]]
    assert launch("P-PP", None, 1, None, x, **options) == [[0, 0, x.data_ptr()]]
    assert fallback == []
    assert launch("P-PP", x, 1, y, y, grid=(2, 3, 4), **options) == []
    assert fallback == [(2, 3, 4, (x, 1, y, y))]
    assert refusal("PP", x, x, alias_pairs=((0, 1),)) == (
        "arguments `arg0` and `arg1` are the same memory; this kernel was compiled for different ones"
    )


def test_a_launcher_in_a_cycle_is_collected() -> None:
    class Owner:
        def __init__(self) -> None:
            self.launcher = _native.Launcher("", (), (), self.otherwise)

        def otherwise(self, gx: int, gy: int, gz: int, args: tuple[object, ...]) -> None: ...

    owner = weakref.ref(Owner())
    gc.collect()
    assert owner() is None


# ---- bound kernels


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    yield Kernel(5)


def test_bound_packs_once_and_keeps_its_arguments(kernel: Kernel) -> None:
    x = np.zeros(4)
    address = x.ctypes.data
    alive = weakref.ref(x)
    bound = _native.bind(kernel.address, "Pi", (x, 3), (1, 2, 3))
    del x
    assert alive() is not None
    bound()
    assert len(bound.time(4)) == 4
    assert all(seconds > 0 for seconds in bound.time(2))
    assert kernel.calls == [[address, 3, 1, 2, 3]] * 7
    del bound
    assert alive() is None


def test_bound_refusals(kernel: Kernel) -> None:
    with pytest.raises(LaunchError, match="argument 1: expected an integer"):
        _native.bind(kernel.address, "Pi", (None, "x"), (1, 1, 1))
    with pytest.raises(LaunchError, match="argument `n`: expected an integer"):
        _native.bind(kernel.address, "Pi", (None, "x"), (1, 1, 1), names=("p", "n"))
    with pytest.raises(LaunchError, match="2 kinds and 3 grid dimensions, but 1 arguments and 3"):
        _native.bind(kernel.address, "Pi", (None,), (1, 1, 1))
    with pytest.raises(ValueError, match="cannot time -1"):
        _native.bind(kernel.address, "", (), (1, 1, 1)).time(-1)


def test_a_bound_empty_grid_launches_nothing(kernel: Kernel) -> None:
    bound = _native.bind(kernel.address, "ii", (1, 2), (1, 0, 1))
    bound()
    assert len(bound.time(3)) == 3
    assert kernel.calls == []


def test_call_packed(kernel: Kernel) -> None:
    slots = (ctypes.c_int64 * 5)(1, 2, 3, 4, 5)
    _native.call_packed(kernel.address, ctypes.addressof(slots))
    _native.call_packed(kernel.address, bytearray(bytes(slots)))
    assert kernel.calls == [[1, 2, 3, 4, 5]] * 2
