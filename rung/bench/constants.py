"""The host's constants, measured in seconds: what predictions of its times are made of.

Each is the time of a kernel that does one thing only (`probe_kernels`), compiled by rung. What is not measured is what
the ISA says (`rung.targets.isa`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..machine import Level, Machine
from ..schedule import Schedule
from .fma_chain import fma_chain
from .measure import mean_of
from .predict import predictor
from .probe_kernels import add_chain, copy, copy_rows, divisions, read
from .problem import Problem, signature
from .toolchain import Toolchain

if TYPE_CHECKING:
    from ..compile import AnyExecutable

_STEPS = 4096
_CHAIN = 64
_DIVISIONS = 16
_NEAR = 4096
"""Elements of an array that stays in the first-level cache."""
_BLOCK = 2048
_LEAST = 0.5
"""Of the time that reading takes, writing takes at least, whatever reading took when it was measured."""
_WHOLE = 4 * 2 * _BLOCK
"""Bytes: footprints are multiples, so that all blocks of both arrays are whole."""
_REPEATS = 7
_MOST_SAMPLES = 40
_SAMPLE_S = 1e-3
_FACTOR = 2**0.5
"""From one footprint that is measured to the next one; a level ends in the middle between both."""
_FIRST, _LAST = 256 << 10, 64 << 20
"""Bytes of a context, from the second-level cache to memory."""
_VEC = Schedule(prefetch=False, profitability=False, unroll=8)
_SCALAR = Schedule(vectorize=False, prefetch=False, profitability=False)
_TRANSFERS = 64
_ROWS = 8
_SPELLS = 4


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
    ) -> float:
        """Of one launch on arrays of n elements."""
        return self.best(*self._compiled(kernel, n, constexprs, schedule, programs))

    def beyond(self, kernel: Any, n: int, constexprs: dict[str, int], schedule: Schedule, programs: int) -> float:
        """Seconds of a launch beyond what the model says of it on `machine`."""
        executable, problem = self._compiled(kernel, n, constexprs, schedule, programs)
        expected = predictor(executable, problem.args, problem.grid, schedule).on(self.machine).time
        return max(0.0, self.best(executable, problem) - expected)

    def _compiled(
        self, kernel: Any, n: int, constexprs: dict[str, int], schedule: Schedule, programs: int
    ) -> tuple[AnyExecutable, Problem]:
        import torch

        x = torch.full((max(n, _NEAR),), 0.5)
        last = _STEPS if kernel is add_chain else n
        grid = (programs or max(1, n // constexprs["BLOCK"]), 1, 1)
        problem = Problem((x, torch.empty_like(x), last), (1,), constexprs, grid, None)
        types = signature(kernel.arg_names, problem)
        make = self.toolchain.compile
        return make(kernel, types, dict(constexprs), machine=self.machine, schedule=schedule), problem

    def best(self, executable: AnyExecutable, problem: Problem) -> float:
        """Of several means of times, without those during which a context had not the core that it waited for: what is
        left of such a fork is done by the caller, and is no fork."""
        bound = executable.bind(problem.args, problem.grid)
        once = max(mean_of(bound.time, 1), 1e-7)
        inner = max(1, min(2000, int(_SAMPLE_S / once)))
        found: list[tuple[bool, float]] = []
        while len(found) < _MOST_SAMPLES and sum(not late for late, _ in found) < _REPEATS:
            self.toolchain.reset_counters()
            mean = mean_of(bound.time, inner)
            found.append((bool(self.toolchain.counters().contexts_taken_over), mean))
        return min(found)[1]


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

    def forked() -> float:
        return max(0.0, bench.seconds(copy, 2 * 64, {"BLOCK": 64}, Schedule(profitability=False)) - launch)

    fork = forked()
    tell("measuring the bandwidth of every level of memory")
    levels = _levels(bench, ghz, launch, fork)
    fork = min(fork, forked())  # it has slow spells, of seconds
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
    own, engine, row = (each * ghz * 1e9 for each in _transfers(toolchain, found))
    dma = machine.dma.model_copy(update={"issue_cycles": own, "latency_cycles": engine, "row_cycles": row})
    notes = {
        "clock (GHz)": ghz,
        "launch (ns)": launch * 1e9,
        "fork and join (ns)": fork * 1e9,
        "fused multiply-adds of scalars per cycle": scalar / (ghz * 1e9),
        "fused multiply-adds of vectors per cycle": vector / (ghz * 1e9),
        "division of a vector (cycles)": division * machine.vector_bytes / core.pipe_bytes,
        "transfer that the context copies (ns, beside its bytes)": own / ghz,
        "transfer that the engine copies (ns, beside its bytes)": engine / ghz,
        "row of a transfer (ns)": row / ghz,
    }
    return Measured(found.model_copy(update={"dma": dma}), notes)


def _with(schedule: Schedule, threads: int | None) -> Schedule:
    return replace(schedule, threads=threads)


def _levels(bench: _Bench, ghz: float, launch: float, fork: float) -> tuple[Level, ...]:
    """A curve of bandwidth against footprint, in steps."""
    contexts = bench.machine.contexts
    footprints = [_FIRST]
    while footprints[-1] * _FACTOR <= _LAST:
        footprints.append(int(footprints[-1] * _FACTOR) // _WHOLE * _WHOLE)
    curves = {
        p: _curve(bench, footprints, p, launch + (fork if p > 1 else 0.0), 1 / (ghz * 1e9)) for p in {1, contexts}
    }
    found: list[Level] = []
    curves = {p: _falling(curve) for p, curve in curves.items()}
    for number, touched in enumerate(footprints):
        (read, write, stream), (all_read, all_write, all_stream) = curves[1][number], curves[contexts][number]
        found.append(
            Level(
                bytes=int(touched * _FACTOR**0.5) if number < len(footprints) - 1 else 0,
                read_bytes_per_cycle=read,
                write_bytes_per_cycle=write,
                stream_bytes_per_cycle=stream,
                all_read_bytes_per_cycle=contexts * all_read,
                all_write_bytes_per_cycle=contexts * all_write,
                all_stream_bytes_per_cycle=contexts * all_stream,
            )
        )
    return tuple(found)


def _falling(curve: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """No level is slower than one that is farther: where it was measured so, something else ran."""
    found = [curve[-1]]
    for rates_ in reversed(curve[:-1]):
        read, write, stream = (max(pair) for pair in zip(rates_, found[-1], strict=True))
        found.append((read, write, stream))
    return found[::-1]


def _curve(
    bench: _Bench, footprints: Sequence[int], contexts: int, overhead: float, cycle: float
) -> list[tuple[float, float, float]]:
    """Bytes per cycle of one of so many contexts that touch so much each: read, written, written past the caches."""
    schedule = _with(_VEC, contexts)
    through = replace(schedule, stream_stores=False)
    block = {"BLOCK": _BLOCK}

    def cycles(kernel: Any, bytes_: int, schedule: Schedule) -> float:
        return (bench.seconds(kernel, bytes_ // 4 * contexts, block, schedule) - overhead) / cycle

    reads = [touched / cycles(read, touched, schedule) for touched in footprints]
    found: list[tuple[float, float, float]] = []
    stream: float | None = None
    for touched, rate in zip(footprints, reads, strict=True):
        half = touched // 2
        copied = cycles(copy, half, through)
        write = half / max(copied - half / rate, _LEAST * half / rate)
        if bench.machine.last_cache_bytes and half * contexts > 2 * bench.machine.last_cache_bytes // contexts:
            # What goes past the caches leaves them to what is read.
            nearest = min(range(len(footprints)), key=lambda at: abs(footprints[at] - half))
            copied = cycles(copy, half, schedule)
            stream = half / max(copied - half / reads[nearest], _LEAST * half / rate)
        found.append((rate, write, stream or write))
    last = found[-1][2]
    return [(r, w, last if stream else s) for r, w, s in found]


def _transfers(toolchain: Toolchain, machine: Machine) -> tuple[float, float, float]:
    """Seconds of a transfer beside those of its bytes: that a context copies itself, that the engine copies; of a row
    of such a transfer."""
    free = machine.dma.model_copy(update={"issue_cycles": 0.0, "latency_cycles": 0.0, "row_cycles": 0.0})
    bench = _Bench(toolchain, machine.model_copy(update={"dma": free}))
    contexts, block = machine.contexts, _NEAR // 4

    def beside(kernel: Any, constexprs: dict[str, int], threads: int) -> float:
        programs = _TRANSFERS // 2 * threads
        schedule = Schedule(threads=threads, double_buffer=True, profitability=False, prefetch=False)
        return bench.beyond(kernel, block * programs, constexprs, schedule, programs) / _TRANSFERS

    # In this order: an engine that has just worked still spins, on a core that contexts want.
    pairs = [
        (beside(copy, {"BLOCK": block}, contexts), beside(copy_rows, {"ROWS": _ROWS, "COLS": block // _ROWS}, contexts))
        for _ in range(_SPELLS)
    ]
    own, rows = (min(times) for times in zip(*pairs, strict=True))
    return own, beside(copy, {"BLOCK": block}, 1), max(0.0, rows - own) / _ROWS
