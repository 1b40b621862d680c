"""Pointers that lie in memory, behind pointers to pointers: in TTIR they become what they are there, integers.

before: %p = tt.load %t : tensor<64x!tt.ptr<!tt.ptr<f32>>>; tt.store %u, %p
after:  %n = tt.load %t : tensor<64x!tt.ptr<i64>>; %p = tt.int_to_ptr %n; tt.store %u, (tt.ptr_to_int %p)
"""

from __future__ import annotations

from torch_mlir import ir

from .retype import Types
from .ttir import is_block, is_pointer, shape

MARK = "!tt.ptr<!tt.ptr<"
"""What stands in the text of a module that has such pointers."""
_OPEN = "!tt.ptr<"


def stored_pointers_to_integers(module: ir.Module) -> None:
    """Rewrite TTIR in place."""
    everything: list[ir.Operation] = []
    accesses: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name in ("tt.load", "tt.store"):
            accesses.append(op)
        return ir.WalkResult.ADVANCE

    def note(op: ir.Operation) -> ir.WalkResult:
        everything.append(op)
        return ir.WalkResult.ADVANCE

    with module.context:
        module.operation.walk(visit)
        for op in accesses:
            with op.location:
                _access(op)
        module.operation.walk(note)
        types = Types(_pointees_to_integers)
        for op in everything:
            types.replace(op)


def _access(op: ir.Operation) -> None:
    # Whatever is stored, or given for lanes that a mask leaves out.
    for number, value in list(enumerate(op.operands))[1:]:
        if is_pointer(value):
            with ir.InsertionPoint(op):
                op.operands[number] = _cast("tt.ptr_to_int", value, _like(value, ir.IntegerType.get_signless(64)))
    if op.name == "tt.load" and is_pointer(op.results[0]):
        result = op.results[0]
        pointers = result.type
        result.set_type(_like(result, ir.IntegerType.get_signless(64)))
        with ir.InsertionPoint.after(op):
            made = ir.Operation.create("tt.int_to_ptr", results=[pointers], operands=[result])
        result.replace_all_uses_except(made.results[0], made)


def _cast(name: str, value: ir.Value, kind: ir.Type) -> ir.Value:
    return ir.Operation.create(name, results=[kind], operands=[value]).results[0]


def _like(value: ir.Value, kind: ir.Type) -> ir.Type:
    return ir.RankedTensorType.get(list(shape(value) or ()), kind) if is_block(value) else kind


def _pointees_to_integers(kind: str) -> str:
    """`!tt.ptr<!tt.ptr<f32>>` -> `!tt.ptr<i64>`, wherever it stands in the text of a type."""
    while (start := kind.find(MARK)) >= 0:
        inner = start + len(_OPEN)
        depth, end = 0, inner
        while depth or end == inner or kind[end] not in ",>":
            depth += {"<": 1, ">": -1}.get(kind[end], 0)
            end += 1
        kind = f"{kind[:inner]}i64{kind[end:]}"
    return kind
