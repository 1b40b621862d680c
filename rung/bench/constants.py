"""The host's constants, measured in seconds: what predictions of its times are made of.

Each is the time of a kernel that does one thing only (`probe_kernels`), compiled by rung. What is not measured is what
the ISA says (`rung.targets.isa`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..machine import Level, Machine
from ..schedule import Schedule
from .fma_chain import fma_chain
from .measure import mean_of
from .probe_kernels import add_chain, copy, divisions, read
from .problem import Problem, signature
from .stats import median
from .toolchain import Toolchain

_STEPS = 4096
_CHAIN = 64
_DIVISIONS = 16
_NEAR = 4096
"""Elements of an array that stays in the first-level cache."""
_BLOCK = 2048
_WHOLE = 4 * 2 * _BLOCK
"""Bytes: footprints are multiples, so that all blocks of both arrays are whole."""
_REPEATS = 7
_SAMPLE_S = 1e-3
_FACTOR = 2**0.5
"""From one footprint that is measured to the next one; a level ends in the middle between both."""
_FIRST, _LAST = 64 << 10, 128 << 20
"""Bytes of a context, from the second-level cache to memory."""
_VEC = Schedule(prefetch=False, profitability=False, unroll=8)
_SCALAR = Schedule(vectorize=False, prefetch=False, profitability=False)
_TRANSFERS = 64


@dataclass(frozen=True)
class Measured:
    """`machine` is the host with its measured fields; `notes` says what was measured, in words, with its unit."""

    machine: Machine
    notes: dict[str, float]


@dataclass(frozen=True)
class _Bench:
    toolchain: Toolchain
    machine: Machine

    def seconds(
        self,
        kernel: Any,
        n: int,
        constexprs: dict[str, int],
        schedule: Schedule,
        programs: int = 0,
        of: Callable[[Sequence[float]], float] = min,
    ) -> float:
        """Of one launch on arrays of n elements: of several means, the best, or what `of` makes of them."""
        import torch

        x = torch.full((max(n, _NEAR),), 0.5)
        out = torch.empty_like(x)
        last = _STEPS if kernel is add_chain else n
        grid = (programs or max(1, n // constexprs["BLOCK"]), 1, 1)
        problem = Problem((x, out, last), (1,), constexprs, grid, None)
        executable = self.toolchain.compile(
            kernel, signature(kernel.arg_names, problem), dict(constexprs), machine=self.machine, schedule=schedule
        )
        bound = executable.bind(problem.args, problem.grid)
        once = max(mean_of(bound.time, 1), 1e-7)
        inner = max(1, min(2000, int(_SAMPLE_S / once)))
        return of([mean_of(bound.time, inner) for _ in range(_REPEATS)])


def measure(toolchain: Toolchain, machine: Machine, tell: Callable[[str], None] = lambda _: None) -> Measured:
    """All constants of the host, on one context and on all of them."""
    bench = _Bench(toolchain, machine)
    tell("measuring the clock and the rates of arithmetic")
    launch = bench.seconds(copy, 1, {"BLOCK": 1}, Schedule(threads=1))
    core = machine.rates
    chain = (bench.seconds(add_chain, 1, {}, Schedule(vectorize=False, threads=1), 1) - launch) / _STEPS
    ghz = core.add_latency_cycles / chain * 1e-9
    lanes = machine.vector_bytes // 4

    def fma(schedule: Schedule) -> float:
        shape = {"STEPS": _CHAIN, "BLOCK": 1024}
        return _CHAIN * _NEAR / (bench.seconds(fma_chain, _NEAR, shape, schedule) - launch)

    vector, scalar = fma(_with(_VEC, 1)) / lanes, fma(_with(_SCALAR, 1))
    pipes = vector * machine.vector_bytes / core.pipe_bytes / (ghz * 1e9)
    divided = bench.seconds(divisions, _NEAR, {"STEPS": _DIVISIONS, "BLOCK": 1024}, _with(_VEC, 1)) - launch
    division = divided * ghz * 1e9 / (_DIVISIONS * _NEAR * 4 / core.pipe_bytes)
    tell("measuring the cost of a fork")
    forked = bench.seconds(copy, 2 * 64, {"BLOCK": 64}, Schedule(profitability=False), of=median)
    fork = max(0.0, forked - launch)
    tell("measuring the bandwidth of every level of memory")
    levels = _levels(bench, ghz, launch, fork)
    found = machine.model_copy(
        update={
            "clock_ghz": ghz,
            "launch_ns": launch * 1e9,
            "fork_join_ns": fork * 1e9,
            "core": core.model_copy(update={"multiply_pipes": pipes, "divide_cycles": division}),
            "memory": levels,
        }
    )
    tell("measuring transfers")
    own, engine = _transfers(bench, found)
    dma = machine.dma.model_copy(update={"issue_cycles": own * ghz * 1e9, "latency_cycles": engine * ghz * 1e9})
    notes = {
        "clock (GHz)": ghz,
        "launch (ns)": launch * 1e9,
        "fork and join (ns)": fork * 1e9,
        "fused multiply-adds of scalars per cycle": scalar / (ghz * 1e9),
        "fused multiply-adds of vectors per cycle": vector / (ghz * 1e9),
        "division of a vector (cycles)": division * machine.vector_bytes / core.pipe_bytes,
        "transfer that the context copies (ns, beside its bytes)": own * 1e9,
        "transfer that the engine copies (ns, beside its bytes)": engine * 1e9,
    }
    return Measured(found.model_copy(update={"dma": dma}), notes)


def _with(schedule: Schedule, threads: int | None) -> Schedule:
    return replace(schedule, threads=threads)


def _levels(bench: _Bench, ghz: float, launch: float, fork: float) -> tuple[Level, ...]:
    """A curve of bandwidth against footprint, in steps."""
    found: list[Level] = []
    touched = _FIRST
    contexts = bench.machine.contexts
    while touched <= _LAST:
        alone = _rates(bench, touched, 1, launch)
        together = _rates(bench, touched, contexts, launch + fork) if contexts > 1 else alone
        read, write, stream = (rate / ghz * 1e-9 for rate in alone)
        all_read, all_write, all_stream = (contexts * rate / ghz * 1e-9 for rate in together)
        found.append(
            Level(
                bytes=0 if touched * _FACTOR > _LAST else int(touched * _FACTOR**0.5),
                read_bytes_per_cycle=read,
                write_bytes_per_cycle=write,
                stream_bytes_per_cycle=stream,
                all_read_bytes_per_cycle=all_read,
                all_write_bytes_per_cycle=all_write,
                all_stream_bytes_per_cycle=all_stream,
            )
        )
        touched = int(touched * _FACTOR) // _WHOLE * _WHOLE
    return tuple(found)


def _rates(bench: _Bench, touched: int, contexts: int, overhead: float) -> tuple[float, float, float]:
    """Bytes per second of one of so many contexts that touch so much each: read, written, written past the caches."""
    elements = touched // 4
    half = elements // 2
    schedule = _with(_VEC, contexts)
    reading = bench.seconds(read, elements * contexts, {"BLOCK": _BLOCK}, schedule) - overhead
    read_rate = touched / reading

    def writing(schedule: Schedule) -> float:
        copying = bench.seconds(copy, half * contexts, {"BLOCK": _BLOCK}, schedule) - overhead
        return half * 4 / max(copying - half * 4 / read_rate, 0.1 * copying)

    write_rate = writing(replace(schedule, stream_stores=False))
    far = bench.machine.last_cache_bytes and half * 4 * contexts > bench.machine.last_cache_bytes // contexts
    return read_rate, write_rate, writing(schedule) if far else write_rate


def _transfers(bench: _Bench, machine: Machine) -> tuple[float, float]:
    """Seconds of a transfer beside those of its bytes: that a context copies itself, that the engine copies."""
    from ..cost.memory import rates

    level = machine.memory[0]
    block = 1024
    contexts = machine.contexts

    def beside(threads: int, overhead: float) -> float:
        elements = block * _TRANSFERS // 2 * threads
        schedule = Schedule(threads=threads, double_buffer=True, profitability=False, prefetch=False)
        taken = bench.seconds(copy, elements, {"BLOCK": block}, schedule, of=median) - overhead
        read, write, _ = rates(level, threads)
        copied = block * 4 * (1 / read + 1 / write) / 2 / machine.clock_ghz * 1e-9
        return max(0.0, taken / _TRANSFERS - copied)

    launch, fork = machine.launch_ns * 1e-9, machine.fork_join_ns * 1e-9
    # In this order: an engine that has just worked still spins, on a core that contexts want.
    own = beside(contexts, launch + fork) if contexts > 1 else None
    engine = beside(1, launch)
    return engine if own is None else own, engine
