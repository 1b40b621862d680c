"""Block pointers that `while` carries, that are chosen before an early return, or that functions take and give that are
not inlined: Triton's pass that rewrites block pointers aborts on these. What they are made of is carried instead, and
they are made where they are used:

before: scf.while (%p = %first) { ...; scf.condition(%c) %p } do { ^(%p): %q = tt.advance %p, [%n]; scf.yield %q }
after:  scf.while (%b = %x, %size = ..., %stride = ..., %at = %zero) { ...; scf.condition(%c) %b, %size, %stride, %at }
        do { ^(%b, %size, %stride, %at): %next = arith.addi %at, %n; scf.yield %b, %size, %stride, %next }

Parts stand behind what is carried besides. The pass then meets only block pointers that are made in place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch_mlir import ir

from .ttir import owner

_POINTER = re.compile(r"!tt\.ptr<tensor<(?P<extents>(?:\d+x)+)(?P<element>.*)>>")
_MAKE, _ADVANCE = "tt.make_tensor_ptr", "tt.advance"
_CARRY = frozenset(
    {
        *(f"scf.{name}" for name in ("for", "if", "while", "yield", "condition")),
        *("cf.br", "cf.cond_br", "tt.call", "tt.return"),
    }
)
_SEGMENTS = "operandSegmentSizes"


def carry_parts(module: ir.Module) -> None:
    """Rewrite TTIR in place."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    with module.context:
        for op in found:
            for block in [block for region in op.regions for block in region.blocks]:
                _receive(block)
            if op.name == "tt.func":
                _retype(op)
        for op in found[1:]:
            with ir.InsertionPoint(op), op.location:
                if op.name == _ADVANCE:
                    _made(op.results[0])
                elif op.name in _CARRY and any(_is_pointer(v) for v in (*op.operands, *op.results)):
                    _hand_on(op)


def _is_pointer(value: ir.Value) -> bool:
    return _POINTER.match(str(value.type)) is not None


def _part_types(kind: ir.Type) -> list[ir.Type]:
    """Base, extents, strides and offsets."""
    found = _POINTER.match(str(kind))
    assert found is not None
    rank = found["extents"].count("x")
    base = ir.Type.parse(f"!tt.ptr<{found['element']}>")
    return [base, *[ir.IntegerType.get_signless(64)] * 2 * rank, *[ir.IntegerType.get_signless(32)] * rank]


def _make(kind: ir.Type, parts: Sequence[ir.Value]) -> ir.Value:
    rank = len(parts) // 3
    order = ir.DenseI32ArrayAttr.get(list(range(rank))[::-1])  # of memory; nothing depends on it
    made = ir.Operation.create(_MAKE, results=[kind], operands=list(parts), attributes={"order": order})
    return made.results[0]


def _made(pointer: ir.Value) -> ir.Operation:
    """The operation that makes a block pointer: what advanced it is gone."""
    op = owner(pointer)
    assert op is not None
    if op.name == _MAKE:
        return op
    source, *steps = op.operands
    parts = list(_made(source).operands)
    kept = len(parts) - len(steps)
    with ir.InsertionPoint(op), op.location:
        moved = [
            ir.Operation.create("arith.addi", results=[at.type], operands=[at, by]).results[0]
            for at, by in zip(parts[kept:], steps, strict=True)
        ]
        made = _make(pointer.type, [*parts[:kept], *moved])
    pointer.replace_all_uses_with(made)
    result = owner(made)
    assert result is not None
    return result


def _receive(block: ir.Block) -> None:
    """The parts of block pointers as arguments of a block."""
    pointers = [argument for argument in block.arguments if _is_pointer(argument)]
    for pointer in pointers:
        parts = [block.add_argument(kind, pointer.location) for kind in _part_types(pointer.type)]
        with ir.InsertionPoint.at_block_begin(block), pointer.location:
            pointer.replace_all_uses_with(_make(pointer.type, parts))
    for pointer in reversed(pointers):
        block.erase_argument(ir.BlockArgument(pointer).arg_number)


def _retype(function: ir.Operation) -> None:
    """A function's type, when its blocks have parts for arguments. What is known of arguments is so of kernels' only,
    and these take no block pointers."""
    kind = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
    if not any(_POINTER.match(str(each)) for each in (*kind.inputs, *kind.results)):
        return
    inputs = [argument.type for argument in function.regions[0].blocks[0].arguments]
    kept = [each for each in kind.results if not _POINTER.match(str(each))]
    parts = [part for each in kind.results if _POINTER.match(str(each)) for part in _part_types(each)]
    function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(inputs, [*kept, *parts]))
    if "arg_attrs" in function.attributes:
        del function.attributes["arg_attrs"]


def _hand_on(op: ir.Operation) -> None:
    """The parts instead of block pointers, as operands and results."""
    segments = list(ir.DenseI32ArrayAttr(op.attributes[_SEGMENTS])) if _SEGMENTS in op.attributes else None
    groups = [_split(list(op.operands)[a:b]) for a, b in _bounds(segments, len(op.operands))]
    attributes = {name: op.attributes[name] for name in op.attributes}
    if segments is not None:
        attributes[_SEGMENTS] = ir.DenseI32ArrayAttr.get([len(group) for group in groups])
    kept = [r for r in op.results if not _is_pointer(r)]
    pointers = [r for r in op.results if _is_pointer(r)]
    made = ir.Operation.create(
        op.name,
        results=[*(r.type for r in kept), *(kind for r in pointers for kind in _part_types(r.type))],
        operands=[v for group in groups for v in group],
        attributes=attributes,
        successors=list(op.successors),
        regions=len(op.regions),
    )
    for region, target in zip(op.regions, made.regions, strict=True):
        for block in list(region.blocks):
            block.append_to(target)
    results = iter(made.results)
    for result in kept:
        result.replace_all_uses_with(next(results))
    for pointer in pointers:
        pointer.replace_all_uses_with(_make(pointer.type, [next(results) for _ in _part_types(pointer.type)]))
    op.erase()


def _bounds(segments: Sequence[int] | None, count: int) -> list[tuple[int, int]]:
    if segments is None:
        return [(0, count)]
    ends = [sum(segments[: k + 1]) for k in range(len(segments))]
    return list(zip([0, *ends], ends, strict=False))


def _split(operands: Sequence[ir.Value]) -> list[ir.Value]:
    """What is no block pointer, then the parts of those that are."""
    pointers = [v for v in operands if _is_pointer(v)]
    return [*(v for v in operands if not _is_pointer(v)), *(part for v in pointers for part in _made(v).operands)]
