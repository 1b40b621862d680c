"""Launches that repeat earlier ones: their grids, what stands before them, and what is left behind."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
import triton
from triton import knobs

from rung.errors import LaunchError
from rung.runtime import _native
from tests.numeric.repeated_launches.repeats import F16, O, X, again, is_repeated, repeated, scaled


def test_grids_of_every_kind(kernel: Any) -> None:
    seen: list[dict[str, Any]] = []

    def grid(meta: dict[str, Any]) -> Any:
        seen.append(dict(meta))
        return [triton.cdiv(meta["n"], meta["BLOCK"])]

    for each in (grid, [1], (1, 1), (1, 1, 1), torch.Size([1])):
        O.zero_()
        kernel[each](X, O, 64, 2.5)
        assert torch.equal(O, X * 2.5)
    assert seen == [{"x_ptr": X, "o_ptr": O, "n": 64, "factor": 2.5, "BLOCK": 64}]
    assert is_repeated(kernel, lambda: kernel[grid](X, O, 64, 2.5))
    assert is_repeated(kernel, lambda: kernel[lambda meta: torch.Size([1])](X, O, 64, 2.5))
    O.zero_()
    kernel[(0,)](X, O, 64, 2.5), kernel[lambda meta: (0, 1)](X, O, 64, 2.5)
    assert not O.any()


def test_grids_that_cannot_be(kernel: Any) -> None:
    for grid in ((-1,), lambda meta: (-1,)):
        with pytest.raises(LaunchError, match="grid dimension x is -1"):
            kernel[grid](X, O, 64, 2.5)
    for grid in ((), lambda meta: ()):
        with pytest.raises(IndexError):
            kernel[grid](X, O, 64, 2.5)
    with pytest.raises(ZeroDivisionError):
        kernel[lambda meta: (1 // 0,)](X, O, 64, 2.5)
    with pytest.raises(AssertionError):
        kernel[None](X, O, 64, 2.5)


def test_a_grid_may_change_what_is_launched(kernel: Any) -> None:
    def grid(meta: dict[str, Any]) -> tuple[int]:
        meta["factor"] = 4.0
        return (1,)

    assert is_repeated(kernel, lambda: kernel[grid](X, O, 64, 2.5)) and torch.equal(O, X * 4)


def test_a_grid_may_move_the_memory(kernel: Any) -> None:
    x, elsewhere = X.clone(), X + 1

    def grid(meta: dict[str, Any]) -> tuple[int]:
        meta["x_ptr"].set_(elsewhere)
        return (1,)

    assert is_repeated(kernel, lambda: kernel[grid](x, O, 64, 2.0)) and torch.equal(O, (X + 1) * 2)

    def exchange(meta: dict[str, Any]) -> tuple[int]:
        meta["x_ptr"] = F16
        return (1,)

    with pytest.raises(LaunchError, match=r"argument `x_ptr`: is a tensor of torch.float16"):
        kernel[exchange](X, O, 64, 2.0)


def test_a_grid_may_set_a_hook(kernel: Any) -> None:
    told: list[str] = []
    hook = lambda m: told.append(m.get()["name"])  # noqa: E731 (is removed by identity)

    def grid(meta: dict[str, Any]) -> tuple[int]:
        knobs.runtime.launch_enter_hook.add(hook)
        return (1,)

    O.zero_()
    try:
        kernel[grid](X, O, 64, 2.5)
    finally:
        knobs.runtime.launch_enter_hook.remove(hook)
    assert told == ["scaled"] and torch.equal(O, X * 2.5)


def test_nothing_is_kept_alive() -> None:
    kernel = triton.JITFunction(scaled.fn)
    x = torch.arange(64.0)
    for _ in range(4):
        again(kernel, x, O, 64, 2.5)
    assert repeated(kernel) == 2
    tensor, function = weakref.ref(x), weakref.ref(kernel)
    del x
    assert tensor() is None
    triton.JITFunction(scaled.fn)  # Triton knows the last one of a name
    del kernel
    gc.collect()
    assert function() is None


def test_what_is_not_worth_a_fork_touches_no_other_thread(kernel: Any) -> None:
    started = len(list(Path("/proc/self/task").iterdir()))
    _native.reset_counters()
    for _ in range(100):
        again(kernel)
    counters = _native.counters()
    assert counters["forks"] == counters["forks_serial"] == counters["threads_ran"] == 0
    assert len(list(Path("/proc/self/task").iterdir())) == started


def test_tuned_kernels_are_repeated() -> None:
    inner = triton.JITFunction(scaled.fn)
    configs = [triton.Config({"BLOCK": block}) for block in (32, 64)]
    tuned = triton.autotune(configs, key=["n"], do_bench=lambda call, quantiles: (call(), [1.0] * 3)[1])(inner)
    for factor in (2.0, 3.0, 4.0):
        tuned[lambda meta: (triton.cdiv(64, meta["BLOCK"]),)](X, O, 64, factor)
        assert torch.equal(O, X * factor)
    assert is_repeated(inner, lambda: tuned[(2,)](X, O, 64, 2.0))
    inner = triton.JITFunction(scaled.fn)
    guided = triton.heuristics({"BLOCK": lambda args: 64 if args["n"] > 32 else 32})(inner)
    for n in (64, 64, 64, 20, 20):
        O.zero_()
        guided[(1,)](X, O, n, 2.0)
        assert torch.equal(O[:n], X[:n] * 2) and not O[n:].any()
    assert repeated(inner) == 1 + 1


def test_threads_launch_at_once(kernel: Any) -> None:
    errors: list[object] = []

    def work(number: int) -> None:
        dtype = (torch.float32, torch.float16, torch.float64, torch.int32)[number]
        x = torch.arange(64).to(dtype)
        for turn in range(200):
            o = torch.zeros(64)
            kernel[(1,)](x, o, 64, 2.5 + turn, maxnreg=turn % 9 if number == 3 else None)
            if not torch.equal(o, (x.double() * (2.5 + turn)).float()):
                errors.append((number, turn))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and repeated(kernel) > 200
