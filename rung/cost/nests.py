"""Nests on memory (`linalg`), counted as what `vectorize` makes of them: an operation of the body for so many elements,
a load or a store for each operand."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

from torch_mlir import ir

from .operations import ACCESSES, is_load, size, width
from .paths import carried, longest_path
from .tally import LOOP_OPERATIONS, Tally
from .work import Op, Path, Stretch

if TYPE_CHECKING:
    from .count import Counting

_LOADS_PER_PRODUCT = 0.5
"""In a register tile of a contraction: (rows + columns) / (rows * columns) of 2 x 6 to 8 x 2, and what spills."""


def count_nest(counting: Counting, op: ir.Operation, times: float) -> None:
    operands = [v for v in op.operands if isinstance(v.type, ir.ShapedType)]
    if op.name in ("linalg.matmul", "linalg.batch_matmul"):
        _contraction(counting, op, times)
        return
    results = _written(op)
    elements = max((prod(counting.shape(v)) for v in operands), default=1)
    reductions, body = False, None
    if op.name == "linalg.generic":
        elements = prod(_extents(counting, op).values())
        reductions = "reduction" in str(op.attributes["iterator_types"])
        body = op.regions[0].blocks[0]
    lanes = counting.how.lanes
    runs = times * elements / lanes
    outer, counting.flows = counting.flows, {}
    counts = Tally({Op("scalar", 8): LOOP_OPERATIONS})
    for each in body.operations if body is not None else ():
        _in_nest(counting, each.operation, counts, lanes)
    for number, value in enumerate(operands):
        written = number >= len(operands) - results
        bytes_ = width(ir.ShapedType(value.type).element_type) // 8 * lanes
        inner = prod(counting.shape(value)) / elements if elements else 0.0
        # What is reduced stays in a register; what is the same for a whole row is loaded once for it.
        share = min(1.0, inner * lanes) if reductions or not written else 1.0
        counts[Op("store" if written else "load", bytes_)] += share
        counting.touch(value, "writes" if written else "reads", times, bytes_, runs * share)
    chain = carried(body, results) if reductions and lanes == 1 and body is not None else Path()
    path = longest_path(body) if body is not None else Path()
    counting.stretches.append(Stretch(runs, counts, chain, path, times, counting.flows))
    counting.flows = outer


def _in_nest(counting: Counting, op: ir.Operation, counts: Tally, lanes: int) -> None:
    for region in op.regions:
        for block in region.blocks:
            for inner in block.operations:
                _in_nest(counting, inner.operation, counts, lanes)
    if op.name in ACCESSES:
        # A gather: every lane by itself.
        bytes_ = size((op.results[0] if is_load(op) else op.operands[0]).type)
        counts[Op("load" if is_load(op) else "store", bytes_)] += lanes
    elif not len(op.regions):
        counting.count(op, counts, lanes)


def _contraction(counting: Counting, op: ir.Operation, times: float) -> None:
    a, b, c = op.operands
    products = prod(counting.shape(c)) * counting.shape(a)[-1]
    lanes = counting.how.lanes
    bytes_ = width(ir.ShapedType(c.type).element_type) // 8 * lanes
    counts: dict[Op, float] = {Op("multiply", bytes_): 1, Op("load", bytes_): _LOADS_PER_PRODUCT}
    if not counting.how.fma:
        counts[Op("add", bytes_)] = 1
    outer, counting.flows = counting.flows, {}
    for value, way in ((a, "reads"), (b, "reads"), (c, "writes")):
        counting.touch(value, way, times, bytes_, times * products / lanes * _LOADS_PER_PRODUCT)
    counting.stretches.append(Stretch(times * products / lanes, counts, Path(), Path(), times, counting.flows))
    counting.flows = outer


def _extents(counting: Counting, op: ir.Operation) -> Mapping[int, int]:
    found: dict[int, int] = {}
    for value, attribute in zip(op.operands, ir.ArrayAttr(op.attributes["indexing_maps"]), strict=False):
        if isinstance(value.type, ir.ShapedType):
            results = ir.AffineMapAttr(attribute).value.results
            for extent, expression in zip(counting.shape(value), results, strict=True):
                if isinstance(expression, ir.AffineDimExpr):
                    found[expression.position] = extent
    return found


def _written(op: ir.Operation) -> int:
    """How many operands a nest writes."""
    if "operandSegmentSizes" in op.attributes:
        return list(ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"]))[-1]
    return 1
