"""Programs of one launch that wait for one another all get on, on any number of contexts and in any schedule."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from math import ceil, prod
from typing import Any

import pytest
import torch
import torch._inductor.config as inductor
import triton
import triton.language as tl
import waiting_kernels as kernels
from torch._inductor.runtime.triton_helpers import (
    exclusive_scan_decoupled_lookback,
    exclusive_scan_decoupled_lookback_64,
)

from rung import machine
from rung.compile import Executable, compile_kernel
from rung.errors import DeviceAssertError, UnsupportedError
from rung.runtime import _native
from rung.schedule import Schedule

pytestmark = pytest.mark.timeout(60)

SCHEDULES = [
    "threads=1",
    "threads=2",
    "threads=3 distribution=block-cyclic vectorize=off",
    "threads=3 double_buffer=on depth=3",
    "threads=8 scratchpad=on",
]
SIZES = (1, 2, 3, 17, 300)


@pytest.fixture(autouse=True, scope="module")
def three_threads() -> Iterator[None]:
    """Whatever the machine has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNG_NUM_THREADS", "3")
        yield
    _native.set_contexts(None)


@cache
def compiled(kernel: Any, types: str, schedule: str = "threads=2", blocks: tuple[int, ...] = ()) -> Executable:
    """For a machine on which forking costs nothing, so that two programs are enough to fork."""
    signature = dict(zip(kernel.arg_names, [*types.split(), *["constexpr"] * len(blocks)], strict=True))
    constexprs = dict(zip(kernel.arg_names[len(types.split()) :], blocks, strict=True))
    host = machine.host().model_copy(update={"fork_join_ns": 0.0})
    found = compile_kernel(kernel, signature, constexprs, machine=host, schedule=Schedule.parse(schedule))
    assert isinstance(found, Executable)
    return found


def ints(n: int) -> torch.Tensor:
    return torch.zeros(n, dtype=torch.int32)


# ---- each waits for another one


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("grid", [*((n, 1, 1) for n in SIZES), (5, 7, 1), (1, 4, 3), (3, 4, 5), (5000, 1, 1)])
def test_programs_that_wait_for_the_next_one(schedule: str, grid: tuple[int, int, int]) -> None:
    n = prod(grid)
    flag, y = ints(n), torch.zeros(n)
    _native.reset_counters()
    compiled(kernels.chain, "*i32 *fp32 i32", schedule).run([flag, y, n], grid)
    assert torch.equal(y, torch.arange(n, dtype=torch.float32))
    if schedule == "threads=1":
        assert _native.counters()["programs_waiting"] == n - 1


@pytest.mark.parametrize("n", SIZES)
def test_a_wait_in_a_function_that_is_not_inlined(n: int) -> None:
    flag, y = ints(n), torch.zeros(n)
    compiled(kernels.chain_by_calls, "*i32 *fp32 i32").run([flag, y, n], (n, 1, 1))
    assert torch.equal(y, torch.arange(n, dtype=torch.float32))


def test_a_large_frame_does_not_step_over_the_end_of_its_stack() -> None:
    executable = compiled(kernels.chain, "*i32 *fp32 i32")
    assert '["probe-stack", "inline-asm"]' in executable.stages["llvm"]
    assert executable.stages["llvm-ir"].count('"probe-stack"="inline-asm"') == 1


# ---- locks


@pytest.mark.parametrize("schedule", SCHEDULES[:3])
def test_a_lock_admits_one_program_at_a_time(schedule: str) -> None:
    for n in SIZES:
        lock, total, order = ints(1), ints(1), torch.full((n,), -1, dtype=torch.int32)
        compiled(kernels.spin_lock, "*i32 *i32 *i32 i32", schedule).run([lock, total, order, n], (n, 1, 1))
        assert total.item() == n
        assert sorted(order.tolist()) == list(range(n))


@pytest.mark.parametrize("schedule", SCHEDULES[:3])
def test_tickets_are_served_in_their_order(schedule: str) -> None:
    for n in SIZES:
        serving, trace = ints(1), torch.zeros(n + 1, dtype=torch.int64)
        compiled(kernels.reverse_tickets, "*i32 *i64 i32", schedule).run([serving, trace, n], (n, 1, 1))
        served = torch.arange(n, 0, -1)  # the last program first
        assert torch.equal(trace[1:], torch.cumsum(served, 0) - served)


# ---- barriers


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("grid", [(1, 1, 1), (2, 1, 1), (17, 1, 1), (3, 4, 5), (300, 1, 1)])
def test_blocks_are_kept_over_a_barrier_of_all_programs(schedule: str, grid: tuple[int, int, int]) -> None:
    """What was loaded before the barrier is not read again behind it, when others have stored."""
    x = torch.randn(prod(grid) * 64)
    expected = x.clone()
    for _ in range(3):
        expected = 0.5 * (expected.roll(1) + expected.roll(-1))
    compiled(kernels.smooth, "*fp32 *i32 i32", schedule, (64,)).run([x, ints(1), 3], grid)
    torch.testing.assert_close(x, expected)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_scratch_is_a_program_s_own_while_it_waits(schedule: str) -> None:
    """More than fits the stack."""
    for n in SIZES:
        x, o = torch.randn(n, 2048), torch.zeros(n, 2048)
        executable = compiled(kernels.normalize, "*fp32 *fp32 *fp32 *i32", schedule, (2048,))
        executable.run([x, o, torch.zeros(n), ints(n)], (n, 1, 1))
        rows = torch.softmax(x.double(), 1)
        torch.testing.assert_close(o.double(), rows / rows.amax(1).sum(), rtol=1e-5, atol=0.0)


def test_a_wait_for_a_block_of_flags() -> None:
    for n in SIZES:
        flags, o = ints(n), ints(n)
        compiled(kernels.all_flags, "*i32 *i32 i32", "threads=3", (512,)).run([flags, o, n], (n, 1, 1))
        assert o.tolist() == [n] * n


def test_a_barrier_of_ten_thousand_programs() -> None:
    x = torch.randn(10000)
    expected = 0.5 * (x.roll(1) + x.roll(-1))
    compiled(kernels.smooth, "*fp32 *i32 i32", "threads=3", (1,)).run([x, ints(1), 1], (10000, 1, 1))
    torch.testing.assert_close(x, expected)


# ---- published algorithms


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_decoupled_look_back(schedule: str) -> None:
    for programs in (*SIZES, 2000):
        n = programs * 128 - 5
        x = torch.randint(-9, 9, (n,))
        o, sums, prefixes = torch.empty_like(x), *torch.zeros(2, programs, dtype=torch.int64)
        executable = compiled(kernels.look_back, "*i64 *i64 *i64 *i64 *i32 i32", schedule, (128,))
        executable.run([x, o, sums, prefixes, ints(programs), n], (programs, 1, 1))
        assert torch.equal(o, x.cumsum(0))


@triton.jit
def _add(a, b):
    return a + b


@triton.jit
def inductor_look_back(x, o, scratch, BLOCK: tl.constexpr):
    p = tl.program_id(0)
    i = p * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i)
    before = exclusive_scan_decoupled_lookback(scratch, tl.sum(v, 0), p, _add, tl.uint32, tl.uint64)
    tl.store(o + i, before + tl.cumsum(v, 0))


@triton.jit
def inductor_look_back_64(x, o, scratch, BLOCK: tl.constexpr):
    p = tl.program_id(0)
    i = p * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i)
    before = exclusive_scan_decoupled_lookback_64(scratch, tl.sum(v, 0), p, _add)
    tl.store(o + i, before + tl.cumsum(v, 0))


@pytest.mark.parametrize("bits", [32, 64])
def test_inductor_s_look_back(bits: int) -> None:
    """Its packed flags and relaxed atomics, and its flags beside values."""
    kernel = inductor_look_back if bits == 32 else inductor_look_back_64
    kind = "*i32" if bits == 32 else "*i64"
    for programs in SIZES:
        x = torch.randint(-9, 9, (programs * 64,), dtype=torch.int32 if bits == 32 else torch.int64)
        o, scratch = torch.empty_like(x), torch.zeros(3 * programs, dtype=torch.int64)
        compiled(kernel, f"{kind} {kind} *u64", "threads=3", (64,)).run([x, o, scratch], (programs, 1, 1))
        assert torch.equal(o, x.cumsum(0, dtype=x.dtype))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_stream_k(schedule: str) -> None:
    m, n, k, tile = 96, 160, 256, 32
    a, b = torch.randn(m, k), torch.randn(k, n)
    steps = (m // tile) * (n // tile) * (k // tile)
    executable = compiled(
        kernels.stream_k, "*fp32 *fp32 *fp32 *fp32 *i32 i32 i32 i32 i32", schedule, (tile, tile, tile)
    )
    for programs in (1, 2, 3, 8, 50, steps):
        c, partial = torch.full((m, n), float("nan")), torch.zeros(programs * tile * tile)
        per_program = ceil(steps / programs)
        executable.run([a, b, c, partial, ints(programs), m, n, k, per_program], (programs, 1, 1))
        torch.testing.assert_close(c, a @ b, rtol=1e-4, atol=1e-4)


def test_transfers_of_programs_that_take_turns() -> None:
    """Loops that wait for nobody are pipelined all the same."""
    _native.reset_counters()
    test_stream_k("threads=3 double_buffer=on depth=3")
    assert _native.counters()["dma_transfers"] > 0
    types = "*fp32 *fp32 *fp32 *fp32 *i32 i32 i32 i32 i32"
    executable = compiled(kernels.stream_k, types, "threads=3 double_buffer=on depth=3", (32, 32, 32))
    assert any(loop.pipelined and loop.depth == 3 for loop in executable.evidence.decided)


def test_tiles_from_a_counter() -> None:
    for programs in SIZES:
        x = torch.randn(10007)
        o = torch.zeros_like(x)
        executable = compiled(kernels.tiles_from_a_counter, "*fp32 *fp32 *i32 i32", "threads=3", (64,))
        executable.run([x, o, ints(1), len(x)], (programs, 1, 1))
        assert torch.equal(o, 2 * x)


def test_cooperative_reductions_of_inductor() -> None:
    x = torch.randn(3, 30000)
    torch.compiler.reset()
    with (
        inductor.patch({"cpu_backend": "triton", "compile_threads": 1, "force_disable_caches": True}),
        inductor.patch({"triton.force_cooperative_reductions": True}),
    ):
        found = torch.compile(lambda t: torch.softmax(t, -1), dynamic=False)(x)
    torch.compiler.reset()
    torch.testing.assert_close(found, torch.softmax(x, -1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("n", SIZES)
def test_a_cooperative_grid_waits_with_plain_loads(n: int) -> None:
    slots, o = ints(n + 1), ints(n)
    kernels.relay[(n,)](slots, o, n, launch_cooperative_grid=True)
    assert o.tolist() == [n] * n


# ---- a program that fails


@pytest.mark.parametrize("schedule", SCHEDULES[:3])
@pytest.mark.parametrize("gap", [(0, 0), (5, 3), (6, 7)])
def test_nobody_waits_for_a_program_that_has_failed(schedule: str, gap: tuple[int, int]) -> None:
    n, number = 7 * 8, gap[0] + 7 * gap[1]
    flag, y = ints(n), torch.zeros(n)
    line = kernels.chain_with_a_gap.starting_line_number + 7
    text = rf"waiting_kernels.py:{line}: .*: block: \[{gap[0]},{gap[1]},0\] Assertion `p != gap` failed"
    with pytest.raises(DeviceAssertError, match=text):
        kernels.chain_with_a_gap[(7, 8)](flag, y, n, number, debug=True, schedule=schedule)
    assert y[:number].eq(0).all() and y[number + 1 :].eq(torch.arange(number + 1, n)).all()
    kernels.chain_with_a_gap[(7, 8)](flag, y, n, -1, debug=True, schedule=schedule)
    assert torch.equal(y, torch.arange(n, dtype=torch.float32))


# ---- several launches


def at_once(*works: Callable[[], None]) -> None:
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.parametrize("schedule", SCHEDULES[:3])
def test_launches_that_wait_for_one_another(schedule: str) -> None:
    """One has the pool, the other runs on its caller alone."""
    executable = compiled(kernels.hand_over, "*i32 *i32 *i32 i32", schedule)
    for programs in (1, 8):
        a, b, o = ints(1), ints(1), ints(2)
        first = executable.bind([a, b, o[:1], 50], (programs, 1, 1))
        second = executable.bind([b, a, o[1:], 50], (programs, 1, 1))
        at_once(first, second)
        assert o.tolist() == [50, 50]


@pytest.mark.parametrize("schedule", SCHEDULES[:3])
def test_launches_at_the_same_time(schedule: str) -> None:
    def work() -> None:
        for _ in range(5):
            test_decoupled_look_back(schedule)
            test_scratch_is_a_program_s_own_while_it_waits(schedule)

    at_once(work, work, work)


def test_a_launch_waits_for_a_kernel_that_is_not_compiled_yet() -> None:
    flag, o = ints(1), ints(8)

    def set_flag() -> None:
        time.sleep(0.05)
        compiled.__wrapped__(kernels.set_flag, "*i32").run([flag], (1, 1, 1))

    waiting = compiled(kernels.forever, "*i32 *i32", "threads=3")
    at_once(lambda: waiting.run([flag, o], (8, 1, 1)), set_flag)
    assert o.tolist() == [1] * 8


def test_a_launch_waits_for_the_host() -> None:
    flag, o = ints(1), ints(8)
    timer = threading.Timer(0.05, lambda: flag.fill_(1))
    timer.start()
    compiled(kernels.forever, "*i32 *i32", "threads=3").run([flag, o], (8, 1, 1))
    assert o.tolist() == [1] * 8


# ---- the modelled device


def test_the_modelled_device_refuses_programs_that_wait() -> None:
    types = {"flag": "*i32", "y": "*fp32", "n": "i32"}
    line = kernels.chain.starting_line_number + 5
    with pytest.raises(UnsupportedError, match=rf"waits .* \(at waiting_kernels.py:{line}\).* on the host"):
        compile_kernel(kernels.chain, types, {}, machine=machine.load("hexagon-v73"), schedule=Schedule())
