"""Bodies: the operations of one block, read once, and pure questions about them."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch_mlir import ir

from .emit import Index


@dataclass(eq=False, slots=True)
class Instr:
    """One operation of a body, read once: walking bindings is what costs time in Python passes."""

    op: ir.Operation
    name: str
    operands: list[ir.Value]
    results: list[ir.Value]
    regions: list[Body]
    attributes: dict[str, ir.Attribute] = field(init=False)

    def __post_init__(self) -> None:
        attributes = self.op.attributes
        self.attributes = {name: attributes[name] for name in attributes}


@dataclass(eq=False, slots=True)
class Body:
    """One block: arguments, operations without the terminator, and what the terminator yields."""

    args: list[ir.Value]
    instrs: list[Instr]
    yields: list[ir.Value]


def read_body(block: ir.Block) -> Body:
    """The block as a Body. Regions of `scf.if` are read; an operation with other regions keeps none."""
    instrs: list[Instr] = []
    for view in block.operations:
        op = view.operation
        name = op.name
        regions = [read_body(r.blocks[0]) for r in op.regions if len(r.blocks)] if name == "scf.if" else []
        instrs.append(Instr(op, name, list(op.operands), list(op.results), regions))
    last = instrs.pop()
    return Body(list(block.arguments), instrs, last.operands)


def used_values(body: Body) -> set[ir.Value]:
    """Values that the body's operations use."""
    used: set[ir.Value] = set()
    for instr in body.instrs:
        used.update(instr.operands)
        if instr.regions:
            for region in instr.regions:
                used |= used_values(region)
                used.update(region.yields)
        elif len(instr.op.regions):
            used |= captured(instr.op)
    return used


def captured(op: ir.Operation) -> set[ir.Value]:
    """Values used by the operation and by everything nested in it (its own inner values included)."""
    found: set[ir.Value] = set(op.operands)
    for region in op.regions:
        for block in region.blocks:
            for inner in block.operations:
                found |= captured(inner.operation)
    return found


def count_uses(body: Body, uses: dict[ir.Value, int]) -> None:
    for value in body.yields:
        uses[value] = uses.get(value, 0) + 1
    for instr in body.instrs:
        nested = instr.op.regions and not instr.regions
        for value in captured(instr.op) if nested else instr.operands:
            uses[value] = uses.get(value, 0) + 1
        for region in instr.regions:
            count_uses(region, uses)


def constant_or_value(value: ir.Value) -> Index:
    number = constant_int(value)
    return value if number is None else number


def constant_int(value: ir.Value) -> int | None:
    """The number behind an integer or index constant; None for anything else."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != "arith.constant":
        return None
    attribute = owner.attributes["value"]
    return attribute.value if isinstance(attribute, ir.IntegerAttr) else None
