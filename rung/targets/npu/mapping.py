"""How often each block of machine code ran, from the counters of the host's copy: flow is conserved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import RungError
from ..isa.packets import Block
from .instrument import Counters
from .made_up_run import made_up_run

Array = npt.NDArray[np.float64]
_RESIDUAL = 1e-6


class MappingError(RungError):
    """Executions of machine code cannot be told from those of the IR's blocks."""


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
        """Raises MappingError when the counts of a run contradict the machine code's edges."""
        found = self.residual(counters)
        if found is not None:
            block, executions = found
            raise _does_not_follow(self.function, block, f" (off by {executions:.3g} executions)")

    def residual(self, counters: npt.NDArray[np.int64]) -> tuple[str, float] | None:
        """The block whose equations such counts contradict most, or that would run less than never, and by how much;
        None where they do not."""
        names = (*self.equations, *(block.name or block.label for block in self.blocks))
        residual = np.concatenate([np.abs(self.checks @ counters), -(self.executions @ counters)])
        if residual.max(initial=0.0) <= _RESIDUAL * max(1.0, float(counters.max())):
            return None
        return names[int(residual.argmax())], float(residual.max())


def solve(function: str, blocks: Sequence[Block], counters: Counters) -> Flow:
    """Express executions of `blocks` by the counters.

    Blocks that alone carry the name of an IR block ran as often as that did. For the others, and for all edges: what
    enters a block is what leaves it. Where that contradicts what the IR allows, only blocks and edges are counted whose
    surroundings are the IR's. Raises MappingError naming a block that this does not determine, or that would still do
    in a run what the IR does not allow.

    What machine code does wrong is so found before it runs, where another can still be written.
    """
    made_up = made_up_run(function, counters)
    flow = _flow(function, blocks, counters, wary=False)
    if flow.residual(made_up) is None:
        return flow
    flow = _flow(function, blocks, counters, wary=True)
    contradiction = flow.residual(made_up)
    if contradiction is not None:
        raise _does_not_follow(function, contradiction[0])
    return flow


def _flow(function: str, blocks: Sequence[Block], counters: Counters, wary: bool) -> Flow:
    system = _System(function, blocks, counters, wary)
    values = system.solve()
    executions = np.zeros((len(blocks), counters.count))
    for position, block in enumerate(blocks):
        value = values.get(position)
        if value is not None:
            executions[position] = value
        elif block.packets:
            raise MappingError(
                f"the machine code of `{function}` has a block, {block.label}, whose executions the IR does not "
                "determine: its packets cannot be counted; choose another block size or unroll"
            )
    checks = [(block, row) for block, row in system.checks if row.any()]
    rows = np.array([row for _, row in checks]) if checks else np.zeros((0, counters.count))
    return Flow(function, tuple(blocks), executions, rows, tuple(block for block, _ in checks))


def _does_not_follow(function: str, block: str, off: str = "") -> MappingError:
    return MappingError(
        f"the machine code of `{function}` does not follow the IR at block `{block}`{off}: its packets cannot be "
        "counted; choose another block size or unroll"
    )


@dataclass
class _Equation:
    """Sum of factor * variable = row . counters"""

    about: str
    variables: dict[int, float]
    row: Array


class _System:
    """Linear equations. Variables: executions of blocks (by position), then of edges; known: the counters.

    `wary`: a block of the IR may also have become a part of those before it, under their predicates.
    """

    def __init__(self, function: str, blocks: Sequence[Block], counters: Counters, wary: bool) -> None:
        self._function = function
        self._wary = wary
        self._blocks = blocks
        self._counters = counters
        self._names = Counter(block.name for block in blocks)
        self._position = {block.label: i for i, block in enumerate(blocks)}
        self._edges = [(i, self._position[to]) for i, block in enumerate(blocks) for to in block.successors]
        self._before: list[list[int]] = [[] for _ in blocks]
        for source, to in self._edges:
            self._before[to].append(source)
        self._sources: dict[int, set[str]] = {}
        self._after = {block: to for (f, block), to in counters.successors.items() if f == function}
        self._values: dict[int, Array] = {}
        self.checks: list[tuple[str, Array]] = []
        """Equations without unknowns: the block each is about, and what must be zero."""

    def solve(self) -> dict[int, Array]:
        """Values of all variables that are determined, as rows over the counters."""
        self._anchor()
        # What arrives comes first: it holds at every moment of a run, what leaves only where no block is under way.
        left = [*self._edge_counts(), *self._arriving(), *self._leaving()]
        while True:
            rest = [equation for equation in left if not self._substitute(equation)]
            if len(rest) == len(left):
                break
            left = rest
        self._solve_together(left)
        return self._values

    def _row(self, counter: int | None = None) -> Array:
        row = np.zeros(self._counters.count)
        if counter is not None:
            row[counter] = 1
        return row

    def _anchor(self) -> None:
        for position, block in enumerate(self._blocks):
            if block.name is not None and self._names[block.name] == 1:
                if self._wary and not self._sources_in_ir(block.name) <= self._sources_in_code(position):
                    continue
                counter = self._counters.blocks.get((self._function, block.name))
                if counter is not None:
                    self._values[position] = self._row(counter)

    def _sources_in_ir(self, name: str) -> set[str]:
        """The blocks that lead to a block of the IR, themselves or by ones that the machine code has not."""
        found, work, seen = set[str](), [name], {name}
        while work:
            block = work.pop()
            for source in (source for source, to in self._after.items() if block in to):
                if self._names[source]:
                    found.add(source)
                elif source not in seen:
                    seen.add(source)
                    work.append(source)
        return found

    def _sources_in_code(self, position: int) -> set[str]:
        """The same in the machine code, by blocks without a name."""
        if position in self._sources:
            return self._sources[position]
        found = self._sources[position] = set[str]()
        work, seen = [position], {position}
        while work:
            block = work.pop()
            for source in self._before[block]:
                name = self._blocks[source].name
                if name is not None:
                    found.add(name)
                elif source not in seen:
                    seen.add(source)
                    work.append(source)
        return found

    def _edge(self, number: int) -> int:
        return len(self._blocks) + number

    def _arriving(self) -> Iterator[_Equation]:
        entry = next(n for (f, _), n in self._counters.blocks.items() if f == self._function)
        for i, block in enumerate(self._blocks):
            flow = {self._edge(e): 1.0 for e, (_, to) in enumerate(self._edges) if to == i}
            yield _Equation(block.name or block.label, {**flow, i: -1.0}, -self._row(entry) if i == 0 else self._row())

    def _leaving(self) -> Iterator[_Equation]:
        for i, block in enumerate(self._blocks):
            if block.successors and not block.returns:
                flow = {self._edge(e): 1.0 for e, (at, _) in enumerate(self._edges) if at == i}
                yield _Equation(block.name or block.label, {**flow, i: -1.0}, self._row())

    def _edge_counts(self) -> Iterator[_Equation]:
        """Edges that the host's copy counts: from -> (blocks without a name, in a line) -> to."""
        for (function, source, target), counter in self._counters.edges.items():
            if function != self._function or self._names[source] != 1:
                continue
            end = self._present(source, target)
            if end is None:
                continue
            matching = [
                e
                for e, (at, to) in enumerate(self._edges)
                if self._blocks[at].name == source and self._follow(to) == end
            ]
            if matching:
                yield _Equation(source, {self._edge(e): 1.0 for e in matching}, self._row(counter))

    def _present(self, source: str, target: str) -> str | None:
        """`target`, or where it leads to if the machine code has no block of its name, as a block that only jumps.
        None for an end that `source` also reaches by another edge: one count would stand for two."""
        end = self._end(target)
        others = (t for (f, s, t) in self._counters.edges if (f, s) == (self._function, source) and t != target)
        if self._names[end] != 1 or any(self._end(other) == end for other in others):
            return None
        if self._wary and any(
            end in self._ends(source, other) for other in self._after.get(source, ()) if other != target
        ):
            return None
        return end

    def _ends(self, source: str, target: str) -> set[str]:
        """Where the IR leads from the edge `source` to `target` on, by blocks that the machine code has not there."""
        found, work, seen = set[str](), [target], {target}
        while work:
            block = work.pop()
            there = (i for i, b in enumerate(self._blocks) if b.name == block)
            if any(source in self._sources_in_code(i) for i in there):
                found.add(block)
                continue
            after = set(self._after.get(block, ())) - seen
            seen |= after
            work += after
        return found

    def _end(self, target: str) -> str:
        for _ in range(len(self._counters.forwards)):
            if self._names[target]:
                break
            target = self._counters.forwards.get((self._function, target), target)
        return target

    def _follow(self, position: int) -> str | None:
        """The first named block from here on, through unnamed ones with one successor."""
        for _ in range(len(self._blocks)):
            block = self._blocks[position]
            if block.name is not None or len(block.successors) != 1:
                return block.name
            position = self._position[block.successors[0]]
        return None

    def _substitute(self, equation: _Equation) -> bool:
        """Put known values in; whether the equation is used up: it gave a value, or is a check."""
        for variable in [v for v in equation.variables if v in self._values]:
            equation.row = equation.row - equation.variables.pop(variable) * self._values[variable]
        if len(equation.variables) > 1:
            return False
        for variable, factor in equation.variables.items():
            self._values[variable] = equation.row / factor
            return True
        self.checks.append((equation.about, equation.row))
        return True

    def _solve_together(self, equations: list[_Equation]) -> None:
        """What is left where no single equation gives a value: least squares, of what is determined."""
        columns = {v: c for c, v in enumerate(sorted({v for equation in equations for v in equation.variables}))}
        if not columns:
            return
        matrix = np.zeros((len(equations), len(columns)))
        for row, equation in enumerate(equations):
            for variable, factor in equation.variables.items():
                matrix[row, columns[variable]] = factor
        known = np.array([equation.row for equation in equations])
        left, singular, right = np.linalg.svd(matrix)
        rank = int((singular > 1e-9).sum())
        solution = right[:rank].T @ ((left[:, :rank] / singular[:rank]).T @ known)
        free = np.abs(right[rank:]).max(axis=0, initial=0.0)
        for variable, column in columns.items():
            if free[column] < _RESIDUAL:
                self._values[variable] = _without_noise(solution[column])
        residual = matrix @ solution - known
        self.checks += [(e.about, _without_noise(row)) for e, row in zip(equations, residual, strict=True)]


def _without_noise(row: Array) -> Array:
    return np.where(np.abs(row) < 1e-9, 0.0, row)
