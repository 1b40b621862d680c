"""Which operations of the IR are work of which kind."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from torch_mlir import ir

from .work import Kind, Op

FREE = frozenset(
    (
        *("arith.constant", "arith.index_cast", "arith.index_castui", "arith.extsi", "arith.extui", "arith.trunci"),
        *("linalg.index", "linalg.yield", "scf.yield", "vector.yield", "func.return", "memref.dim", "memref.cast"),
        *("vector.shape_cast", "vector.bitcast", "llvm.bitcast", "builtin.unrealized_conversion_cast"),
        *("memref.alloca", "memref.alloc", "memref.reinterpret_cast", "memref.subview", "memref.get_global"),
        *("memref.collapse_shape", "memref.expand_shape", "memref.extract_strided_metadata"),
        *("memref.dealloc", "memref.extract_aligned_pointer_as_index", "memref.assume_alignment", "ub.poison"),
    )
)
_FLOAT: Mapping[str, Kind] = {
    **dict.fromkeys(("arith.mulf", "math.fma", "vector.fma", "arith.cmpf", "arith.select"), "multiply"),
    **dict.fromkeys(("arith.maxnumf", "arith.minnumf", "arith.maximumf", "arith.minimumf"), "multiply"),
    **dict.fromkeys(
        ("arith.addf", "arith.subf", "arith.sitofp", "arith.uitofp", "arith.fptosi", "arith.fptoui"), "add"
    ),
    **dict.fromkeys(("arith.extf", "arith.truncf", "math.floor", "math.ceil", "math.trunc", "math.roundeven"), "add"),
    **dict.fromkeys(("arith.divf", "arith.remf"), "divide"),
    **dict.fromkeys(("math.absf", "arith.negf", "math.copysign", "arith.bitcast", "vector.create_mask"), "logic"),
    "math.sqrt": "root",
}
_ARITHMETIC = {"arith.divsi", "arith.divui", "arith.remsi", "arith.remui", "arith.ceildivsi", "arith.ceildivui"}
_LOADS = {
    *("memref.load", "vector.load", "vector.maskedload", "vector.transfer_read", "llvm.load"),
    *("vector.gather", "vector.expandload"),
}
_STORES = {
    *("memref.store", "vector.store", "vector.maskedstore", "vector.transfer_write", "llvm.store"),
    *("vector.scatter", "vector.compressstore"),
}
ACCESSES = _LOADS | _STORES
_ATOMICS = {"memref.atomic_rmw", "memref.generic_atomic_rmw", "llvm.atomicrmw", "llvm.cmpxchg"}
_EACH_LANE = {"vector.gather", "vector.scatter"}

EXPANSIONS: Mapping[str, Mapping[Kind, int]] = {
    "math.exp": {"multiply": 15, "add": 1, "logic": 7},
    "math.exp2": {"multiply": 13, "add": 3, "logic": 7},
    "math.expm1": {"multiply": 16, "add": 3, "logic": 4},
    "math.log": {"multiply": 22, "add": 4, "logic": 6},
    "math.log2": {"multiply": 24, "add": 3, "logic": 6},
    "math.log1p": {"multiply": 21, "add": 4, "logic": 9},
    "math.tanh": {"multiply": 15, "add": 4, "logic": 10, "divide": 1},
    "math.erf": {"multiply": 17, "divide": 1},
    "math.sin": {"multiply": 15, "add": 1, "logic": 14},
    "math.cos": {"multiply": 15, "add": 1, "logic": 10},
    "math.powf": {"multiply": 56, "add": 22, "logic": 32, "divide": 1},
    "math.rsqrt": {"root": 1, "divide": 1},
    # The larger of both; which is no number; the other one then.
    "arith.maxnumf": {"multiply": 3},
    "arith.minnumf": {"multiply": 3},
}
"""What `expand-math` makes of a function of one f32, where products and sums fuse; where they do not, there
are as many operations more as `FUSED` says. `tests/unit/test_cost.py` holds them against the pass."""
FUSED: Mapping[str, int] = {
    **dict.fromkeys(("math.exp", "math.expm1"), 9),
    **dict.fromkeys(("math.exp2",), 6),
    **dict.fromkeys(("math.log", "math.tanh"), 10),
    **dict.fromkeys(("math.log2", "math.log1p", "math.erf"), 11),
    **dict.fromkeys(("math.sin", "math.cos"), 19),
    "math.powf": 54,
}


def is_load(op: ir.Operation) -> bool:
    return op.name in _LOADS


def is_store(op: ir.Operation) -> bool:
    return op.name in _STORES


def kind_of(op: ir.Operation) -> Kind | None:
    """None: it costs nothing, or is no operation of a single step (loops, branches, nests)."""
    name = op.name
    if name in FREE or (name == "arith.bitcast" and _is_vector(op)):
        return None
    if name in _LOADS:
        return "load"
    if name in _STORES:
        return "store"
    if name in _ATOMICS:
        return "atomic"
    if name in _ARITHMETIC:
        return "logic" if _is_vector(op) else "integer_divide"
    if name == "arith.select" and not _is_float(op):
        return "logic" if _is_vector(op) else "scalar"
    if name in _FLOAT:
        return _FLOAT[name]
    if name.startswith("arith."):
        return "logic" if _is_vector(op) else "scalar"
    if name.startswith(("vector.", "llvm.call_intrinsic", "math.")):
        return "logic" if name.startswith("vector.") else "multiply"
    return "call" if name in ("func.call", "llvm.call") else None


def bytes_of(op: ir.Operation) -> int:
    """Of what it works on: the widest of its results, or, of a store, of its first operands."""
    values = list(op.results) or list(op.operands)
    return max((size(value.type) for value in values if not isinstance(value.type, ir.MemRefType)), default=4)


def size(type_: ir.Type) -> int:
    """Bytes of a scalar or a vector."""
    if isinstance(type_, ir.VectorType):
        return max(1, prod(type_.shape) * width(type_.element_type) // 8)
    return max(1, width(type_) // 8)


def width(type_: ir.Type) -> int:
    """Bits of an element; of an index or a pointer, 64."""
    return type_.width if isinstance(type_, ir.IntegerType | ir.FloatType) else 64


def lanes_of(op: ir.Operation) -> int:
    """Elements that an access touches one by one."""
    if op.name not in _EACH_LANE:
        return 1
    vectors = [v.type for v in (*op.results, *op.operands) if isinstance(v.type, ir.VectorType)]
    return max(prod(ir.VectorType(t).shape) for t in vectors)


def is_folded(op: Any) -> bool:
    """Whether machine code has no instruction of its own for it: an address, part of a minimum or of a fused product,
    a scalar that an operation takes from memory to all lanes."""
    name = op.name
    if name in ("vector.broadcast", "vector.splat"):
        owner = op.operands[0].owner
        return isinstance(owner, ir.Block) or owner.name in ("memref.load", "arith.constant")
    if name == "vector.extract_strided_slice":
        return all(ir.IntegerAttr(o).value == 0 for o in ir.ArrayAttr(op.attributes["offsets"]))
    if not name.startswith("arith."):
        return False
    uses = list(op.results[0].uses)
    if name == "arith.mulf":
        return len(uses) == 1 and uses[0].owner.name in ("arith.addf", "arith.subf") and _fuses(op, uses[0].owner)
    if name in ("arith.cmpf", "arith.cmpi"):
        return bool(uses) and all(u.owner.name == "arith.select" and _is_minimum(op, u.owner) for u in uses)
    if not isinstance(op.results[0].type, ir.IndexType):
        return False
    return bool(uses) and all(u.owner.name in ACCESSES or u.owner.name == "memref.reinterpret_cast" for u in uses)


def takes_a_product(op: ir.Operation) -> bool:
    """Whether a sum is one instruction together with a product."""
    if op.name not in ("arith.addf", "arith.subf"):
        return False
    return any(
        not isinstance(o.owner, ir.Block) and o.owner.name == "arith.mulf" and is_folded(o.owner) for o in op.operands
    )


def _fuses(*ops: Any) -> bool:
    return all("contract" in str(op.attributes["fastmath"]) for op in ops if "fastmath" in op.attributes) and all(
        "fastmath" in op.attributes for op in ops
    )


def _is_minimum(compare: ir.Operation, select: Any) -> bool:
    return set(compare.operands) == set(list(select.operands)[1:])


def _is_vector(op: ir.Operation) -> bool:
    return any(isinstance(v.type, ir.VectorType) for v in (*op.results, *op.operands))


def _is_float(op: ir.Operation) -> bool:
    type_ = op.results[0].type
    element = type_.element_type if isinstance(type_, ir.VectorType) else type_
    return isinstance(element, ir.FloatType)


def op_of(op: ir.Operation, kind: Kind, lanes: int) -> Op:
    """On `lanes` elements at a time where the operation is written for one."""
    return Op(kind, bytes_of(op) * lanes)
