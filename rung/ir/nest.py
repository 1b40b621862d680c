"""Nest: pure questions about one `linalg.generic` on memrefs. Nothing here changes the IR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from torch_mlir import ir

from .emit import Index

_DYNAMIC = ir.ShapedType.get_dynamic_size()
_STRIDE_DYNAMIC = ir.ShapedType.get_dynamic_stride_or_offset()

COMBINERS = frozenset(
    f"arith.{name}"
    for name in (
        [
            "addf",
            "mulf",
            "maximumf",
            "minimumf",
            "maxnumf",
            "minnumf",
            "addi",
            "muli",
            "andi",
            "ori",
            "xori",
            "maxsi",
            "minsi",
            "maxui",
            "minui",
        ]
    )
)
"""Binary operations that may combine an accumulator with an element; each has an identity."""


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


@dataclass(eq=False)
class Operand:
    """One operand of a nest: `dims[i]` is the dimension that moves along axis i of `view`."""

    view: ir.Value
    arg: ir.Value
    dims: tuple[int, ...]
    is_output: bool
    reads: bool
    yielded: ir.Value | None
    """What an output's element becomes; None when it is not written."""

    @cached_property
    def element(self) -> ir.Type:
        return self.view.type.element_type  # pyright: ignore

    @cached_property
    def strides(self) -> tuple[int | None, ...]:
        """Static strides of the view, in elements; None where dynamic."""
        strides, _ = self.view.type.get_strides_and_offset()  # pyright: ignore
        return tuple(None if s == _STRIDE_DYNAMIC else s for s in strides)

    def stride_along(self, dim: int) -> int | None:
        """Stride along a dimension of the nest: 0 if the operand does not move, None if it is dynamic."""
        return self.strides[self.dims.index(dim)] if dim in self.dims else 0


@dataclass(eq=False)
class Group:
    """Accumulators that are combined together. `instr` is None when the body updates them in a way we do not know."""

    members: list[Operand]
    instr: Instr | None
    elements: list[ir.Value]
    callee: Body | None = None
    """The combiner that `instr` calls."""

    @property
    def dims(self) -> tuple[int, ...]:
        return self.members[0].dims


@dataclass(eq=False)
class Nest:
    """A `linalg.generic` in the form that stage `linalg` allows."""

    op: ir.Operation
    rank: int
    reduction: list[bool]
    operands: list[Operand]
    body: Body

    @cached_property
    def sizes(self) -> list[Index]:
        """The extent of every dimension: an int where any operand knows it, else the SSA value that made the view."""
        return [self._size(d) for d in range(self.rank)]

    @cached_property
    def bounds(self) -> list[int | None]:
        """Static upper bound of every dimension (`rung.bounds` of the views); None where there is none."""
        return [s if isinstance(s, int) else self._bound(d) for d, s in enumerate(self.sizes)]

    def _axes(self, dim: int) -> list[tuple[ir.Value, int]]:
        return [(o.view, o.dims.index(dim)) for o in self.operands if dim in o.dims]

    def _size(self, dim: int) -> Index:
        axes = self._axes(dim)
        for view, axis in axes:
            extent = view.type.shape[axis]  # pyright: ignore
            if extent != _DYNAMIC:
                return extent
        found: Index | None = None
        for view, axis in axes:
            extent = dynamic_size(view, axis)
            if isinstance(extent, int):
                return extent
            found = found if found is not None else extent
        if found is not None:
            return found
        view, axis = axes[0]
        with ir.InsertionPoint(self.op), self.op.location:
            number = ir.IntegerAttr.get(ir.IndexType.get(), axis)
            at = ir.Operation.create("arith.constant", [ir.IndexType.get()], [], {"value": number}).result
            return ir.Operation.create("memref.dim", [ir.IndexType.get()], [view, at]).result

    def _bound(self, dim: int) -> int | None:
        known: list[int] = []
        for view, axis in self._axes(dim):
            owner = view.owner
            if isinstance(owner, ir.Block) or "rung.bounds" not in owner.attributes:
                continue
            bounds = ir.DenseI64ArrayAttr(owner.attributes["rung.bounds"])
            if axis < len(bounds) and bounds[axis] >= 0:
                known.append(bounds[axis])
        return min(known) if known else None

    @cached_property
    def groups(self) -> list[Group]:
        """Accumulators (outputs that leave out a dimension), grouped by what combines them."""
        return _groups(self)

    @cached_property
    def elementwise_outputs(self) -> list[Operand]:
        return [
            o for o in self.operands if o.is_output and o.yielded is not None and len(o.dims) == self.rank
        ]


def dynamic_size(view: ir.Value, axis: int) -> Index | None:
    """The extent of a dynamic axis as the operation that made the view states it; None if it does not say."""
    owner = view.owner
    if isinstance(owner, ir.Block):
        return None
    if owner.name in ("memref.reinterpret_cast", "memref.subview"):
        segments = ir.DenseI32ArrayAttr(owner.attributes["operandSegmentSizes"])
        sizes = ir.DenseI64ArrayAttr(owner.attributes["static_sizes"])
        if len(sizes) != view.type.rank:  # pyright: ignore
            return None
        before = sum(1 for i in range(axis) if sizes[i] == _DYNAMIC)
        return constant_or_value(owner.operands[segments[0] + segments[1] + before])
    if owner.name in ("memref.alloca", "memref.alloc"):
        shape = view.type.shape  # pyright: ignore
        return constant_or_value(owner.operands[sum(1 for i in range(axis) if shape[i] == _DYNAMIC)])
    if owner.name == "memref.cast":
        return dynamic_size(owner.operands[0], axis)
    return None


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


def read_nest(op: ir.Operation) -> Nest | str:
    """The nest behind a `linalg.generic`; a string says why the op is not in the form that stage `linalg` allows."""
    maps = [a.value for a in ir.ArrayAttr(op.attributes["indexing_maps"])]  # pyright: ignore
    kinds = [str(a) for a in ir.ArrayAttr(op.attributes["iterator_types"])]
    if len(op.results):
        return "results: the nest is on tensors"
    body = read_body(op.regions[0].blocks[0])
    inputs = ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])[0]
    used = _used(body)
    operands: list[Operand] = []
    for i, view in enumerate(op.operands):
        results = maps[i].results
        if not all(isinstance(e, ir.AffineDimExpr) for e in results):
            return f"indexing map {maps[i]} is not a projection"
        if not isinstance(view.type, ir.MemRefType):
            return "an operand is not a memref"
        dims = tuple(ir.AffineDimExpr(e).position for e in results)
        arg = body.args[i]
        yielded = None if i < inputs or body.yields[i - inputs] == arg else body.yields[i - inputs]
        elsewhere = any(y == arg for o, y in enumerate(body.yields) if o != i - inputs)
        operands.append(Operand(view, arg, dims, i >= inputs, arg in used or elsewhere, yielded))
    rank = maps[0].n_dims if maps else 0
    covered = {d for o in operands for d in o.dims}
    if len(covered) != rank:
        return "a dimension is covered by no operand"
    return Nest(op, rank, ["reduction" in k for k in kinds], operands, body)


def _used(body: Body) -> set[ir.Value]:
    """Values that the body's operations use."""
    used: set[ir.Value] = set()
    for instr in body.instrs:
        used.update(instr.operands)
        if instr.regions:
            for region in instr.regions:
                used |= _used(region)
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


def _groups(nest: Nest) -> list[Group]:
    outputs = [o for o in nest.operands if o.is_output and o.yielded is not None and len(o.dims) < nest.rank]
    if not outputs:
        return []
    definitions = {r: instr for instr in nest.body.instrs for r in instr.results}
    uses: dict[ir.Value, int] = {}
    _count_uses(nest.body, uses)
    groups: list[Group] = []
    taken: set[int] = set()
    for output in outputs:
        if id(output) in taken:
            continue
        group = _known_group(nest, output, outputs, definitions, uses) or Group([output], None, [])
        taken.update(id(m) for m in group.members)
        groups.append(group)
    return groups


def _known_group(
    nest: Nest,
    output: Operand,
    outputs: Sequence[Operand],
    definitions: dict[ir.Value, Instr],
    uses: dict[ir.Value, int],
) -> Group | None:
    """The group that one accepted combiner forms around `output`; None when the update has another form."""
    assert output.yielded is not None
    instr = definitions.get(output.yielded)
    if instr is None:
        return None
    if instr.name in COMBINERS:
        ours = [i for i, v in enumerate(instr.operands) if v == output.arg]
        if len(ours) != 1 or uses[output.arg] != 1 or uses[output.yielded] != 1:
            return None
        return Group([output], instr, [instr.operands[1 - ours[0]]])
    if instr.name != "func.call":
        return None
    count = len(instr.results)
    by_arg = {o.arg: o for o in outputs}
    members = [by_arg.get(v) for v in instr.operands[:count]]
    if len(instr.operands) != 2 * count or any(m is None for m in members):
        return None
    group = [m for m in members if m is not None]
    single = all(uses[m.arg] == 1 and uses[r] == 1 for m, r in zip(group, instr.results, strict=True))
    in_place = [m.yielded for m in group] == instr.results
    callee = callee_body(instr.op)
    if not single or not in_place or len({m.dims for m in group}) != 1 or callee is None:
        return None
    return Group(group, instr, instr.operands[count:], callee)


def callee_body(call: ir.Operation) -> Body | None:
    """The body of a called `rung.combiner`; None if the function is unknown or is not marked."""
    name = ir.FlatSymbolRefAttr(call.attributes["callee"]).value
    module = call
    while module.parent is not None:
        module = module.parent.operation
    for candidate in module.regions[0].blocks[0].operations:
        function = candidate.operation
        if "sym_name" in function.attributes and ir.StringAttr(function.attributes["sym_name"]).value == name:
            marked = "rung.combiner" in function.attributes and len(function.regions[0].blocks) == 1
            return read_body(function.regions[0].blocks[0]) if marked else None
    return None


def _count_uses(body: Body, uses: dict[ir.Value, int]) -> None:
    for value in body.yields:
        uses[value] = uses.get(value, 0) + 1
    for instr in body.instrs:
        nested = instr.op.regions and not instr.regions
        for value in captured(instr.op) if nested else instr.operands:
            uses[value] = uses.get(value, 0) + 1
        for region in instr.regions:
            _count_uses(region, uses)
