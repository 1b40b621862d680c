"""Which schedule a kernel wants on a machine, and which change of the machine would buy most: a search by prediction.

On a modelled device every schedule is compiled, run once and replayed: cycles are those of the model, exactly. On the
host every schedule is compiled, and predicted by the cost model; nothing runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .. import machine as machines
from ..errors import RungError, UsageError
from ..machine import Machine
from ..schedule import Schedule
from .advice_result import Change, Mechanism
from .group import Case
from .predict import predictor
from .recording import Record, recorder
from .toolchain import Toolchain

if TYPE_CHECKING:
    from ..targets.npu.ledger import Ledger
    from ..targets.npu.trace import Trace

DEPTHS = (2, 3, 4)
TILES = (1024, 4096, 16384, 65536)
"""Elements."""
MORE = 2
"""By so much is a machine changed."""
ANEW = 3
"""Of the best schedules, so many are compiled for a machine that the code depends on."""


@dataclass(frozen=True)
class Tried:
    """A schedule and what it takes. `trace`: of a modelled device, `price`: of the host."""

    schedule: Schedule
    time: float
    trace: Trace | None = None
    price: Any = None

    def on(self, machine: Machine) -> float:
        """The same code on a machine that it runs on."""
        if self.trace is None:
            return self.price.on(machine).time
        from ..targets.npu.timeline import replay

        return replay(self.trace, machine).cycles

    @property
    def scratchpad_bytes(self) -> int:
        return 0 if self.trace is None else self.trace.scratchpad_bytes


def schedules(machine: Machine, base: Schedule) -> list[Schedule]:
    """All that are searched: the mechanisms in all combinations, numbers of contexts in powers of two, depths and tiles
    where there is double buffering. Scalar code has the default depth and tile only."""
    found: dict[str, Schedule] = {}
    for vec in (False, True):
        for contexts in _contexts(machine.contexts):
            plain = replace(base.with_mechanisms(vec, contexts != 1, False, base.prefetch), threads=contexts)
            buffered = replace(plain, double_buffer=True)
            found[str(plain)] = plain
            found[str(buffered)] = buffered
            if vec and machine.scratchpad_bytes:
                for deep in (replace(buffered, depth=d, tile_elements=t) for d in DEPTHS for t in TILES):
                    found[str(deep)] = deep
    return list(found.values())


def label(schedule: Schedule, machine: Machine) -> str:
    """The rung, without what the machine has not: a modelled device prefetches nothing."""
    return schedule.rung if machine.prefetch_bytes else replace(schedule, prefetch=False).rung


def _contexts(most: int) -> list[int]:
    """1, 2, 4 ..., and all of them."""
    powers = [1 << power for power in range(most.bit_length()) if 1 << power < most]
    return [*powers, most]


class Search:
    """One kernel on one machine. What was tried is kept."""

    def __init__(self, case: Case, machine: Machine, toolchain: Toolchain) -> None:
        self.case, self.machine, self.toolchain = case, machine, toolchain
        self._record: Record = recorder(case, toolchain)
        self.tried: dict[str, Tried] = {}
        self.refused: set[str] = set()

    def take(self, schedule: Schedule) -> Tried | None:
        """One schedule; None where it is refused, as buffers may not fit. Raises RungError for wrong values."""
        name = str(schedule)
        if name not in self.tried and name not in self.refused:
            made = self._compiled(schedule, self.machine)
            if made is None:
                self.refused.add(name)
            else:
                self.tried[name] = made
        return self.tried.get(name)

    def _try(self, schedule: Schedule, machine: Machine) -> Tried:
        if machine.kind == "npu":
            found = self._record(machine, schedule)
            if not found.error.within:
                raise RungError(f"{self.case.name} under `{schedule}` computes wrong values: {found.error}")
            made = Tried(schedule, 0.0, trace=found.trace)
        else:
            executable = self.case.compile(self.toolchain.compile, machine, schedule)
            problem = self.case.problem
            made = Tried(schedule, 0.0, price=predictor(executable, problem.args, problem.grid, schedule))
        return replace(made, time=made.on(machine))

    @property
    def ranked(self) -> list[Tried]:
        """Best first."""
        return sorted(self.tried.values(), key=_merit)

    def without(self, best: Schedule) -> dict[Mechanism, Schedule]:
        """The best schedule with each of its mechanisms taken out."""
        vec, mt, db = best.mechanisms
        found: dict[Mechanism, Schedule] = {}
        if vec:
            found["Vec"] = replace(best, vectorize=False)
        if mt:
            found["MT"] = replace(best, threads=1)
        if db:
            found["DB"] = replace(best, double_buffer=False)
        return found

    def ledger(self, tried: Tried) -> Ledger:
        """Of a modelled device."""
        from ..targets.npu.ledger import ledger

        assert tried.trace is not None
        return ledger(tried.trace, self.machine)

    def terms(self, tried: Tried) -> Mapping[str, float]:
        """Of the host: what the predicted time is made of."""
        return tried.price.on(self.machine).terms

    def change(self, name: str, machine: Machine) -> Change | None:
        """The best schedule on another machine: of all that were tried, where the code is the same; otherwise of the
        best ones, compiled anew. None where none of them can be compiled for it."""
        anew = machine.compiled_for != self.machine.compiled_for
        if not anew:
            found = [replace(tried, time=tried.on(machine)) for tried in self.tried.values()]
        else:
            found = [
                tried for schedule in self._worth_compiling(machine) if (tried := self._compiled(schedule, machine))
            ]
        if not found:
            return None
        best = min(found, key=_merit)
        return Change(name=name, schedule=str(best.schedule), time=best.time, anew=anew)

    def _compiled(self, schedule: Schedule, machine: Machine) -> Tried | None:
        try:
            return self._try(schedule, machine)
        except UsageError:
            return None

    def _worth_compiling(self, machine: Machine) -> Iterable[Schedule]:
        """The best ones, with as many contexts as the machine has where they had all."""
        all_of_them = self.machine.contexts
        for tried in self.ranked[:ANEW]:
            schedule = tried.schedule
            yield replace(schedule, threads=machine.contexts) if schedule.threads == all_of_them else schedule


def _merit(tried: Tried) -> tuple[float, int, int, int, str]:
    """What takes as long with less is better: mechanisms, contexts, fields that are not at their defaults."""
    schedule, name = tried.schedule, str(tried.schedule)
    return tried.time, sum(schedule.mechanisms), schedule.threads or 1 << 20, len(name.split()), name


def changes(machine: Machine) -> dict[str, Machine]:
    """Machines with one thing twice as good. What a machine does not have is not changed."""
    npu, dma = machine.npu, machine.dma
    wanted: dict[str, dict[str, float]] = {"twice the contexts": {"contexts": machine.contexts * MORE}}
    if machine.fork_join_ns:
        wanted["half the cost of a fork"] = {"fork_join_ns": machine.fork_join_ns / MORE}
    if npu is not None and dma.bytes_per_cycle is not None:
        faster = {"dma.bytes_per_cycle": dma.bytes_per_cycle * MORE}
        wanted["twice the DMA bandwidth"] = faster
        wanted["twice the bandwidth of DRAM and DMA"] = faster | {
            "npu.dram_bytes_per_cycle": npu.dram_bytes_per_cycle * MORE
        }
        if dma.latency_cycles:
            wanted["half the DMA latency"] = {"dma.latency_cycles": dma.latency_cycles / MORE}
        if machine.scratchpad_bytes:
            wanted["twice the scratchpad"] = {"scratchpad_bytes": machine.scratchpad_bytes * MORE}
        wanted["packets in half the time"] = {"npu.cycles_per_packet": npu.cycles_per_packet / MORE}
    found = {
        name: machines.override(machine, [f"{path}={value}" for path, value in fields.items()])
        for name, fields in wanted.items()
    }
    if machine.memory:
        found["twice the memory bandwidth"] = _faster_memory(machine)
    return found


def _faster_memory(machine: Machine) -> Machine:
    last = machine.memory[-1]
    rates = {name: value * MORE for name, value in last if name.endswith("_per_cycle") and value is not None}
    return machine.model_copy(update={"memory": (*machine.memory[:-1], last.model_copy(update=rates))})


def neighbours(ranked: Sequence[Tried], search: Search) -> list[Tried]:
    """The best schedule, those next to it in the ranking, and those with one mechanism less."""
    wanted = dict.fromkeys(str(tried.schedule) for tried in ranked[:3])
    wanted |= dict.fromkeys(str(schedule) for schedule in search.without(ranked[0].schedule).values())
    return [search.tried[name] for name in wanted if name in search.tried]
