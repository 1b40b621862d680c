"""What a contraction packs into scratch before it runs. `tile-contractions` makes these buffers, and the budget of the
scratchpad counts them before.

Operands narrower than what is computed with are extended; B, whose rows become vectors, is copied if its columns do
not lie side by side. Where the machine has an instruction that adds products of narrow elements to 32-bit lanes, its
factors are read in words: two of 16 bits, four of 8.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch_mlir import ir

from ..targets.isa import INTRINSICS
from ..targets.isa.base import Intrinsic
from .divisibility import Divisibility
from .emit import bits, is_float

CONTRACTIONS = ("linalg.matmul", "linalg.batch_matmul")
WORD_BYTES = 4


def packed_types(op: ir.Operation, dots: Iterable[str]) -> list[ir.MemRefType]:
    """Of the buffers that one contraction needs. dots: names of the machine's instructions for products in words."""
    a, b = list(op.operands)[:2]
    name = dot_of(op, dots)
    if name:
        dot = INTRINSICS[name]
        rows = [] if rows_in_place(a, dot) is not None else [rows_type(a, dot)]
        sums = [row_sums_type(a)] if dot.bias else []
        return [*rows, *sums, words_type(b, dot)]
    made = (extended_type(a, computed_type(op), False), extended_type(b, computed_type(op), True))
    return [kind for kind in made if kind is not None]


def computed_type(op: ir.Operation) -> ir.Type:
    """The type of products and sums: C's, but for half precision, which is accumulated in f32."""
    element = ir.MemRefType(op.operands[2].type).element_type
    return ir.F32Type.get(op.context) if is_float(element) and bits(element) < 32 else element


def is_signed(op: ir.Operation) -> bool:
    """Whether narrow integers are extended with their sign."""
    return "cast" not in op.attributes or "unsigned" not in str(op.attributes["cast"])


def dot_of(op: ir.Operation, dots: Iterable[str]) -> str:
    """The first instruction that computes a contraction; empty: none does."""
    elements = [str(ir.MemRefType(operand.type).element_type) for operand in op.operands]
    return next((name for name in dots if name and _computes(INTRINSICS[name], elements, is_signed(op))), "")


def _computes(dot: Intrinsic, elements: list[str], signed: bool) -> bool:
    """Bytes are extended for an instruction that takes 16 bits, which hold both kinds of them."""
    a, b, c = elements
    if c != dot.sums:
        return False
    if a == b == dot.element:
        return signed or dot.sums == "f32"
    return a == b == "i8" and dot.element == "i16"


def extended_type(operand: ir.Value, computed: ir.Type, unit_stride: bool) -> ir.MemRefType | None:
    """Of a packed copy of `operand` in elements of type `computed`; None where it can be read as it lies.

    unit_stride: the innermost dimension must be contiguous.
    """
    kind = ir.MemRefType(operand.type)
    strides, _ = kind.get_strides_and_offset()
    if kind.element_type == computed and (not unit_stride or strides[-1] == 1):
        return None
    return _dense(kind.shape, computed)


def rows_are_factors(op: ir.Operation, dots: Iterable[str]) -> bool:
    """Whether rows of A, wherever they are, hold what is multiplied, if their elements lie side by side."""
    kind = ir.MemRefType(op.operands[0].type)
    name = dot_of(op, dots)
    if not name:
        return kind.element_type == computed_type(op)
    dot = INTRINSICS[name]
    return str(kind.element_type) == dot.element and kind.shape[-1] % dot.products == 0


def rows_in_place(a: ir.Value, dot: Intrinsic) -> ir.Operation | None:
    """The allocation behind A, where A's rows are whole words of factors as they are, and start at a multiple of a
    word's bytes of it."""
    kind = ir.MemRefType(a.type)
    if str(kind.element_type) != dot.element:
        return None
    strides, _ = kind.get_strides_and_offset()
    # The distance of the view's own start, and of its rows, from the buffer's.
    buffer, distance = Divisibility().element_alignment(a, [])
    if buffer is None or isinstance(buffer.owner, ir.Block) or buffer.owner.name != "memref.alloca":
        return None
    outer = strides[:-1]
    whole = (
        kind.shape[-1] % dot.products == 0 and strides[-1] == 1 and all(s > 0 and s % dot.products == 0 for s in outer)
    )
    return buffer.owner.operation if whole and distance % WORD_BYTES == 0 else None


def rows_type(a: ir.Value, dot: Intrinsic) -> ir.MemRefType:
    """Of a copy of A with rows of whole words: 5 x 7 bytes become 5 x 8."""
    *outer, k = ir.MemRefType(a.type).shape
    element = ir.Type.parse(dot.element, a.type.context)
    return _dense([*outer, -(-k // dot.products) * dot.products], element)


def row_sums_type(a: ir.Value) -> ir.MemRefType:
    """Of the sums of A's rows: of one product, where it is a batch."""
    return _dense([ir.MemRefType(a.type).shape[-2]], ir.IntegerType.get_signless(32, a.type.context))


def words_type(b: ir.Value, dot: Intrinsic) -> ir.MemRefType:
    """Of B as words of several rows each, in rows of whole vectors: 7 x 40 bytes become 2 x 64 words of four."""
    kind = ir.MemRefType(b.type)
    lanes = dot.vector_bytes // WORD_BYTES
    *outer, k, n = kind.shape
    return _dense(
        [*outer, -(-k // dot.products), -(-n // lanes) * lanes], ir.IntegerType.get_signless(32, kind.context)
    )


def _dense(shape: list[int], element: ir.Type) -> ir.MemRefType:
    return ir.MemRefType.get(shape, element, loc=ir.Location.unknown(element.context))
