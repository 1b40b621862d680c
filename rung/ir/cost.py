"""An estimate of what running a piece of IR costs, in cycles: good to a factor of two, which forking needs.

Everything is an assumption stated here: one operation retires per cycle and vector register, transcendental
functions are polynomials, memory streams from the second-level cache, and a loop of unknown length runs
`ASSUMED_TRIPS` times.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from torch_mlir import ir

from .attributes import BOUNDS

ASSUMED_TRIPS = 8
_FREE = (
    "arith.constant",
    "linalg.index",
    "linalg.yield",
    "scf.yield",
    "vector.broadcast",
    "vector.shape_cast",
)
_WEIGHTS = {
    "arith.divf": 6.0,
    "arith.remf": 20.0,
    "arith.divsi": 20.0,
    "arith.divui": 20.0,
    "arith.remsi": 20.0,
    "arith.remui": 20.0,
    "math.sqrt": 6.0,
    "math.rsqrt": 8.0,
    "math.exp": 12.0,
    "math.exp2": 10.0,
    "math.expm1": 14.0,
    "math.log": 14.0,
    "math.log2": 14.0,
    "math.log1p": 16.0,
    "math.tanh": 16.0,
    "math.erf": 20.0,
    "math.sin": 20.0,
    "math.cos": 20.0,
    "math.powf": 30.0,
    "memref.atomic_rmw": 20.0,
    "memref.generic_atomic_rmw": 30.0,
}
_MEMORY = (
    "memref.load",
    "memref.store",
    "vector.load",
    "vector.store",
    "vector.transfer_read",
    "vector.transfer_write",
)


def shape_bounds(value: ir.Value[Any]) -> list[int]:
    """Sizes of a memref or vector, a dynamic one being its bound (`rung.bounds`) or `ASSUMED_TRIPS`."""
    shaped = ir.ShapedType(value.type)
    bounds: list[int] = []
    owner = value.owner
    if isinstance(owner, ir.Block):
        attribute = None
    else:
        attributes = owner.attributes
        attribute = attributes.get(BOUNDS)
    if attribute is not None:
        bounds = list(ir.DenseI64ArrayAttr(attribute))
    sizes: list[int] = []
    for i in range(shaped.rank):
        if not shaped.is_dynamic_dim(i):
            sizes.append(shaped.get_dim_size(i))
        else:
            sizes.append(bounds[i] if i < len(bounds) else ASSUMED_TRIPS)
    return sizes


def constant_value(value: ir.Value[Any]) -> int | None:
    """The integer that `value` is known to be, or None."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != "arith.constant":
        return None
    attribute = owner.attributes["value"]
    return ir.IntegerAttr(attribute).value if isinstance(attribute, ir.IntegerAttr) else None


@dataclass(frozen=True)
class CostModel:
    """lanes: elements per vector operation in nests (1: scalar code). bytes_per_cycle: that memory streams."""

    lanes: int = 1
    bytes_per_cycle: float = 16.0

    def block(self, block: ir.Block) -> float:
        """Cycles of one run of `block`."""
        return sum(self.operation(op) for op in block.operations)

    def operation(self, view: ir.OpView | ir.Operation) -> float:
        """Cycles of one run of an operation with all that it contains."""
        op = view.operation
        name = op.name
        if name in _FREE:
            return 0.0
        if name.startswith("linalg."):
            return self._nest(op)
        if name == "memref.copy":
            return prod(shape_bounds(op.operands[0])) * 2 * self._memory_cycles(op.operands[0])
        if name == "scf.for":
            return _trips(op) * (self.block(op.regions[0].blocks[0]) + 1)
        if name == "scf.forall":
            sizes = [t if t >= 0 else ASSUMED_TRIPS for t in ir.DenseI64ArrayAttr(op.attributes["staticUpperBound"])]
            return prod(sizes) * self.block(op.regions[0].blocks[0])
        if name == "scf.while":
            return ASSUMED_TRIPS * sum(self.block(region.blocks[0]) for region in op.regions)
        if name == "scf.if":
            return 1 + max(self.block(region.blocks[0]) for region in op.regions if len(region.blocks))
        return self._simple(op)

    def _simple(self, op: ir.Operation) -> float:
        name = op.name
        if not name.startswith(("arith.", "math.", "memref.", "vector.", "func.call")):
            return 0.0
        if name.startswith("memref.") and name not in _MEMORY and name not in _WEIGHTS:
            return 0.0
        weight = _WEIGHTS.get(name, 1.0)
        types = [result.type for result in op.results] or [operand.type for operand in op.operands]
        elements = max((prod(ir.VectorType(t).shape) for t in types if isinstance(t, ir.VectorType)), default=1)
        return weight * max(1.0, elements / self.lanes)

    def _nest(self, op: ir.Operation) -> float:
        operands = [v for v in op.operands if isinstance(v.type, ir.ShapedType)]
        if op.name in ("linalg.matmul", "linalg.batch_matmul"):
            return prod(shape_bounds(operands[2])) * shape_bounds(operands[0])[-1] / self.lanes
        if op.name != "linalg.generic":
            return max((prod(shape_bounds(v)) for v in operands), default=1) / self.lanes
        sizes: dict[int, int] = {}
        streams = 0.0
        for value, attribute in zip(op.operands, ir.ArrayAttr(op.attributes["indexing_maps"]), strict=False):
            if not isinstance(value.type, ir.ShapedType):
                continue
            for size, expression in zip(shape_bounds(value), ir.AffineMapAttr(attribute).value.results, strict=True):
                if isinstance(expression, ir.AffineDimExpr):
                    sizes[expression.position] = size
            streams += self._memory_cycles(value)
        body = op.regions[0].blocks[0]
        return prod(sizes.values()) * (self.block(body) / self.lanes + streams)

    def _memory_cycles(self, value: ir.Value[Any]) -> float:
        """Cycles of one element that is read or written once."""
        element = ir.ShapedType(value.type).element_type
        width = element.width if isinstance(element, ir.IntegerType | ir.FloatType) else 64
        return max(1.0 / self.lanes, width / 8 / self.bytes_per_cycle)


def _trips(op: ir.Operation) -> int:
    if BOUNDS in op.attributes:
        return ir.DenseI64ArrayAttr(op.attributes[BOUNDS])[0]
    lower, upper, step = (constant_value(op.operands[i]) for i in range(3))
    if lower is None or upper is None or not step:
        return ASSUMED_TRIPS
    return max(0, -(-(upper - lower) // step))
