"""What a contraction packs into scratch before it runs. `tile-contractions` makes these buffers, and the budget of the
scratchpad counts them before.

Operands narrower than what is computed with are extended; B, whose rows become vectors, is copied if its columns do
not lie side by side. Contractions of bytes, where the machine has an intrinsic for them, read words of four.
"""

from __future__ import annotations

from torch_mlir import ir

from ..targets.isa import INTRINSICS
from .divisibility import Divisibility
from .emit import bits, is_float

CONTRACTIONS = ("linalg.matmul", "linalg.batch_matmul")
QUAD = 4
"""Bytes of a word."""


def packed_types(op: ir.Operation, byte_dot: str) -> list[ir.MemRefType]:
    """Of the buffers that one contraction needs. byte_dot: the machine's intrinsic, or empty."""
    a, b = list(op.operands)[:2]
    if takes_bytes(op, byte_dot):
        rows = [] if words_in_place(a) is not None else [rows_type(a)]
        return [*rows, words_type(b, INTRINSICS[byte_dot].vector_bytes // QUAD)]
    made = (extended_type(a, computed_type(op), False), extended_type(b, computed_type(op), True))
    return [kind for kind in made if kind is not None]


def computed_type(op: ir.Operation) -> ir.Type:
    """The type of products and sums: C's, but for half precision, which is accumulated in f32."""
    element = ir.MemRefType(op.operands[2].type).element_type
    return ir.F32Type.get(op.context) if is_float(element) and bits(element) < 32 else element


def is_signed(op: ir.Operation) -> bool:
    """Whether narrow integers are extended with their sign."""
    return "cast" not in op.attributes or "unsigned" not in str(op.attributes["cast"])


def takes_bytes(op: ir.Operation, byte_dot: str) -> bool:
    """Whether a contraction is of signed i8 into i32, and the machine has an intrinsic for that."""
    elements = [str(ir.MemRefType(operand.type).element_type) for operand in op.operands]
    return bool(byte_dot) and is_signed(op) and elements == ["i8", "i8", "i32"]


def extended_type(operand: ir.Value, computed: ir.Type, unit_stride: bool) -> ir.MemRefType | None:
    """Of a packed copy of `operand` in elements of type `computed`; None where it can be read as it lies.

    unit_stride: the innermost dimension must be contiguous.
    """
    kind = ir.MemRefType(operand.type)
    strides, _ = kind.get_strides_and_offset()
    if kind.element_type == computed and (not unit_stride or strides[-1] == 1):
        return None
    return _dense(kind.shape, computed)


def words_in_place(a: ir.Value) -> ir.Operation | None:
    """The allocation behind A, where A's rows are whole words that start at a multiple of four bytes of it."""
    kind = ir.MemRefType(a.type)
    strides, _ = kind.get_strides_and_offset()
    # The distance of the view's own start, and of its rows, from the buffer's.
    buffer, distance = Divisibility().element_alignment(a, [])
    if buffer is None or isinstance(buffer.owner, ir.Block) or buffer.owner.name != "memref.alloca":
        return None
    whole = kind.shape[-1] % QUAD == 0 and strides[-1] == 1 and all(s > 0 and s % QUAD == 0 for s in strides[:-1])
    return buffer.owner.operation if whole and distance % QUAD == 0 else None


def rows_type(a: ir.Value) -> ir.MemRefType:
    """Of a copy of A with rows of whole words: 5 x 7 bytes become 5 x 8."""
    kind = ir.MemRefType(a.type)
    *outer, k = kind.shape
    return _dense([*outer, -(-k // QUAD) * QUAD], kind.element_type)


def words_type(b: ir.Value, lanes: int) -> ir.MemRefType:
    """Of B as words of four rows each, in rows of whole vectors: 7 x 40 bytes become 2 x 64 words."""
    kind = ir.MemRefType(b.type)
    *outer, k, n = kind.shape
    return _dense([*outer, -(-k // QUAD), -(-n // lanes) * lanes], ir.IntegerType.get_signless(32, kind.context))


def _dense(shape: list[int], element: ir.Type) -> ir.MemRefType:
    return ir.MemRefType.get(shape, element, loc=ir.Location.unknown(element.context))
