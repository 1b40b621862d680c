"""MT against problem size: one kernel at one size, on one context and shared among several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ..machine import Machine
from ..schedule import Schedule
from . import group
from .group import Case, Lab, Variant, measure
from .problem import Shape
from .ratios import step_over
from .result import Result
from .scale_result import ScalePoint, ScaleResult
from .suite import Workload, block_elements

SIZES = tuple(1 << power for power in range(8, 23, 2))
"""256 to 4M elements: from where a fork costs more than the work to where memory is the limit."""
BLOCK = 128
"""Elements per program of one-dimensional kernels: small, so that small sizes have programs to share."""


def default_block(machine: Machine, elements: int) -> int:
    """BLOCK on the host. Where a block is a DMA transfer: what suits it, or each context's share of a small array."""
    if machine.kind == "host":
        return BLOCK
    share = max(1, elements // machine.contexts)
    return min(block_elements(machine), 1 << (share.bit_length() - 1))


def default_contexts(machine: Machine) -> tuple[int, ...]:
    """1, 2, 4 ... up to all contexts of the machine."""
    doubling = [1 << power for power in range(machine.contexts.bit_length())]
    return tuple(sorted({*doubling, machine.contexts}))


def shape_of(workload: Workload, elements: int) -> Shape:
    """About so many elements: rows of the study's length are added or taken away."""
    *_, last = workload.shape
    return (elements,) if len(workload.dimensions) == 1 else (max(1, elements // last), last)


def case_of(workload: Workload, shape: Shape, dtype: str, seed: int, block: int) -> Case:
    """The workload at one size; a one-dimensional one in programs of `block` elements."""
    case = group.case_of(workload, shape, dtype, seed)
    elements, *rest = shape
    if rest:
        return case
    problem = case.problem
    grid = (-(-elements // block), 1, 1)
    return replace(case, problem=replace(problem, constexprs={**problem.constexprs, "BLOCK": block}, grid=grid))


def run(case: Case, contexts: Sequence[int], base: Schedule, lab: Lab) -> list[ScaleResult]:
    """Vec on one context, and shared among each number of `contexts` whether it pays or not; one size."""
    alone = Variant("1 context", case, replace(base, threads=1))
    shared = [Variant(f"{p} contexts", case, replace(base, threads=p, profitability=False)) for p in contexts if p > 1]
    first, *rest = measure([alone, *shared], lab)
    placed = [ScaleResult(**dict(first), point=_point(case, first, 1))]
    for result, p in zip(rest, (p for p in contexts if p > 1), strict=True):
        fields = {**dict(result), **step_over(result, first, "1 context")}
        placed.append(ScaleResult(**fields, point=_point(case, result, p)))
    return placed


def _point(case: Case, result: Result, contexts: int) -> ScalePoint:
    found = {decision.break_even_programs for decision, _ in result.evidence.forks("grid")}
    return ScalePoint(
        contexts=contexts,
        elements=math.prod(case.shape),
        programs=math.prod(case.problem.grid),
        break_even_programs=found.pop() if len(found) == 1 else None,
    )
