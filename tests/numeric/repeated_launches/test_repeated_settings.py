"""A launch is repeated only while all that Triton reads beside the arguments is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from triton import knobs
from triton.runtime import driver
from triton.runtime._async_compile import AsyncCompileMode

from rung.triton_backend import dispatch
from rung.triton_backend.driver import CpuDriver
from tests.numeric.repeated_launches.repeats import O, X, again, is_repeated, repeated, scaled

SHIFT = 1
STEP = tl.constexpr(2)


@triton.jit
def _shifted(x_ptr, o_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(o_ptr + i, tl.load(x_ptr + i) + SHIFT * STEP)


def test_hooks_that_come_later_are_called(kernel: Any) -> None:
    told: list[Any] = []
    enter, leave = (lambda m: told.append(m.get()["name"])), (lambda m: told.append("exit"))
    knobs.runtime.launch_enter_hook.add(enter)
    try:
        assert not is_repeated(kernel, lambda: again(kernel)) and told == ["scaled"]
    finally:
        knobs.runtime.launch_enter_hook.remove(enter)
    knobs.runtime.launch_exit_hook.add(leave)
    try:
        assert not is_repeated(kernel, lambda: again(kernel)) and told == ["scaled", "exit"]
    finally:
        knobs.runtime.launch_exit_hook.remove(leave)
    assert is_repeated(kernel, lambda: again(kernel)) and len(told) == 2


def test_a_hook_before_the_run_is_called_with_all_arguments(kernel: Any) -> None:
    told: list[Any] = []
    kernel.add_pre_run_hook(lambda *args, **keywords: told.append((args, keywords["BLOCK"])))
    assert not is_repeated(kernel, lambda: again(kernel, BLOCK=64)) and told == [((X, O, 64, 2.5), 64)]
    kernel.pre_run_hooks.clear()
    assert is_repeated(kernel, lambda: again(kernel))


@pytest.fixture
def fresh_knobs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sets of knobs that are exchanged as a whole, as Triton's own tests do."""
    for name in ("runtime", "compilation"):
        monkeypatch.setattr(knobs, name, getattr(knobs, name).copy())
    yield


@pytest.mark.usefixtures("fresh_knobs")
def test_knobs_are_read_where_they_are(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = again(kernel)
    assert is_repeated(kernel, lambda: again(kernel))
    knobs.runtime.debug = True
    assert not is_repeated(kernel, lambda: again(kernel)) and again(kernel).hash != plain.hash
    knobs.runtime.debug = False
    assert again(kernel) is plain
    asked: list[object] = []

    def inspect(*arguments: object) -> tuple[str, str]:
        asked.append(arguments)
        return "key", "hash"

    knobs.runtime.add_stages_inspection_hook = inspect
    assert not is_repeated(kernel, lambda: again(kernel)) and asked
    knobs.runtime.add_stages_inspection_hook = None
    knobs.compilation.instrumentation_mode = "other"
    assert not is_repeated(kernel, lambda: again(kernel))


def test_a_function_that_is_to_be_debugged_is_compiled_so(kernel: Any) -> None:
    plain = again(kernel)
    kernel.debug = True
    assert not is_repeated(kernel, lambda: again(kernel)) and again(kernel).hash != plain.hash


def test_a_global_that_has_changed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, o = triton.JITFunction(_shifted.fn), torch.zeros(4)
    monkeypatch.setenv("TRITON_ALLOW_NON_CONSTEXPR_GLOBALS", "1")
    for _ in range(3):
        again(kernel, X, o, 4)
    assert repeated(kernel) == 1 and torch.equal(o, X[:4] + 2)
    before = repeated(kernel)
    for name, value in (("SHIFT", 7), ("STEP", tl.constexpr(5))):
        with monkeypatch.context() as changed:
            changed.setitem(globals(), name, value)
            with pytest.raises(RuntimeError, match=f"Global variable {name} has changed since we compiled this kernel"):
                again(kernel, X, o, 4)
        with monkeypatch.context() as changed:
            changed.delitem(globals(), name)
            with pytest.raises(RuntimeError, match=f"Global variable {name} has changed"):
                again(kernel, X, o, 4)
    assert repeated(kernel) == before
    again(kernel, X, o, 4)
    assert is_repeated(kernel, lambda: again(kernel, X, o, 4))


def test_a_captured_value_that_has_changed_is_seen() -> None:
    width = tl.constexpr(4)

    def body(o_ptr):
        tl.store(o_ptr + tl.arange(0, width), 1.0)

    kernel, o = triton.JITFunction(body), torch.zeros(8)
    for _ in range(4):
        again(kernel, o)
    assert repeated(kernel) == 2 and o.sum() == 4
    ((_, where),) = [pair for (name, _), pair in kernel.used_global_vals.items() if name == "width"]
    where["width"] = tl.constexpr(8)
    with pytest.raises(RuntimeError, match="Global variable width has changed"):
        again(kernel, o)


def test_another_driver_is_asked(kernel: Any) -> None:
    class Other(CpuDriver):
        pass

    ours = driver.active
    driver.set_active(Other())
    try:
        assert not is_repeated(kernel, lambda: again(kernel))
        driver.set_active(CpuDriver())
        assert is_repeated(kernel, lambda: again(kernel))
    finally:
        driver.set_active(ours)


def test_a_run_that_somebody_exchanges_is_called(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    own = triton.JITFunction.run

    def traced(self: Any, *args: Any, **keywords: Any) -> Any:
        calls.append(self)
        return own(self, *args, **keywords)

    with monkeypatch.context() as changed:
        changed.setattr(triton.JITFunction, "run", traced)
        assert not is_repeated(kernel, lambda: again(kernel)) and calls == [kernel]
        untouched = triton.JITFunction(scaled.fn)
        again(untouched)
        assert "run" not in vars(untouched)
    assert is_repeated(kernel, lambda: again(kernel))
    with monkeypatch.context() as changed:
        changed.setattr(kernel, "run", lambda **_: "theirs")
        assert kernel[(1,)]() == "theirs"
    assert is_repeated(kernel, lambda: again(kernel))


def test_an_emptied_cache_is_filled_again(kernel: Any) -> None:
    first = again(kernel)
    kernel.device_caches[0][0].clear()
    second = again(kernel)
    assert second is not first and again(kernel) is second
    kernel.device_caches.clear()
    assert again(kernel) is not second
    assert is_repeated(kernel, lambda: again(kernel))


def test_what_is_still_being_compiled_is_not_remembered(kernel: Any) -> None:
    with ThreadPoolExecutor(1) as pool, AsyncCompileMode(pool):
        for _ in range(3):
            O.zero_()
            again(kernel, X, O, 64, 2.5, 32)
            assert torch.equal(O[:32], X[:32] * 2.5) and not O[32:].any()
        again(kernel)
    again(kernel, X, O, 64, 2.5, 32)
    assert is_repeated(kernel, lambda: again(kernel, X, O, 64, 2.5, 32))


def test_another_launcher_is_called(kernel: Any) -> None:
    compiled, calls = again(kernel), []
    compiled._run = lambda *arguments: calls.append(arguments)
    again(kernel)
    assert len(calls) == 1


def test_only_the_triton_that_has_been_read_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    assert triton.__version__ == dispatch.KNOWN, "read JITFunction.run again before this is changed"
    monkeypatch.setattr(triton, "__version__", "3.7.2")
    other = triton.JITFunction(scaled.fn)
    for _ in range(3):
        again(other)
    assert "run" not in vars(other)


def test_repeating_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_REPEAT_LAUNCHES", "0")
    kernel = triton.JITFunction(scaled.fn)
    for _ in range(3):
        again(kernel)
    assert "run" not in vars(kernel)


def test_checked_launches_are_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_SANITIZE", "report")
    kernel = triton.JITFunction(scaled.fn)
    for _ in range(3):
        again(kernel)
    assert "run" not in vars(kernel)


def test_warming_up_does_not_launch(kernel: Any) -> None:
    O.zero_()
    kernel.warmup(torch.float32, torch.float32, 64, 2.5, grid=(1,))
    assert not is_repeated(kernel, lambda: kernel.run(X, O, 64, 2.5, grid=(1,), warmup=True))
    assert not O.any()
