"""When sharing a loop among contexts pays: its iterations must save what a fork and its join cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import ceil
from typing import Any

from ..machine import Machine
from ..targets.isa.core import PLAIN, Core
from .price import spent
from .work import Flow, Work

NEVER = 1 << 30
"""Iterations that no loop has, on 32-bit devices, too."""
_GAIN = 0.02
"""Of the time on one context: what saves less is not worth a fork at any size."""


@dataclass(frozen=True)
class Price:
    """What one iteration's work costs, in cycles; of the Machine, as text and as one number each, so that a pass can
    have it for an option."""

    core: Core = PLAIN
    cycle: float = 1.0
    """Of the machine, for each of `core`'s."""
    read: float = 0.0
    """Of a byte of a footprint, for one context alone."""
    write: float = 0.0
    all_read: float = 0.0
    """The same where all contexts do so: what they cannot share."""
    all_write: float = 0.0
    scalar: float = 0.0
    """Of each access of an element of an array that is in no cache."""
    vector: float = 0.0
    vector_byte: float = 0.0
    """Of a byte of such vectors."""
    all_vector_byte: float = 0.0
    depth: float = 0.0
    """Buffers of each stream through a scratchpad: with one, transfers are waited for. 0: no transfers."""
    latency: float = 0.0
    """Of a transfer beside its bytes."""

    @classmethod
    def of(cls, machine: Machine, scratchpad: bool, depth: int) -> Price:
        """Of a machine's programs; scratchpad: tiles move through it, in `depth` buffers each."""
        core, npu, dma = machine.rates, machine.npu, machine.dma
        if npu is None:
            level = machine.memory[0] if machine.memory else None
            if level is None:
                return cls(core)
            read, write = 1 / level.read_bytes_per_cycle, 1 / level.write_bytes_per_cycle
            all_read, all_write = level.all_read_bytes_per_cycle, level.all_write_bytes_per_cycle
            return cls(
                core,
                read=read,
                write=write,
                all_read=1 / all_read if all_read else read / machine.contexts,
                all_write=1 / all_write if all_write else write / machine.contexts,
            )
        if scratchpad and dma.bytes_per_cycle:
            byte = 1 / dma.bytes_per_cycle
            return cls(core, npu.cycles_per_packet, byte, byte, byte, byte, depth=depth, latency=dma.latency_cycles)
        byte = 1 / npu.dram_bytes_per_cycle
        return cls(
            core,
            npu.cycles_per_packet,
            scalar=npu.dram_scalar_cycles,
            vector=npu.dram_vector_cycles,
            vector_byte=byte,
            all_vector_byte=byte,
        )

    def __str__(self) -> str:
        """`name:number` for all that is not usual, joined by `+`."""
        usual = Price()
        own = [(f.name, getattr(self, f.name)) for f in fields(self) if f.name != "core"]
        core = [(name, getattr(self.core, name)) for name in Core.model_fields]
        found = [(n, v) for n, v in own if v != getattr(usual, n)]
        found += [(n, v) for n, v in core if v != getattr(usual.core, n)]
        return "+".join(f"{name}:{float(value)!r}" for name, value in found)

    @classmethod
    def parse(cls, text: str) -> Price:
        """The reverse; raises ValueError for a name that there is not."""
        own: dict[str, Any] = {}
        core: dict[str, Any] = {}
        for item in text.split("+") if text else ():
            name, _, number = item.partition(":")
            kinds = {f.name for f in fields(cls)} - {"core"}
            if name in kinds:
                own[name] = float(number)
            elif name in Core.model_fields:
                core[name] = int(float(number)) if name == "pipe_bytes" else float(number)
            else:
                raise ValueError(name)
        return replace(cls(**own), core=Core(**core))

    def alone(self, work: Work) -> float:
        """Cycles of a context that has the machine for itself."""

        def fetch(flows: Mapping[int, Flow]) -> float:
            return sum(f.reads * self.read + f.writes * self.write for f in flows.values()) / self.cycle

        if self.depth:
            # As many tiles are under way as there are buffers, each of them moved, computed and written back.
            inside = spent(work, self.core).total * self.cycle
            moved = sum(s.reads * self.read + s.writes * self.write for s in work.streams.values())
            return max(inside, moved, (inside + moved + self.latency) / self.depth)
        stalls = sum(
            s.scalars * self.scalar + s.vectors * self.vector + s.accessed * self.vector_byte
            for s in work.streams.values()
        )
        return spent(work, self.core, fetch).total * self.cycle + stalls

    def together(self, work: Work) -> float:
        """Cycles of this work in which all contexts have to take turns."""
        return sum(
            s.reads * self.all_read + s.writes * self.all_write + s.accessed * self.all_vector_byte
            for s in work.streams.values()
        )


def break_even(alone: float, together: float, fork: float, contexts: int) -> int:
    """The least number of iterations T whose work is done sooner by n contexts than by one:

        T * alone > fork + max(ceil(T / n) * alone, T * together)

    NEVER where no number is enough, because one context nearly keeps the memory busy. Times are in one unit."""
    if contexts == 1:
        return 1
    alone = max(alone, 1e-3)
    saved = alone - max(alone / contexts, together)
    if saved < _GAIN * alone:
        return NEVER
    least = max(2, ceil(fork / saved))
    while least < NEVER and least * alone <= fork + max(-(-least // contexts) * alone, least * together):
        least += 1
    return min(least, NEVER)
