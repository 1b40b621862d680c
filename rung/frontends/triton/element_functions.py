"""Functions of single elements that operations on blocks apply (`tl.reduce`, `tl.map_elementwise`), built in place.

before: tt.map_elementwise's region: ^0: cf.cond_br %c, ^1, ^2    ^1: %y = f(%x); return %y    ^2: return %x
after:  %r = scf.if %c { yield f(%x) } else { yield a zero }; %z = arith.select %c, %r, %x

Branches and loops stay what they are, and the vectorizer decides what becomes of them. A function with early returns
has several blocks: each is carried out if it is reached, once, however many ways lead to it. Functions are called where
Triton could not inline them. Refused: what is no arithmetic, such as accesses to memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, scf

from ...errors import UnsupportedError
from .elementwise import build, create
from .flow import Flow
from .locations import source_line
from .operation import is_elementwise
from .program import Program
from .ttir import find_function, is_float, owner

Values = dict[ir.Value, ir.Value]
Way = tuple[ir.Value | None, Sequence[ir.Value]]
"""To a block, or out of a function: whether it is taken (None for surely), and the values that it hands on."""


_ASSERTIONS = (
    "assertions elsewhere in it. The kernel compiles without: launch it with neither `debug=True` nor TRITON_DEBUG=1; "
    "or with `sanitize_overflow=False`, if the assertion is Triton's own, that integers do not wrap"
)


def apply(program: Program, region: ir.Region, operands: Sequence[ir.Value], fuse: bool) -> list[ir.Value]:
    """What the function in `region` gives for scalars. fuse: its multiplies and adds may be contracted."""
    return _Function(program, fuse).region(region, operands, {})


class _Function:
    def __init__(self, program: Program, fuse: bool) -> None:
        self._program, self._fuse = program, fuse

    def region(self, region: ir.Region, operands: Sequence[ir.Value], outer: Values) -> list[ir.Value]:
        """The operands of its terminator. outer: what is known around it."""
        if len(region.blocks) > 1:
            return self._flow(region, operands, dict(outer))
        block = region.blocks[0]
        values = {**outer, **dict(zip(block.arguments, operands, strict=True))}
        end = self._operations(block, values)
        return [self._value(v, values) for v in end.operands]

    def _operations(self, block: ir.Block, values: Values) -> ir.Operation:
        """All but the terminator, which is returned."""
        *inside, end = [each.operation for each in block.operations]
        for op in inside:
            with op.location:
                values.update(zip(op.results, self._operation(op, values), strict=True))
        return end

    def _value(self, value: ir.Value, values: Values) -> ir.Value:
        if value in values:
            return values[value]
        definer = owner(value)
        if definer is None or definer.name != "arith.constant":
            return self._program.scalar(value)
        # Here and not at the top of the kernel: a combine function may be a function of its own.
        return arith.ConstantOp(value.type, definer.attributes["value"]).result

    def _operation(self, op: ir.Operation, values: Values) -> Sequence[ir.Value]:
        if op.name == "arith.constant":
            return [self._value(op.results[0], values)]
        operands = [self._value(v, values) for v in op.operands]
        if op.name == "scf.if":
            return self._if(op, operands[0], values)
        if op.name == "scf.while":
            return self._while(op, operands, values)
        if op.name == "scf.for":
            return self._for(op, operands, values)
        if op.name == "tt.call" and len(op.results):
            return self.region(find_function(op).regions[0], operands, {})
        if op.name == "tt.assert":  # `fold_assertions.py` has moved what it can
            which = f"the assertion {op.attributes['message']} in a loop or an early return"
            raise UnsupportedError(f"{which} of a function of single elements", source_line(op), _ASSERTIONS)
        if not is_elementwise(op):
            what = f"`{op.name}` in a function of single elements"
            raise UnsupportedError(what, source_line(op), "arithmetic, branches and loops")
        return [build(op, operands, op.results[0].type, self._fuse)]

    # ---- control flow that has regions

    def _if(self, op: ir.Operation, condition: ir.Value, values: Values) -> Sequence[ir.Value]:
        made = _with_regions("scf.if", [r.type for r in op.results], [condition], 2)
        for region, target in zip(op.regions, made.regions, strict=True):
            if not len(region.blocks):
                continue
            with ir.InsertionPoint(target.blocks.append()):
                scf.YieldOp(self.region(region, [], values))
        return list(made.results)

    def _while(self, op: ir.Operation, operands: Sequence[ir.Value], values: Values) -> Sequence[ir.Value]:
        made = _with_regions("scf.while", [r.type for r in op.results], operands, 2)
        before, after = (
            target.blocks.append(*(a.type for a in region.blocks[0].arguments))
            for region, target in zip(op.regions, made.regions, strict=True)
        )
        with ir.InsertionPoint(before):
            go_on, *forwarded = self.region(op.regions[0], list(before.arguments), values)
            scf.ConditionOp(go_on, forwarded)
        with ir.InsertionPoint(after):
            scf.YieldOp(self.region(op.regions[1], list(after.arguments), values))
        return list(made.results)

    def _for(self, op: ir.Operation, operands: Sequence[ir.Value], values: Values) -> Sequence[ir.Value]:
        """Counted in `index`, which does not wrap behind the last turn; not at all where the step is not positive."""
        low, high, step, *initial = operands
        kind, index = low.type, ir.IndexType.get()
        unsigned = "unsignedCmp" in op.attributes
        bounds = [
            create("arith.index_castui" if unsigned else "arith.index_cast", [v], index) for v in (low, high, step)
        ]
        zero = arith.ConstantOp(index, 0).result
        runs = arith.CmpIOp(arith.CmpIPredicate.sgt, bounds[2], zero).result
        bounds[1] = arith.SelectOp(runs, bounds[1], bounds[0]).result
        bounds[2] = arith.SelectOp(runs, bounds[2], arith.ConstantOp(index, 1).result).result
        made = _with_regions("scf.for", [v.type for v in initial], [*bounds, *initial], 1)
        body = made.regions[0].blocks.append(index, *(v.type for v in initial))
        with ir.InsertionPoint(body):
            turn, *carried = body.arguments
            number = create("arith.index_cast", [turn], kind)
            scf.YieldOp(self.region(op.regions[0], [number, *carried], values))
        return list(made.results)

    # ---- early returns

    def _flow(self, region: ir.Region, operands: Sequence[ir.Value], values: Values) -> list[ir.Value]:
        """Blocks one after another, in an order in which none leads back, each if one of the ways to it was taken."""
        entry = region.blocks[0]
        ways: dict[ir.Block, list[Way]] = {entry: [(None, operands)]}
        returned: list[Way] = []
        for block in Flow(entry).order:
            reached, arguments = _one_of(ways.pop(block))
            if not ways and not returned:
                reached = None  # there is no other way
            values.update(zip(block.arguments, arguments, strict=True))
            end = self._guarded(block, reached, values)
            given = [self._value(v, values) for v in end.operands]
            if not len(end.successors):
                returned.append((reached, given))
                continue
            for successor, taken, handed in _edges(end, given):
                ways.setdefault(successor, []).append((_both(reached, taken), handed))
        return list(_one_of(returned)[1])

    def _guarded(self, block: ir.Block, reached: ir.Value | None, values: Values) -> ir.Operation:
        """Carry a block out if it is reached; what it computes is 0 otherwise, and nobody looks at it."""
        if reached is None or len(block.operations) == 1:
            return self._operations(block, values)
        results = [r for each in block.operations for r in each.operation.results if _leaves(r, block)]
        made = _with_regions("scf.if", [r.type for r in results], [reached], 2)
        inside = dict(values)
        with ir.InsertionPoint(made.regions[0].blocks.append()):
            end = self._operations(block, inside)
            scf.YieldOp([inside[r] for r in results])
        with ir.InsertionPoint(made.regions[1].blocks.append()):
            scf.YieldOp([_zero(r.type) for r in results])
        values.update(zip(results, made.results, strict=True))
        return end


def _with_regions(name: str, results: Sequence[ir.Type], operands: Sequence[ir.Value], regions: int) -> ir.Operation:
    return ir.Operation.create(name, results=list(results), operands=list(operands), regions=regions)


def _leaves(value: ir.Value, block: ir.Block) -> bool:
    """Whether a value of `block` is needed by its terminator or outside of it."""
    end = list(block.operations)[-1].operation
    return any(use.owner.operation == end or not _is_inside(use.owner.operation, block) for use in value.uses)


def _is_inside(op: ir.Operation, block: ir.Block) -> bool:
    while op.block != block:
        if op.block.region == block.region:
            return False
        op = op.block.owner.operation
    return True


def _edges(end: ir.Operation, given: Sequence[ir.Value]) -> list[tuple[ir.Block, ir.Value | None, list[ir.Value]]]:
    """Of a branch: where to, on what condition, with what arguments."""
    if end.name == "cf.br":
        return [(end.successors[0], None, list(given))]
    condition, *rest = given
    first = len(end.successors[0].arguments)
    false = create("arith.xori", [condition, arith.ConstantOp(condition.type, 1).result], condition.type)
    return [(end.successors[0], condition, rest[:first]), (end.successors[1], false, rest[first:])]


def _both(a: ir.Value | None, b: ir.Value | None) -> ir.Value | None:
    if a is None or b is None:
        return b if a is None else a
    return arith.AndIOp(a, b).result


def _one_of(ways: Sequence[Way]) -> Way:
    """Whether one of the ways was taken, and its values; at most one was."""
    taken, chosen = ways[0]
    for condition, given in ways[1:]:
        if taken is None:
            break
        if condition is None:
            return condition, given
        chosen = [arith.SelectOp(condition, a, b).result for a, b in zip(given, chosen, strict=True)]
        taken = arith.OrIOp(taken, condition).result
    return taken, chosen


def _zero(kind: ir.Type) -> ir.Value:
    return arith.ConstantOp(kind, ir.FloatAttr.get(kind, 0.0) if is_float(kind) else ir.IntegerAttr.get(kind, 0)).result
