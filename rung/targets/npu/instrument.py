"""The host's copy of the device's module counts its blocks, and calls the runtime that records.

What to add, and where, is read from llvmlite's objects. It is added to the module's text: llvmlite can rename what is
in a module, and link another to it, but not put an instruction between two others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import llvmlite.binding as llvm

from ...ir.attributes import COUNTERS
from .ir_objects import Blocks, Function, Instruction, symbol

RUNTIME = frozenset(
    ("rung_fork", "rung_arena_enter", "rung_arena_exit", "rung_dma_start", "rung_dma_wait", "rung_leave")
)
"""What the device's code calls of the runtime."""
_LIBRARY = ("memcpy", "memset", "memmove")
_SITED = ("rung_dma_start", "rung_dma_wait")
"""Calls of the runtime that say where in the code they are."""


@dataclass(frozen=True)
class Site:
    """One place in the code that starts a transfer or waits for one."""

    function: str
    block: str
    kind: str
    """`dma_start` or `dma_wait`"""


@dataclass(frozen=True)
class Counters:
    """What the counters count, by position: executions of blocks and of edges between them, bytes of library calls."""

    blocks: dict[tuple[str, str], int]
    """(function, block of the device's module) -> counter"""
    edges: dict[tuple[str, str, str], int]
    """(function, block, successor) -> counter, for edges from a block with several successors to one with several
    predecessors: those that the counts of blocks say nothing about"""
    copied_bytes: dict[str, int]
    """`memcpy`, `memset`, `memmove` -> counter of bytes"""
    count: int
    forwards: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    """(function, block that does nothing but jump) -> where to; machine code may have no such block"""
    successors: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict[tuple[str, str], tuple[str, ...]])
    """(function, block of the device's module) -> the blocks that it may go to; a function's entry comes first"""


def instrument(
    module: llvm.ModuleRef, found: Mapping[str, Function], before: Mapping[str, Sequence[str]]
) -> tuple[str, Counters, tuple[Site, ...]]:
    """
    before: `b3:` ... `call void @rung_dma_start(ptr %d, ...)`
    after:  `b3:` counter += 1 ... `call void @rung_npu_dma_start(i32 7, ptr %d, ...)`

    found: the functions of `module`, whose critical edges are split. before: names of the blocks that they had before.
    `contract` goes: whether a CPU multiplies and adds in one instruction must not show in the values.
    """
    plan = _Plan()
    for name, function in found.items():
        plan.function(name, function.blocks, before[name])
    for function in module.functions:
        if function.name in RUNTIME and function.name not in _SITED:
            function.name = private(function.name)
    lines = [*plan.insert(str(module), found), f"@{COUNTERS} = global [{plan.count} x i64] zeroinitializer, align 8"]
    counters = Counters(plan.blocks, plan.edges, plan.copied, plan.count, plan.forwards, plan.successors)
    return "\n".join(lines), counters, tuple(plan.sites)


def private(name: str) -> str:
    """The recording runtime's name of a function: the host's own is in this process, too."""
    return name.replace("rung_", "rung_npu_", 1)


class _Plan:
    """What is added to the text, by function, block and position of the instruction that it precedes."""

    def __init__(self) -> None:
        self.blocks: dict[tuple[str, str], int] = {}
        self.edges: dict[tuple[str, str, str], int] = {}
        self.copied = {name: position for position, name in enumerate(_LIBRARY)}
        self.count = len(_LIBRARY)
        self.forwards: dict[tuple[str, str], str] = {}
        self.successors: dict[tuple[str, str], tuple[str, ...]] = {}
        self.sites: list[Site] = []
        self._added: dict[tuple[str, str, int], list[str]] = {}
        self._called: dict[tuple[str, str, int], int] = {}
        """Positions of the calls that say which site they are."""
        self._temporaries = 0

    def function(self, name: str, blocks: Blocks, before: Sequence[str]) -> None:
        """Count its blocks and edges, and what it calls."""
        ends = {block: instructions[-1].targets for block, instructions in blocks.items()}
        sources = {to: block for block, after in ends.items() for to in after}
        between = {block: (sources[block], ends[block][0]) for block in blocks if block not in before}
        for block, instructions in blocks.items():
            if block in between:
                # A `switch` may have several edges from one block to another; they count as one.
                counter = self.edges.setdefault((name, *between[block]), self.count)
            else:
                counter = self.blocks[name, block] = self.count
                after = (between[to][1] if to in between else to for to in ends[block])
                self.successors[name, block] = tuple(dict.fromkeys(after))
            self.count += counter == self.count
            first = next(n for n, instruction in enumerate(instructions) if instruction.opcode != "phi")
            if first == len(instructions) - 1 and len(ends[block]) == 1:
                self.forwards[name, block] = ends[block][0]
            self._add((name, block, first), counter, "1")
            self._calls(name, block, instructions)

    def _calls(self, name: str, block: str, instructions: list[Instruction]) -> None:
        for position, instruction in enumerate(instructions):
            callee = instruction.callee
            if callee in _SITED:
                self._called[name, block, position] = len(self.sites)
                self.sites.append(Site(name, block, callee.removeprefix("rung_")))
            elif callee.startswith("llvm.mem"):
                counter = self.copied.get(callee.split(".")[1])
                if counter is not None:
                    self._add_bytes((name, block, position), counter, instruction.operands[2])

    def _add(self, place: tuple[str, str, int], counter: int, amount: str) -> None:
        address = f"getelementptr inbounds (i64, ptr @{COUNTERS}, i64 {counter})"
        old, new = f"%rung.c{self._temporaries}", f"%rung.d{self._temporaries}"
        self._added.setdefault(place, []).extend(
            (
                f"  {old} = load i64, ptr {address}, align 8",
                f"  {new} = add i64 {old}, {amount}",
                f"  store i64 {new}, ptr {address}, align 8",
            )
        )
        self._temporaries += 1

    def _add_bytes(self, place: tuple[str, str, int], counter: int, size: llvm.ValueRef) -> None:
        amount = str(size.get_constant_value()) if size.is_constant else symbol(size)
        if not size.is_constant and size.type.type_width < 64:
            wide = f"%rung.s{self._temporaries}"
            self._added.setdefault(place, []).append(f"  {wide} = zext {size.type} {amount} to i64")
            amount = wide
        self._add(place, counter, amount)

    def insert(self, text: str, found: Mapping[str, Function]) -> Iterator[str]:
        """The lines of the module's text with what is added. LLVM writes functions and their blocks in order, the label
        of a block on a line and every instruction on one, but for the last, which may take several."""
        lines = iter(text.replace(" contract ", " ").splitlines())
        for name, function in found.items():
            yield from _until(lines, "define ")
            for block, instructions in function.blocks.items():
                yield from _until(lines, f"{block}:")
                for position in range(len(instructions)):
                    place = name, block, position
                    yield from self._added.get(place, ())
                    line = next(lines)
                    yield line if place not in self._called else _with_site(line, f"i32 {self._called[place]}, ")
        yield from _until(lines, None)


def _until(lines: Iterator[str], start: str | None) -> Iterator[str]:
    """Lines up to and with the first that starts so. None of them is in a block."""
    for line in lines:
        yield _with_site(line, "i32, ") if line.startswith("declare ") else line
        if start is not None and line.startswith(start):
            return


def _with_site(line: str, site: str) -> str:
    """A declaration or call of the runtime with one more parameter, the first, where it takes a site."""
    for name in _SITED:
        line = line.replace(f"@{name}(", f"@{private(name)}({site}")
    return line
