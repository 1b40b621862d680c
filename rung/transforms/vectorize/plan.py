"""Which dimension of a nest becomes lanes, how many lanes, and how many vectors are in flight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch_mlir import ir

from ...ir.body import Body, Instr
from ...ir.emit import bits
from ...ir.lanes import LANEWISE, VARYING, Lanes, Step, analyse_nest, element_bits, exchanged, narrowest_memory_bits
from ...ir.nest import Nest
from .transposes import plan_tile

_UPDATES_IN_FLIGHT = 4


@dataclass(frozen=True)
class NestPlan:
    """`order` lists the dimensions from the outermost loop inwards; `dim` is the one that becomes lanes."""

    dim: int
    order: tuple[int, ...]
    lanes: int
    unroll: int
    analysis: Lanes
    scalar_reason: str = ""
    """Why a nest that was to be vectorized got scalar loops."""
    whole_bits: int = 0
    """Width of a register, where part of one is dear; else 0."""
    across: int = -1
    """The dimension outside the lanes' that makes tiles with it, of `lanes` x `lanes`; -1: none."""


def plan_nest(
    nest: Nest,
    vector_bytes: int,
    registers: int,
    unroll: int,
    whole_registers: bool = False,
    streaming_bytes: int = 0,
    tiles: bool = False,
) -> NestPlan:
    """`vector_bytes=0` asks for scalar loops. Lanes fill a register with the widest data; with `whole_registers`, with
    the narrowest in memory, so that wider data takes several. `streaming_bytes`: of the vectors of a nest that does
    little but move data, which then has `vector_bytes` of each array in flight. `tiles`: what lies along another
    dimension than the lanes is transposed in registers, unless the schedule or whole registers say how many lanes and
    vectors there are."""
    if nest.rank == 0:
        return NestPlan(-1, (), 1, 1, analyse_nest(nest, -1))
    dim = _choose_dim(nest, (vector_bytes or 64) // 4)
    analysis = analyse_nest(nest, dim)
    order = _loop_order(nest, dim)
    if vector_bytes == 0:
        count = 1 if unroll == 0 or analysis.refusal else unroll
        return NestPlan(dim, order, 1, count, analysis)
    if analysis.refusal:
        return NestPlan(dim, order, 1, 1, analysis, analysis.refusal)
    if not unroll and _updates_elements(nest, analysis):
        return NestPlan(dim, order, 1, _UPDATES_IN_FLIGHT, analysis, "its elements are updated one by one")
    tiles = tiles and not whole_registers and not unroll
    if tiles and (tile := plan_tile(nest, dim, analysis, vector_bytes, registers)) is not None:
        order = (*(d for d in order if d not in (tile.across, dim)), tile.across, dim)
        return NestPlan(dim, order, tile.edge, 1, analysis, across=tile.across)
    streams = 0 < streaming_bytes < vector_bytes and not unroll and _streams(nest, analysis)
    if streams:
        unroll, vector_bytes = vector_bytes // streaming_bytes, streaming_bytes
    narrowest = narrowest_memory_bits(nest, dim) if whole_registers else 64
    wanted = vector_bytes * 8 // min(narrowest, element_bits(nest, analysis, dim))
    bound = nest.bounds[dim]
    # Where registers move whole, a mask serves a short dimension better than a part of a register.
    lanes = _fit_lanes(wanted, None if whole_registers else bound)
    if lanes < 2:
        return NestPlan(dim, order, 1, 1, analysis, "one lane: the dimension or the vector is too short")
    count = unroll or _choose_unroll(nest, analysis, lanes, vector_bytes * 8, registers)
    while bound is not None and count > 1 and lanes * count > bound and (unroll == 0 or streams):
        count //= 2
    return NestPlan(dim, order, lanes, count, analysis, whole_bits=vector_bytes * 8 if whole_registers else 0)


def _streams(nest: Nest, analysis: Lanes) -> bool:
    """Whether a nest does at most one plain operation per access to memory: what it takes is the memory's time."""
    varying = [i for i in nest.body.instrs if any(analysis.of(r) is VARYING for r in i.results)]
    if any(nest.reduction) or any(i.regions or not i.name.startswith("arith.") for i in varying):
        return False
    accesses = sum(operand.reads + (operand.yielded is not None) for operand in nest.operands)
    return len(varying) <= accesses


def _updates_elements(nest: Nest, analysis: Lanes) -> bool:
    """Whether a nest does little but updates, which take the lanes apart again."""
    if nest.groups or nest.elementwise_outputs:
        return False
    counts = [0, 0]
    for instr in _all_instrs(nest.body):
        if instr.name in LANEWISE:
            counts[0] += 1
        elif any(analysis.of(r) is VARYING for r in instr.results) and instr.name != "memref.load":
            counts[1] += 12 if instr.name.startswith("math.") else 1
    return 0 < counts[1] + counts[0] <= 5 * counts[0]


def _all_instrs(body: Body) -> Iterator[Instr]:
    for instr in body.instrs:
        yield instr
        for region in instr.regions:
            yield from _all_instrs(region)


def _fit_lanes(wanted: int, bound: int | None) -> int:
    """At most `wanted` lanes, a power of two, and not more than the dimension can ever fill."""
    lanes = 1 << max(wanted, 1).bit_length() - 1
    while bound is not None and lanes > 1 and lanes // 2 >= bound:
        lanes //= 2
    return lanes


def _loop_order(nest: Nest, dim: int) -> tuple[int, ...]:
    """Parallel dimensions, then the lanes if they are parallel, then reductions, then the
    lanes if they are reduced."""
    parallel = [d for d in range(nest.rank) if d != dim and not nest.reduction[d]]
    reductions = [d for d in range(nest.rank) if d != dim and nest.reduction[d]]
    if nest.reduction[dim]:
        return (*parallel, *reductions, dim)
    return (*parallel, dim, *reductions)


def _choose_dim(nest: Nest, lanes: int) -> int:
    """The dimension with the cheapest memory accesses per element; ties go to the innermost."""
    if nest.rank == 1:
        return 0
    computed = _has_accesses(nest.body)
    return -min((_cost(nest, d, lanes, computed), -d) for d in range(nest.rank))[1]


def _cost(nest: Nest, dim: int, lanes: int, computed: bool) -> float:
    """Cost of one element's memory accesses when `dim` becomes lanes: a vector access is 1, a
    strided one a gather.

    computed: the body holds accesses of its own.
    """
    total = 0.1 if nest.reduction[dim] else 0.0
    for group in nest.groups:
        if dim in group.dims:
            continue
        if group.instr is None:
            total += 4.0 * lanes  # stays scalar
        elif group.scan:
            steps = 1 if group.callee is None else len(group.callee.instrs)
            total += lanes.bit_length() * (steps + len(group.members)) / 4
    for operand in nest.operands:
        if operand.reads or operand.yielded is not None:
            total += _access_cost(operand.stride_along(dim), lanes)
    if computed:
        total += _body_cost(nest.body, analyse_nest(nest, dim), lanes)
    bound = nest.bounds[dim]
    return total / (lanes if bound is None else max(1, min(lanes, bound)))


def _has_accesses(body: Body) -> bool:
    return any(
        instr.name in ("memref.load", "memref.store") or any(_has_accesses(r) for r in instr.regions)
        for instr in body.instrs
    )


def _body_cost(body: Body, analysis: Lanes, lanes: int) -> float:
    total = 0.0
    for instr in body.instrs:
        for region in instr.regions:
            total += _body_cost(region, analysis, lanes)
        if instr.name in ("memref.load", "memref.store"):
            first = 1 if instr.name == "memref.load" else 2
            steps = [analysis.of(v) for v in instr.operands[first:]]
            outer_uniform = all(s == 0 for s in steps[:-1])
            last = steps[-1] if steps else 0
            swap = exchanged(instr) if first == 1 else None
            if swap is not None and analysis.of(swap[0]) == 1:
                last = -1  # a shuffle, too
            total += _access_cost(last if outer_uniform else VARYING, lanes)
    return total


def _access_cost(stride: Step, lanes: int) -> float:
    """One access of all lanes: contiguous (backwards it takes a shuffle), uniform, or lane by lane."""
    if stride is None or abs(stride) > 1:
        return float(lanes)
    return {1: 1.0, -1: 1.5, 0: 0.2}[stride]


def _choose_unroll(nest: Nest, analysis: Lanes, lanes: int, vector_bits: int, registers: int) -> int:
    """4, 2 or 1 vectors: the live vectors of all copies have to fit the registers, and a large body fills
    the machine alone."""
    live, shared, operations = _pressure(nest, analysis, lanes, vector_bits)
    operations += sum(3 * len(g.callee.instrs) for g in nest.groups if g.callee)
    for count in (4, 2):
        if live * count + shared <= registers and operations * count <= 160:
            return count
    return 1


def _pressure(nest: Nest, analysis: Lanes, lanes: int, vector_bits: int) -> tuple[int, int, int]:
    """(registers live in one copy, registers shared by all copies, vector operations of one copy), from the
    body's live ranges."""
    last: dict[ir.Value, int] = {}
    position = 0
    operations = 0
    instrs = nest.body.instrs
    for position, instr in enumerate(instrs):
        for value in instr.operands:
            last[value] = position
    for value in nest.body.yields:
        last[value] = len(instrs)

    def cost(value: ir.Value) -> int:
        if analysis.of(value) is not VARYING:
            return 0
        return max(1, bits(value.type) * lanes // vector_bits)

    alive = sum(cost(o.arg) for o in nest.operands if o.arg in last)
    most = alive
    uniforms: set[ir.Value] = set()
    for position, instr in enumerate(instrs):
        varying = any(analysis.of(r) is VARYING for r in instr.results)
        heavy = instr.name.startswith("math.")
        operations += (12 if heavy else 1) if varying else 0
        if varying:
            uniforms.update(v for v in instr.operands if analysis.of(v) == 0 and not _is_index(v))
        alive += sum(cost(r) for r in instr.results)
        most = max(most, alive + (3 if heavy else 0))
        alive -= sum(cost(v) for v in {*instr.operands, *instr.results} if last.get(v, position) == position)
    return max(most, 1), len(uniforms), operations


def _is_index(value: ir.Value) -> bool:
    return isinstance(value.type, ir.IndexType)
