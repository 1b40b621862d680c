"""Plans, caches with a capacity, matrix units and steps, against closed forms."""

from __future__ import annotations

from dataclasses import replace

import pytest
from traces import device

from rung.errors import UsageError
from rung.targets.npu.plans import Transfer, direct, double_buffered, single_buffered
from rung.targets.npu.timeline import replay
from rung.targets.npu.trace import Work

CACHE = ("npu.cache={bytes=4096, scalar_cycles=1, vector_cycles=2, bytes_per_cycle=32}", "npu.dram_vector_cycles=50")


@pytest.mark.parametrize("memory_bytes", [1, 4096, 4097])
def test_a_cache_holds_all_or_nothing(memory_bytes: int) -> None:
    work = Work(packets=10, dram_scalar=3, dram_vector=4, dram_vector_bytes=512)
    machine = device(*CACHE, "npu.dram_scalar_cycles=40", contexts=1)
    cycles = replay(direct(work, 5, 1, memory_bytes), machine).cycles
    cached = 10 + 3 * 1 + 4 * 2 + 512 / 32
    assert cycles == pytest.approx(5 * (cached if memory_bytes <= 4096 else 10 + 3 * 40 + 4 * 50 + 512 / 16))


def test_a_machine_without_a_cache_asks_dram() -> None:
    work = Work(packets=10, dram_vector=4)
    machine = device("npu.dram_vector_cycles=50", contexts=1)
    assert replay(direct(work, 1, 1, 8), machine).cycles == 10 + 4 * 50


def test_the_bandwidth_of_a_cache_is_shared() -> None:
    """Four contexts that want 128 bytes a cycle of a cache that has 32 take four times as long as they would alone."""
    work = Work(dram_vector_bytes=3200)
    machine = device(*CACHE)
    alone, together = (replay(direct(work, n, n, 64), machine).cycles for n in (1, 4))
    assert together == pytest.approx(4 * alone)


def test_shares_are_even_and_nothing_is_lost() -> None:
    machine = device("fork_join_ns=7")
    assert replay(direct(Work(packets=10), 10, 4, 0), machine).cycles == 7 + 3 * 10
    assert replay(direct(Work(packets=10), 2, 4, 0), machine).cycles == 7 + 10


def test_multiply_adds_and_steps_take_time_beside_packets() -> None:
    machine = device("npu.matrix_macs_per_cycle={bf16=100.0}", "npu.step_cycles=25", contexts=1)
    work = Work(packets=10, macs=(("bf16", 5000),), steps=2)
    assert replay(direct(work, 3, 1, 0), machine).cycles == 3 * (10 + 50 + 50)
    with pytest.raises(UsageError, match=r"`npu\.matrix_macs_per_cycle`: has no `f32`.*known: bf16"):
        replay(direct(replace(work, macs=(("f32", 1),)), 1, 1, 0), machine)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 8, 50])
@pytest.mark.parametrize("packets", [50, 400])
def test_buffers(steps: int, packets: int) -> None:
    """8 bytes a cycle: a load of 800 takes 100, a store of 400 takes 50."""
    machine = device(contexts=1)
    transfers = (Transfer(1, 800), Transfer(1, 400, write=True))
    work = Work(packets=packets)
    assert replay(single_buffered(work, steps, transfers), machine).cycles == steps * (100 + packets + 50)
    both = replay(double_buffered(work, steps, transfers), machine)
    bound = max(steps * packets, steps * 150)
    assert bound <= both.cycles <= bound + 150 + packets
    assert both.dma_bytes == steps * 1200


def test_stores_of_every_fourth_step() -> None:
    found = replay(double_buffered(Work(packets=1), 8, (Transfer(2, 8), Transfer(1, 80, write=True)), 4), device())
    assert found.dma_bytes == 8 * 16 + 2 * 80 and found.dma_transfers == 10


@pytest.mark.parametrize("steps", [4, 8, 12, 16, 20])
@pytest.mark.parametrize("every", [1, 2, 3, 4])
def test_loops_of_a_plan_move_what_its_steps_do(steps: int, every: int) -> None:
    found = replay(
        double_buffered(Work(packets=1), steps, (Transfer(1, 8), Transfer(1, 80, write=True)), every), device()
    )
    assert found.dma_bytes == steps * 8 + steps // every * 80
    assert found.compute_cycles == steps
