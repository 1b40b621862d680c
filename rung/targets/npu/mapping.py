"""How often each block of machine code ran, from the counters of the host's copy: flow is conserved."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import RungError
from .assembly import Block
from .host_copy import Counters

Array = npt.NDArray[np.float64]
_RESIDUAL = 1e-6


@dataclass(frozen=True)
class Flow:
    """Executions of the blocks of one function are linear in the counters.

    executions: [block, counter]. checks: [equation, counter], zero on the counters of any complete run.
    """

    function: str
    blocks: tuple[Block, ...]
    executions: Array
    checks: Array
    equations: tuple[str, ...]
    """The block that each check is about."""

    def check(self, counters: npt.NDArray[np.int64]) -> None:
        """Raises RungError when the counts of a run contradict the machine code's edges."""
        residual = np.abs(self.checks @ counters)
        if not residual.size or residual.max() <= _RESIDUAL * max(1.0, float(counters.max())):
            return
        block = self.equations[int(residual.argmax())]
        raise RungError(
            f"the machine code of `{self.function}` does not follow the IR at block `{block}` (off by "
            f"{residual.max():.3g} executions): its packets cannot be counted; choose another block size or unroll"
        )


def solve(function: str, blocks: list[Block], counters: Counters) -> Flow:
    """Express executions of `blocks` by the counters.

    Blocks that alone carry the name of an IR block ran as often as that did. For the others, and for all edges: what
    enters a block is what leaves it. Raises RungError naming a block that this does not determine.
    """
    system = _System(function, blocks, counters)
    unknown, known = system.matrices()
    left, singular, right = np.linalg.svd(unknown)
    rank = int((singular > 1e-9).sum())
    inverse = right[:rank].T @ ((left[:, :rank] / singular[:rank]).T @ known)
    executions = np.zeros((len(blocks), counters.count))
    for position, block in enumerate(blocks):
        counter = system.anchor(block)
        if counter is not None:
            executions[position, counter] = 1
            continue
        column = system.columns[position]
        if block.packets and rank < right.shape[0] and np.abs(right[rank:, column]).max() > _RESIDUAL:
            raise RungError(
                f"the machine code of `{function}` has a block, {block.label}, whose executions the IR does not "
                "determine: its packets cannot be counted; choose another block size or unroll"
            )
        executions[position] = inverse[column]
    executions[np.abs(executions) < 1e-9] = 0
    checks = unknown @ inverse - known
    checks[np.abs(checks) < 1e-9] = 0
    return Flow(function, tuple(blocks), executions, checks, tuple(system.about))


class _System:
    """Linear equations: unknown = executions of blocks without a name of their own, and of edges; known = counters."""

    def __init__(self, function: str, blocks: list[Block], counters: Counters) -> None:
        self._function = function
        self._blocks = blocks
        self._counters = counters
        self._names = Counter(block.name for block in blocks)
        self._position = {block.label: i for i, block in enumerate(blocks)}
        self._edges = [(i, self._position[to]) for i, block in enumerate(blocks) for to in block.successors]
        unnamed = [i for i, block in enumerate(blocks) if self.anchor(block) is None]
        self.columns = {block: column for column, block in enumerate(unnamed)}
        self._first_edge = len(unnamed)
        self._rows: list[tuple[dict[int, float], dict[int, float]]] = []
        self.about: list[str] = []
        """The block that each equation is about."""

    def anchor(self, block: Block) -> int | None:
        """The counter of a block that alone stands for a block of the IR."""
        if block.name is None or self._names[block.name] > 1:
            return None
        return self._counters.blocks.get((self._function, block.name))

    def matrices(self) -> tuple[Array, Array]:
        entry = next(n for (f, _), n in self._counters.blocks.items() if f == self._function)
        for i, block in enumerate(self._blocks):
            arriving = {self._first_edge + e: 1.0 for e, (_, to) in enumerate(self._edges) if to == i}
            self._conserve(i, arriving, {entry: -1.0} if i == 0 else {})
            if block.successors and not block.returns:
                leaving = {self._first_edge + e: 1.0 for e, (at, _) in enumerate(self._edges) if at == i}
                self._conserve(i, leaving, {})
        self._match_edges()
        unknown = np.zeros((len(self._rows), max(1, self._first_edge + len(self._edges))))
        known = np.zeros((len(self._rows), self._counters.count))
        for row, (variables, constants) in enumerate(self._rows):
            for column, factor in variables.items():
                unknown[row, column] += factor
            for column, factor in constants.items():
                known[row, column] += factor
        return unknown, known

    def _conserve(self, block: int, flow: dict[int, float], known: dict[int, float]) -> None:
        """flow - executions(block) = known"""
        counter = self.anchor(self._blocks[block])
        if counter is None:
            flow[self.columns[block]] = flow.get(self.columns[block], 0.0) - 1
        else:
            known = {**known, counter: known.get(counter, 0.0) + 1}
        self._add(block, flow, known)

    def _add(self, block: int, variables: dict[int, float], known: dict[int, float]) -> None:
        self._rows.append((variables, known))
        self.about.append(self._blocks[block].name or self._blocks[block].label)

    def _match_edges(self) -> None:
        """Edges that the host's copy counts: from -> (blocks without a name, in a line) -> to."""
        for (function, source, target), counter in self._counters.edges.items():
            if function != self._function or self._names[source] != 1 or self._names[target] != 1:
                continue
            matching = [
                e
                for e, (at, to) in enumerate(self._edges)
                if self._blocks[at].name == source and self._follow(to) == target
            ]
            if matching:
                first = self._edges[matching[0]][0]
                self._add(first, {self._first_edge + e: 1.0 for e in matching}, {counter: 1.0})

    def _follow(self, position: int) -> str | None:
        """The first named block from here on, through unnamed ones with one successor."""
        for _ in range(len(self._blocks)):
            block = self._blocks[position]
            if block.name is not None or len(block.successors) != 1:
                return block.name
            position = self._position[block.successors[0]]
        return None
