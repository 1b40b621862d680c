"""Launches that repeat earlier ones skip Triton's dispatch; where anything differs, what Triton says holds."""

from __future__ import annotations

import gc
import itertools
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from torch._subclasses.fake_tensor import FakeTensorMode
from triton import knobs
from triton.runtime import driver
from triton.runtime._async_compile import AsyncCompileMode
from triton.tools.tensor_descriptor import TensorDescriptor

from rung.errors import LaunchError
from rung.runtime import _native
from rung.triton_backend import dispatch
from rung.triton_backend.driver import CpuDriver

SHIFT = 1
STEP = tl.constexpr(2)


@triton.jit
def _scaled(x_ptr, o_ptr, n, factor, BLOCK: tl.constexpr = 64):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o_ptr + i, tl.load(x_ptr + i, mask=i < n) * factor, mask=i < n)


@triton.jit
def _shifted(x_ptr, o_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(o_ptr + i, tl.load(x_ptr + i) + SHIFT * STEP)


@triton.jit
def _stepped(x_ptr, o_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(o_ptr + i, tl.load(x_ptr + i) + STEP)


X, O = torch.arange(64.0), torch.zeros(64)


@pytest.fixture
def kernel() -> Any:
    """One that has been launched often enough to be repeated."""
    fresh = triton.JITFunction(_scaled.fn)
    for _ in range(2):
        fresh[(1,)](X, O, 64, 2.5)
    assert repeated(fresh) == 0
    assert fresh[(1,)](X, O, 64, 2.5) is fresh[(1,)](X, O, 64, 2.5) and repeated(fresh) == 2
    return fresh


def repeated(kernel: Any) -> int:
    return kernel.run.launches


def is_repeated(kernel: Any, launch: Callable[[], object]) -> bool:
    before = repeated(kernel)
    launch()
    return repeated(kernel) > before


def again(kernel: Any, *arguments: Any, **keywords: Any) -> Any:
    return kernel[(1,)](*(arguments or (X, O, 64, 2.5)), **keywords)


def by_triton(kernel: Any, *arguments: Any, **keywords: Any) -> Any:
    """A launch by Triton's own code."""
    return triton.JITFunction.run(kernel, *(arguments or (X, O, 64, 2.5)), grid=(1,), warmup=False, **keywords)


def test_a_repeated_launch_computes(kernel: Any) -> None:
    x, o = torch.randn(1000), torch.zeros(1000)
    for n, factor in ((1000, 1.5), (900, -2.0), (1000, 3.0)):
        o.zero_()
        kernel[(16,)](x, o, n, factor, BLOCK=64)
        torch.testing.assert_close(o[:n], x[:n] * factor)
        assert not o[n:].any()


# ---- what Triton chooses by

F16 = torch.arange(64).half()
WORDS = torch.arange(80.0)
DIFFERENT = {
    "an address that is not divisible": (WORDS[1:65], O, 64, 2.5),
    "a number that is not divisible": (X, O, 63, 2.5),
    "one, which is a constant": (X, O, 1, 2.5),
    "a number of 64 bits": (X, O, 1 << 40, 2.5),
    "another type": (F16, O, 64, 2.5),
    "an integer for a float": (X, O, 64, 2),
    "a truth for a float": (X, O, 64, True),
    "a constant": (X, O, 64, 2.5, 32),
    "a parameter": (torch.nn.Parameter(torch.arange(64.0), requires_grad=False), O, 64, 2.5),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_differs_is_asked(kernel: Any, what: str) -> None:
    arguments = DIFFERENT[what]
    O.zero_()
    before = repeated(kernel)
    found = again(kernel, *arguments)
    assert repeated(kernel) == before
    n = min(arguments[2], arguments[4] if len(arguments) > 4 else 64)
    assert torch.equal(O[:n], arguments[0].float()[:n] * arguments[3]) and not O[n:].any()
    assert found.hash == by_triton(triton.JITFunction(_scaled.fn), *arguments).hash
    again(kernel, *arguments)
    assert is_repeated(kernel, lambda: again(kernel, *arguments)), "what it said has been remembered"
    assert is_repeated(kernel, lambda: again(kernel)), "and what it said before has not been forgotten"


@pytest.mark.parametrize("keywords", [{"enable_fp_fusion": False}, {"debug": True}, {"num_warps": 8}])
def test_options_are_asked(kernel: Any, keywords: dict[str, Any]) -> None:
    assert not is_repeated(kernel, lambda: again(kernel, **keywords))
    assert is_repeated(kernel, lambda: again(kernel, **keywords))
    assert again(kernel, **keywords).hash == by_triton(triton.JITFunction(_scaled.fn), **keywords).hash


def test_arguments_by_name_are_what_they_are_by_place(kernel: Any) -> None:
    def launch() -> Any:
        return kernel[(1,)](X, factor=3.0, o_ptr=O, n=64)

    assert launch() is again(kernel)
    O.zero_()
    assert is_repeated(kernel, launch) and torch.equal(O, X * 3)


def test_a_random_walk_is_as_triton_walks() -> None:
    """Kernels by what they were compiled from, over launches that repeat and differ in any order."""
    ours, twin = triton.JITFunction(_scaled.fn), triton.JITFunction(_scaled.fn)
    points = list(itertools.product((X, F16, WORDS[1:65]), (1, 48, 63), (2.5, 2)))
    order = torch.randint(len(points), (150,), generator=torch.Generator().manual_seed(1)).tolist()
    for x, n, factor in (points[k] for k in order):
        O.zero_()
        expected = by_triton(twin, x, O, n, factor)
        reference = O.clone()
        O.zero_()
        assert again(ours, x, O, n, factor).hash == expected.hash
        assert torch.equal(O, reference)
    assert repeated(ours) > 60 and repeated(twin) == 0


def test_constants_that_never_repeat_are_not_all_kept() -> None:
    kernel = triton.JITFunction(_stepped.fn)
    again(kernel, X, O, 8)
    for registers, N in itertools.product(range(20), (4, 8)):
        O.zero_()
        again(kernel, X, O, N, maxnreg=registers)
        assert torch.equal(O[:N], X[:N] + 2) and not O[N:].any()
    assert kernel.run.remembered == 16


# ---- what surrounds a launch


def test_hooks_that_come_later_are_called(kernel: Any) -> None:
    told: list[Any] = []
    enter, leave = (lambda m: told.append(m.get()["name"])), (lambda m: told.append("exit"))
    knobs.runtime.launch_enter_hook.add(enter)
    try:
        assert not is_repeated(kernel, lambda: again(kernel)) and told == ["_scaled"]
    finally:
        knobs.runtime.launch_enter_hook.remove(enter)
    knobs.runtime.launch_exit_hook.add(leave)
    try:
        assert not is_repeated(kernel, lambda: again(kernel)) and told == ["_scaled", "exit"]
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
        untouched = triton.JITFunction(_scaled.fn)
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
    other = triton.JITFunction(_scaled.fn)
    for _ in range(3):
        again(other)
    assert "run" not in vars(other)


def test_repeating_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_REPEAT_LAUNCHES", "0")
    kernel = triton.JITFunction(_scaled.fn)
    for _ in range(3):
        again(kernel)
    assert "run" not in vars(kernel)


def test_checked_launches_are_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_SANITIZE", "report")
    kernel = triton.JITFunction(_scaled.fn)
    for _ in range(3):
        again(kernel)
    assert "run" not in vars(kernel)


def test_warming_up_does_not_launch(kernel: Any) -> None:
    O.zero_()
    kernel.warmup(torch.float32, torch.float32, 64, 2.5, grid=(1,))
    assert not is_repeated(kernel, lambda: kernel.run(X, O, 64, 2.5, grid=(1,), warmup=True))
    assert not O.any()


# ---- grids


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
    assert told == ["_scaled"] and torch.equal(O, X * 2.5)


# ---- arguments


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
def test_memory_that_is_elsewhere_is_refused(kernel: Any) -> None:
    meta = torch.empty(64, device="meta")
    for _ in range(4):
        with pytest.raises(LaunchError, match="argument `x_ptr`: tensor is on meta"):
            again(kernel, meta, O, 64, 2.5)
    with FakeTensorMode() as mode:
        fake = mode.from_tensor(X)
    for _ in range(3):
        with pytest.raises(LaunchError, match="argument `x_ptr`: the tensor has no memory"):
            again(kernel, fake, O, 64, 2.5)
    with pytest.raises(OverflowError):
        again(kernel, X, O, 1 << 70, 2.5)


class Wrapped(torch.Tensor):
    pass


def test_other_kinds_of_arguments_are_left_to_triton(kernel: Any) -> None:
    for x in (
        X.as_subclass(Wrapped),
        triton.reinterpret(X, torch.float32),
        triton.reinterpret(F16.view(torch.int16), tl.float16),
    ):
        for _ in range(3):
            O.zero_()
            again(kernel, x, O, 64, 2.5)
            assert torch.equal(O, X * 2.5)
    assert not is_repeated(kernel, lambda: again(kernel, X.as_subclass(Wrapped), O, 64, 2.5))


@triton.jit
def _of_a_tuple(pair, o_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(o_ptr + i, tl.load(pair[0] + i) * pair[1])


@triton.jit
def _of_a_descriptor(source, o_ptr, N: tl.constexpr):
    tl.store(o_ptr + tl.arange(0, N), source.load([0]))


def test_tuples_and_descriptors_are_left_to_triton() -> None:
    pairs, rows = triton.JITFunction(_of_a_tuple.fn), triton.JITFunction(_of_a_descriptor.fn)
    for scale in (2, 1, 16, 3.5, 3.5):
        again(pairs, (X, scale), O, 64)
        assert torch.equal(O, X * scale)
    for x in (X, X + 1, X + 2, F16):
        again(rows, TensorDescriptor.from_tensor(x, [64]), O, 64)
        assert torch.equal(O, x.float())
    assert repeated(pairs) == repeated(rows) == 0


@triton.jit
def _twice(x):
    return x * 2


@triton.jit
def _negated(x):
    return -x


@triton.jit
def _mapped(x_ptr, o_ptr, N: tl.constexpr, F: tl.constexpr, T: tl.constexpr, SCALE: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(o_ptr + i, (F(tl.load(x_ptr + i)) * SCALE).to(T))


def test_functions_and_types_are_constants() -> None:
    kernel = triton.JITFunction(_mapped.fn)
    twice = triton.JITFunction(_twice.fn)
    cases = [
        (twice, tl.float32, 2.0, X * 4),
        (_negated, tl.float32, 2.0, -X * 2),
        (twice, tl.int32, 0.5, X.int().float()),
    ]
    for _, (F, T, scale, expected) in itertools.product(range(3), cases):
        again(kernel, X, O, 64, F, T, scale)
        assert torch.equal(O, expected)
    assert repeated(kernel) == 1 + 3, "a function has no hash before it is first compiled"
    twice._unsafe_update_src(twice.src.replace("2", "3"))
    again(kernel, X, O, 64, twice, tl.float32, 2.0)
    assert torch.equal(O, X * 6)


def test_constants_that_are_equal_are_what_triton_takes_them_for() -> None:
    """Its key has one kernel for 0.0 and -0.0, and for 1 and True, whichever comes first."""
    ours, twin = triton.JITFunction(_mapped.fn), triton.JITFunction(_mapped.fn)
    for scale in (0.0, -0.0, 1, True, 1.0) * 3:
        arguments = (X, O, 64, _negated, tl.float32, scale)
        assert again(ours, *arguments).hash == by_triton(twin, *arguments).hash
    assert repeated(ours) >= 9


def test_nothing_is_kept_alive() -> None:
    kernel = triton.JITFunction(_scaled.fn)
    x = torch.arange(64.0)
    for _ in range(4):
        again(kernel, x, O, 64, 2.5)
    assert repeated(kernel) == 2
    tensor, function = weakref.ref(x), weakref.ref(kernel)
    del x
    assert tensor() is None
    triton.JITFunction(_scaled.fn)  # Triton knows the last one of a name
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


# ---- what stands before a kernel


def test_tuned_kernels_are_repeated() -> None:
    inner = triton.JITFunction(_scaled.fn)
    configs = [triton.Config({"BLOCK": block}) for block in (32, 64)]
    tuned = triton.autotune(configs, key=["n"], do_bench=lambda call, quantiles: (call(), [1.0] * 3)[1])(inner)
    for factor in (2.0, 3.0, 4.0):
        tuned[lambda meta: (triton.cdiv(64, meta["BLOCK"]),)](X, O, 64, factor)
        assert torch.equal(O, X * factor)
    assert is_repeated(inner, lambda: tuned[(2,)](X, O, 64, 2.0))
    inner = triton.JITFunction(_scaled.fn)
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
