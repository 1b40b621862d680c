"""How values change from lane to lane: the analysis behind the vectorizer.

Along a chosen dimension every value of a nest's body is *uniform* (step 0), *linear* (a known step per
lane) or *varying*.

A linear number of N bits wraps from lane to lane as it should; as a wider number it is linear only if it does
not, which its *span* tells. Where the span is not known, an index that does nothing but address memory is taken
not to wrap inside a vector: a lane that did would be 2^32 elements away.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch_mlir import ir

from .accumulators import Group
from .assertions import is_assertion
from .attributes import TILE_LOOP, TILES
from .body import Body, Instr, captured, constant_int
from .emit import bits, is_float, signed
from .nest import Nest

VARYING = None
Step = int | None
"""Change of a value from one lane to the next: 0 uniform, an int linear, None varying."""

LANEWISE = frozenset({"memref.atomic_rmw", "memref.generic_atomic_rmw"})
"""Operations that are executed lane by lane."""

INTEGER_DIVISIONS = frozenset(
    f"arith.{n}" for n in ("divsi", "divui", "remsi", "remui", "floordivsi", "ceildivsi", "ceildivui")
)

_SCALAR_ONLY = frozenset({"memref.dim", "memref.reinterpret_cast", "memref.cast", "ub.poison"})
_WIDENS = frozenset({"arith.index_cast", "arith.extsi"})
_INDEXING = frozenset({"arith.addi", "arith.subi", "arith.muli"})
_MOST_COORDINATE = (1 << 20) - 1
"""No block of Triton has more than 2^20 elements (`triton.language.core.TRITON_MAX_TENSOR_NUMEL`)."""
Span = tuple[int, int]
"""The least and the greatest that a number may be."""
_ADDRESSING = frozenset(
    {
        *("arith.addi", "arith.subi", "arith.muli", "arith.shli", "arith.andi", "arith.select", "arith.cmpi"),
        *("arith.index_cast", "arith.index_castui", "arith.extsi", "arith.extui"),
        *("arith.divsi", "arith.divui", "arith.remsi", "arith.remui", "arith.xori", "arith.shrui"),
    }
)


@dataclass(eq=False)
class Lanes:
    """The steps of all values of a body along one dimension. `refusal` says why the body cannot be
    vectorized."""

    steps: dict[ir.Value, Step] = field(default_factory=dict[ir.Value, Step])
    spans: dict[ir.Value, Span] = field(default_factory=dict[ir.Value, Span])
    """Of numbers that are known not to have wrapped."""
    refusal: str = ""
    combiners: dict[Group, Lanes] = field(default_factory=dict[Group, "Lanes"])
    """Steps inside the combiners that accumulators call: there, every argument varies."""

    def of(self, value: ir.Value) -> Step:
        """Values from outside the nest are uniform."""
        return self.steps.get(value, 0)


def analyse_nest(nest: Nest, dim: int) -> Lanes:
    """Steps of a nest's body along `dim`."""
    lanes = Lanes()
    for operand in nest.operands:
        moves = dim in operand.dims or operand.is_output
        lanes.steps[operand.arg] = VARYING if moves and operand.stride_along(dim) != 0 else 0
        if operand.is_output and len(operand.dims) < nest.rank:
            lanes.steps[operand.arg] = VARYING
    combined = {op for group in nest.groups for op in group.combined}
    _analyse(nest.body, lanes, dim, masked=False, skip=combined)
    for group in nest.groups:
        # Lanes along a dimension that the accumulators have are as many accumulators, each on its own.
        across = dim not in group.dims
        if group.instr is None:
            if across:
                lanes.refusal = lanes.refusal or "an accumulator's update is not a known combiner"
        elif group.callee is not None:
            inside = lanes.combiners[group] = Lanes(dict.fromkeys(group.callee.args, VARYING))
            _analyse(group.callee, inside, -1, masked=False, skip=set())
            lanes.refusal = lanes.refusal or inside.refusal
            if group.scan and across and any(i.name in INTEGER_DIVISIONS for i in group.callee.instrs):
                lanes.refusal = lanes.refusal or "the combine function of a scan divides integers"
    return lanes


def _analyse(body: Body, lanes: Lanes, dim: int, masked: bool, skip: set[ir.Operation]) -> None:
    for instr in body.instrs:
        if instr.op in skip:
            for result in instr.results:
                lanes.steps[result] = VARYING
            continue
        if instr.name == "scf.if":
            _analyse_if(instr, lanes, dim, masked)
            continue
        step = _step(instr, lanes, dim, masked)
        span = _span(instr, lanes)
        for result in instr.results:
            lanes.steps[result] = step
            if span is not None:
                lanes.spans[result] = span


def _analyse_if(instr: Instr, lanes: Lanes, dim: int, masked: bool) -> None:
    uniform = lanes.of(instr.operands[0]) == 0
    for region in instr.regions:
        _analyse(region, lanes, dim, masked or not uniform, set())
    for i, result in enumerate(instr.results):
        same = uniform and all(lanes.of(region.yields[i]) == 0 for region in instr.regions)
        lanes.steps[result] = 0 if same else VARYING


def _step(instr: Instr, lanes: Lanes, dim: int, masked: bool) -> Step:
    name = instr.name
    steps = [lanes.of(v) for v in instr.operands]
    if name == "linalg.index":
        number = ir.IntegerAttr(instr.attributes["dim"]).value
        return 1 if number == dim else 0
    if name in LANEWISE or is_assertion(instr.op):
        return VARYING
    if len(instr.op.regions):
        lanes.refusal = lanes.refusal or f"the body holds {name}"
        return VARYING
    if name == "memref.load":
        return 0 if not masked and not any(s != 0 for s in steps) else VARYING
    if name == "memref.store":
        return VARYING
    if name.startswith(("builtin.", "llvm.")):  # its address, and what it reads
        lanes.refusal = "the body loads volatile, element by element"
        return VARYING
    if not name.startswith(("arith.", "math.")) and name not in _SCALAR_ONLY:
        lanes.refusal = lanes.refusal or f"the body holds {name}"
        return VARYING
    if all(s == 0 for s in steps):
        return VARYING if masked and name in INTEGER_DIVISIONS else 0
    if name in _SCALAR_ONLY:
        lanes.refusal = lanes.refusal or f"{name} of a value that changes from lane to lane"
    if any(s is VARYING for s in steps):
        return VARYING
    step = _linear(instr, steps, lanes)
    return VARYING if step is None else signed(step, bits(instr.results[0].type))


def _linear(instr: Instr, steps: list[Step], lanes: Lanes) -> Step:
    """The step of an operation on uniform and linear operands, before it wraps with the numbers that it counts."""
    a = steps[0]
    assert a is not None
    if instr.name in _WIDENS:
        number = instr.operands[0]
        exact = isinstance(number.type, ir.IndexType) or _span_of(number, lanes) is not None
        return a if exact or _only_addresses(instr) else VARYING
    if len(steps) != 2:
        return VARYING
    b = steps[1]
    assert b is not None
    if instr.name == "arith.addi":
        return a + b
    if instr.name == "arith.subi":
        return a - b
    if instr.name not in ("arith.muli", "arith.shli"):
        return VARYING
    left, right = constant_int(instr.operands[0]), constant_int(instr.operands[1])
    if instr.name == "arith.shli":
        return a << right if b == 0 and right is not None and 0 <= right < 32 else VARYING
    if b == 0 and right is not None:
        return a * right
    if a == 0 and left is not None:
        return b * left
    return VARYING


# ---- numbers that do not wrap


def small_index(value: ir.Value, lanes: Lanes) -> bool:
    """Whether an index is known to fit 32 bits, in all lanes of a vector."""
    span = _span_of(value, lanes) if isinstance(value.type, ir.IndexType) else None
    return span is not None and span[0] >= -(1 << 30) and span[1] < 1 << 30


def _span_of(value: ir.Value, lanes: Lanes) -> Span | None:
    known = constant_int(value)
    if known is not None:
        return known, known
    if value in lanes.spans:
        return lanes.spans[value]
    return (0, _MOST_COORDINATE) if _is_tile_number(value) else None


def _is_tile_number(value: ir.Value) -> bool:
    """Whether `value` is where a tile begins in its block."""
    if not isinstance(value.owner, ir.Block):
        return False
    loop = value.owner.owner
    return ir.BlockArgument(value).arg_number == 0 and any(name in loop.attributes for name in (TILES, TILE_LOOP))


def _span(instr: Instr, lanes: Lanes) -> Span | None:
    """Of the result of an operation on integers; None where it may have wrapped, or nothing is known."""
    if instr.name == "linalg.index":
        return 0, _MOST_COORDINATE
    if instr.name not in _WIDENS | _INDEXING:
        return None
    spans = [_span_of(v, lanes) for v in instr.operands]
    known = [span for span in spans if span is not None]
    if len(known) < len(spans):
        return None
    low, high = known[0] if len(known) == 1 else _combined(instr.name, *known)
    result = instr.results[0].type
    half = 1 << ((64 if isinstance(result, ir.IndexType) else ir.IntegerType(result).width) - 1)
    return (low, high) if -half <= low and high < half else None


def _combined(name: str, a: Span, b: Span) -> Span:
    if name == "arith.addi":
        return a[0] + b[0], a[1] + b[1]
    if name == "arith.subi":
        return a[0] - b[1], a[1] - b[0]
    corners = [x * y for x in a for y in b]
    return min(corners), max(corners)


def _only_addresses(instr: Instr) -> bool:
    """Whether an index, of 32 bits or more before, is used for nothing but addresses."""
    if not isinstance(instr.results[0].type, ir.IndexType) or bits(instr.operands[0].type) < 32:
        return False
    pending, seen = [instr.results[0]], set[ir.Value]()
    while pending:
        value = pending.pop()
        if value in seen:
            continue
        seen.add(value)
        for use in value.uses:
            user = use.owner.operation
            if user.name in _INDEXING:
                pending += list(user.results)
            elif not user.name.startswith("memref."):
                return False
    return True


def exchanged(load: Instr) -> tuple[ir.Value, int] | None:
    """Of a load whose last index is a loop's number in exclusive or with a constant, along elements that follow one
    another: that number and the constant."""
    memref, *places = load.operands
    strides, _ = ir.MemRefType(memref.type).get_strides_and_offset()
    if not places or strides[-1] != 1:
        return None
    swap = places[-1].owner
    if isinstance(swap, ir.Block) or swap.name != "arith.xori":
        return None
    lane, by = swap.operands[0].owner, constant_int(swap.operands[1])
    if isinstance(lane, ir.Block) or lane.name != "linalg.index" or by is None or by < 0:
        return None
    return swap.operands[0], by


def element_bits(nest: Nest, lanes: Lanes, dim: int) -> int:
    """Width of the widest data that changes from lane to lane; values that only make addresses and masks do
    not count."""
    widest = 8
    for operand in nest.operands:
        live = operand.reads or operand.yielded is not None
        if live and (operand.stride_along(dim) != 0 or operand.is_output):
            widest = max(widest, bits(operand.element))
    return max(widest, _widest(nest.body, lanes, _data_values(nest.body)))


def narrowest_memory_bits(nest: Nest, dim: int) -> int:
    """Width of the narrowest data that is loaded or stored lane by lane; 64 where there is none."""
    found = [
        bits(operand.element)
        for operand in nest.operands
        if (operand.reads or operand.yielded is not None) and operand.stride_along(dim) != 0
    ]
    return max(8, min(found, default=64))


def _widest(body: Body, lanes: Lanes, data: set[ir.Value]) -> int:
    widest = 0
    for instr in body.instrs:
        for region in instr.regions:
            widest = max(widest, _widest(region, lanes, data))
        for result in instr.results:
            if lanes.of(result) is not VARYING:
                continue
            width = bits(result.type)
            if is_float(result.type) and width == 16 and _computes(instr):
                width = 32  # half-precision arithmetic is done in single precision
            if width < 64 or is_float(result.type) or result in data:
                widest = max(widest, width)
    return widest


def _computes(instr: Instr) -> bool:
    moves = ("memref.", "scf.", "arith.truncf", "arith.select", "arith.bitcast", "arith.constant")
    return not instr.name.startswith(moves)


def _data_values(body: Body) -> set[ir.Value]:
    """Values that are data: stored, yielded, converted, or computed with by something else than address
    arithmetic."""
    data = set(body.yields)
    for instr in reversed(body.instrs):
        for region in instr.regions:
            data |= _data_values(region)
        addresses = instr.name in _ADDRESSING and not any(r in data for r in instr.results)
        if instr.name == "memref.load" or addresses or instr.name == "scf.if":
            continue
        if instr.name == "memref.store":
            data.add(instr.operands[0])
        elif instr.name in LANEWISE:
            data |= captured(instr.op)
        elif instr.name == "arith.cmpi":
            continue
        else:
            data.update(instr.operands)
    return data
