"""Reading Triton's IR: shapes, element types, attributes. Pure questions; nothing here builds IR."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch_mlir import ir

from ...errors import UnsupportedError
from .locations import source_line

Shape = tuple[int, ...]
_FETCH_AGAIN = 7
"""The cache modifier `.cv`: do not cache, fetch again."""


def owner(value: ir.Value) -> ir.Operation | None:
    """The operation that defines `value`, or None for a block argument."""
    definer = value.owner
    return None if isinstance(definer, ir.Block) else definer.operation


def name_of(value: ir.Value) -> str:
    """The name of the defining operation, or '' for a block argument."""
    definer = owner(value)
    return definer.name if definer is not None else ""


def shape(value: ir.Value) -> Shape | None:
    """The shape of a block value, None for a scalar."""
    kind = value.type
    return tuple(kind.shape) if isinstance(kind, ir.RankedTensorType) else None


def element(value: ir.Value) -> ir.Type:
    """The element type of a block, the type itself of a scalar."""
    kind = value.type
    return kind.element_type if isinstance(kind, ir.RankedTensorType) else kind


def is_block(value: ir.Value) -> bool:
    return isinstance(value.type, ir.RankedTensorType)


def is_pointer_type(kind: ir.Type) -> bool:
    return str(kind).startswith("!tt.ptr<")


def is_pointer(value: ir.Value) -> bool:
    return is_pointer_type(element(value))


def pointee(value: ir.Value) -> ir.Type:
    """The type that a pointer, or a block of pointers, points at, as it lies in memory (`i1` is `i8`)."""
    text = str(element(value))[len("!tt.ptr<") : -1]
    return memory_type(ir.Type.parse(text.split(",")[0]))


def memory_type(kind: ir.Type) -> ir.Type:
    """How a scalar of type `kind` lies in memory."""
    return ir.IntegerType.get_signless(8) if is_bool(kind) else kind


def is_bool(kind: ir.Type) -> bool:
    return isinstance(kind, ir.IntegerType) and kind.width == 1


def is_float(kind: ir.Type) -> bool:
    return isinstance(kind, ir.FloatType)


def is_integer(kind: ir.Type) -> bool:
    return isinstance(kind, ir.IntegerType | ir.IndexType)


def int_attr(op: ir.Operation, name: str) -> int:
    return ir.IntegerAttr(op.attributes[name]).value


def splat_constant(value: ir.Value) -> ir.Attribute | None:
    """The scalar attribute of a constant whose elements are all equal, else None."""
    definer = owner(value)
    if definer is None or definer.name != "arith.constant":
        return None
    attribute = definer.attributes["value"]
    if not is_block(value):
        return attribute
    dense = ir.DenseElementsAttr(attribute)
    return dense.get_splat_value() if dense.is_splat else None


def constant_int(value: ir.Value) -> int | None:
    """The value of an integer constant (scalar or splat), read as a signed number: `true` is -1; else None."""
    attribute = splat_constant(value)
    return ir.IntegerAttr(attribute).value if isinstance(attribute, ir.IntegerAttr | ir.BoolAttr) else None


def is_true(value: ir.Value) -> bool:
    """Whether an i1, or a block of them, is known to be true everywhere."""
    return constant_int(value) not in (None, 0)


def row_major(extents: Sequence[int]) -> Shape:
    """Row-major strides of a dense block."""
    return tuple(prod(extents[d + 1 :]) for d in range(len(extents)))


def combine_block(op: ir.Operation) -> ir.Block:
    """The body of a reduce's or scan's combine region."""
    return op.regions[0].blocks[0]


def defined_in(value: ir.Value, region_op: ir.Operation) -> bool:
    """Whether `value` is defined inside one of `region_op`'s regions."""
    definer = value.owner
    block = definer if isinstance(definer, ir.Block) else definer.operation.block
    while True:
        parent = block.owner
        operation = parent.operation
        if operation == region_op:
            return True
        if operation.name in ("tt.func", "builtin.module"):
            return False
        block = operation.block


def is_volatile_load(op: ir.Operation) -> bool:
    """`tl.load(..., volatile=True)`, or with `cache_modifier=".cv"`, by which others wait, too."""
    if op.name != "tt.load":
        return False
    marked = "isVolatile" in op.attributes and ir.BoolAttr(op.attributes["isVolatile"]).value
    return marked or ("cache" in op.attributes and int_attr(op, "cache") == _FETCH_AGAIN)


MASKS = {"tt.load": 1, "tt.store": 2, "tt.atomic_rmw": 2}
"""Where the mask is among the operands of an access, if there is one. `tt.atomic_cas` has none."""


def mask_of(op: ir.Operation) -> ir.Value | None:
    """The mask of an access."""
    position = MASKS.get(op.name)
    return op.operands[position] if position is not None and len(op.operands) > position else None


def element_bytes(kind: ir.Type) -> int:
    """Bytes of one element in memory."""
    if isinstance(kind, ir.IndexType):
        return 8
    assert isinstance(kind, ir.IntegerType | ir.FloatType)
    return max(1, kind.width // 8)


def find_function(op: ir.Operation) -> ir.Operation:
    """The function that a `tt.call` calls."""
    symbol = ir.FlatSymbolRefAttr(op.attributes["callee"]).value
    module = op
    while module.name != "builtin.module":
        module = module.parent.operation
    for candidate in module.regions[0].blocks[0].operations:
        found = candidate.operation
        if found.name == "tt.func" and ir.StringAttr(found.attributes["sym_name"]).value == symbol:
            return found
    raise UnsupportedError(f"a call of `{symbol}`", source_line(op), "functions of the same file")
