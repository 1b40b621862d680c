"""Tiles that are transposed in registers: where a nest's operands are contiguous along different dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from torch_mlir import ir

from ...ir.body import Body
from ...ir.emit import Emitter, bits, is_float, vector_of
from ...ir.lanes import Lanes, element_bits
from ...ir.nest import Nest, Operand

SEGMENT_BITS = 128
"""Within so much of a register, interleaving two vectors is one instruction of every vector unit: x86's unpack works on
segments of 128 bits at any width, and AArch64's registers are no wider. Wider units take it for any other shuffle."""
LEAST_EDGE = 4
"""Below it the shuffles cost what single elements do."""
MOST_OPERATIONS = 512
"""Of a whole tile's bodies, which are written one after another: code that stays in the first-level cache."""


@dataclass(frozen=True)
class Tile:
    """`edge` x `edge` elements along the dimension of the lanes and `across`, which some operands lie along."""

    across: int
    edge: int


def plan_tile(nest: Nest, dim: int, analysis: Lanes, vector_bytes: int, registers: int) -> Tile | None:
    """The tile of a nest whose lanes are along `dim`, or None where its operands need no transposing, or where:

    - it reduces: its accumulators are loop-carried along one dimension;
    - all operands lie along dimensions that are too short for a tile;
    - an element is narrower than a byte;
    - its body is so large that the accesses are not what it takes.
    """
    if any(nest.reduction) or nest.groups or nest.rank < 2:
        return None
    across = next((d for d in range(nest.rank) if any(lies_across(o, dim, d) for o in nest.operands)), -1)
    if across < 0 or any(_live(o) and bits(o.element) < 8 for o in nest.operands):
        return None
    # Half of the registers hold the tile, the other half what it becomes.
    edge = min(vector_bytes * 8 // element_bits(nest, analysis, dim), registers // 2)
    edge = min([edge, *(bound for d in (dim, across) if (bound := nest.bounds[d]) is not None)])
    if edge < LEAST_EDGE:
        return None
    edge = 1 << edge.bit_length() - 1
    return Tile(across, edge) if _operations(nest.body) * edge <= MOST_OPERATIONS else None


def lies_across(operand: Operand, dim: int, across: int) -> bool:
    """Whether an operand is contiguous along `across`, and along `dim` neither contiguous nor in one place."""
    along = operand.stride_along(dim)
    far = along is None or abs(along) > 1
    return across != dim and _live(operand) and far and operand.stride_along(across) == 1


def _live(operand: Operand) -> bool:
    return operand.reads or operand.yielded is not None


def _operations(body: Body) -> int:
    return sum(
        (12 if i.name.startswith("math.") else 1) + sum(_operations(region) for region in i.regions)
        for i in body.instrs
    )


def transpose(emitter: Emitter, rows: Sequence[ir.Value]) -> list[ir.Value]:
    """Element l of row r becomes element r of row l; as many rows as a row has elements, a power of two.

    Four rows of two segments each, a = a0 a1 | a2 a3:
      a0 b0 a1 b1 | ...    interleave the low (and the high) halves of every segment, of pairs of rows
      a0 b0 c0 d0 | ...    again, with pairs of elements
      a0 b0 c0 d0 e0 ...   then gather the segments that belong together, even ones and odd ones
    """
    type_ = ir.VectorType(rows[0].type)
    width = bits(type_.element_type)
    if is_float(type_.element_type) and width < 32:
        # Narrow floats are arithmetic types for LLVM, which would convert them to shuffle them.
        integers = vector_of(ir.IntegerType.get_signless(width, emitter.context), len(rows))
        moved = transpose(emitter, [emitter.value("arith.bitcast", integers, [row]) for row in rows])
        return [emitter.value("arith.bitcast", type_, [row]) for row in moved]
    segment = min(len(rows), max(1, SEGMENT_BITS // width))
    within = [_within_segments(emitter, group, segment, 1) for group in _groups(rows, segment)]
    by_place = [_between_segments(emitter, group, segment) for group in zip(*within, strict=True)]
    return list(chain.from_iterable(zip(*by_place, strict=True)))


def _within_segments(emitter: Emitter, rows: Sequence[ir.Value], segment: int, size: int) -> list[ir.Value]:
    """Row k of the result holds, in each segment, element k of that segment of every row."""
    if len(rows) == 1:
        return list(rows)
    lanes = ir.VectorType(rows[0].type).shape[0]
    halves: list[ir.Value] = []
    for start in (0, segment // 2):
        order = [
            base + start + at + second
            for base in range(0, lanes, segment)
            for at in range(0, segment // 2, size)
            for second in (0, lanes)
        ]
        order = [lane + i for lane in order for i in range(size)]
        merged = [emitter.shuffle(a, b, order) for a, b in _groups(rows, 2)]
        halves += _within_segments(emitter, merged, segment, 2 * size)
    return halves


def _between_segments(emitter: Emitter, rows: Sequence[ir.Value], segment: int) -> list[ir.Value]:
    """Row p of the result holds segment p of every row."""
    if len(rows) == 1:
        return list(rows)
    lanes = ir.VectorType(rows[0].type).shape[0]
    parities: list[list[ir.Value]] = []
    for odd in (0, segment):
        order = [start + odd + i for start in range(0, 2 * lanes, 2 * segment) for i in range(segment)]
        merged = [emitter.shuffle(a, b, order) for a, b in _groups(rows, 2)]
        parities.append(_between_segments(emitter, merged, segment))
    return list(chain.from_iterable(zip(*parities, strict=True)))


def _groups(rows: Sequence[ir.Value], size: int) -> list[Sequence[ir.Value]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
