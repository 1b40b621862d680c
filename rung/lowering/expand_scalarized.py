"""`expand-scalarized`: vector ops that a back end would take apart lane by lane become ops that it keeps whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar

from torch_mlir import ir

from ..errors import UsageError
from ..ir.attributes import SCALARIZED
from ..ir.slicing import collect
from ..passes.base import Pass
from ..passes.options import Joined
from .expand_lanes import Spills, by_lane, is_masked
from .math import newton
from .math.emit import Constants, Emit, element_of, shaped

Value = ir.Value[Any]
_EXPANSIONS: dict[str, Callable[..., Value]] = {
    "arith.divf": newton.divide,
    "arith.maxnumf": newton.maxnum,
    "arith.minnumf": newton.minnum,
    "math.sqrt": newton.sqrt,
    "math.floor": newton.floor,
    "math.ceil": newton.ceil,
    "math.trunc": newton.trunc,
    "math.roundeven": newton.roundeven,
}
_LANES = ("vector.gather", "vector.scatter")
_LEFT = ("arith.divsi", "arith.divui", "arith.remsi", "arith.remui")
_ELEMENTS = ("f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "i1", "index")
_CALLS = ("arith.maxnumf", "arith.minnumf")
"""Library calls where they are scalars, and a comparison and a choice otherwise."""


@dataclass(frozen=True)
class ExpandScalarized(Pass):
    """Expand the ops that the Machine lists as scalarized, where they are vectors of f32 or f16.

    before: %q = arith.divf %n, %d : vector<32xf32>
    after:  a guess from the bits of %d, three steps of Newton's iteration, %n times that   (about 25 ops; 2 ulp)

    `ops`: names joined by `+`, such as `arith.divf+math.sqrt`; with a type, such as `arith.divf:f32`, for that
    element only. f16 is computed in f32 and rounded.

    An op on the list that has no expansion (an integer division, a gather) is left, and named in the function's
    attribute `rung.scalarized`, which evidence and warnings are read from. Scalars are left alone, but for
    `arith.maxnumf` and `arith.minnumf`: those of a reduction would call the C library once per row. Gathers and
    scatters under a mask become loops over their lanes, which lie on the stack meanwhile, and are named, too.

    Refuses: names that no operation has, and element types that there are not.
    """

    name: ClassVar[str] = "expand-scalarized"
    ops: Annotated[str, Joined(r"[\w.]+(:\w+)?", "arith.divf+math.sqrt:f32")] = ""
    """What the back end takes apart."""

    def run(self, module: ir.Module) -> None:
        listed = frozenset(filter(None, self.ops.split("+")))
        for item in sorted(listed):
            _check(item, module.context)
        if not listed:
            return
        with module.context:
            for view in module.body.operations:
                function = view.operation
                found = [op for op in collect(function) if _is_listed(op, listed)]
                if not found:
                    continue
                constants = Constants(function.regions[0].blocks[0], function.location)
                spills = Spills(constants.block)
                left = sorted({what for op in found if (what := _expand(op, constants, spills)) is not None})
                if left:
                    function.attributes[SCALARIZED] = ir.ArrayAttr.get([ir.StringAttr.get(what) for what in left])


def _check(item: str, context: ir.Context) -> None:
    """Raises UsageError for an item that would never match."""
    name, typed, element = item.partition(":")
    if "." not in name or not context.is_registered_operation(name):
        near = get_close_matches(name, (*_EXPANSIONS, *_LANES, *_LEFT), n=1)
        hint = f"did you mean `{near[0]}`?" if near else "write it as MLIR does, `arith.divf`"
        raise UsageError(f"expand-scalarized: `{item}` names no operation; {hint}")
    if typed and element not in _ELEMENTS:
        raise UsageError(f"expand-scalarized: `{item}` names no element type; choose from: {', '.join(_ELEMENTS)}")


def _kind(op: ir.Operation) -> ir.Type | None:
    """The type that an op works on: a vector, or that of a scalar op that is expanded, too."""
    # The data of a gather or scatter is its last operand, its indices are vectors, too.
    for value in op.operands[-1:] if op.name in _LANES else (*op.operands, *op.results):
        if isinstance(value.type, ir.VectorType):
            return value.type
    return op.results[0].type if op.name in _CALLS else None


def _is_listed(op: ir.Operation, listed: frozenset[str]) -> bool:
    kind = _kind(op)
    return kind is not None and not listed.isdisjoint((op.name, f"{op.name}:{element_of(kind)}"))


def _expand(op: ir.Operation, constants: Constants, spills: Spills) -> str | None:
    """Replaces an op, or says what is left."""
    kind = _kind(op)
    assert kind is not None
    element = element_of(kind)
    f32, f16 = ir.F32Type.get(), ir.F16Type.get()
    expansion = _EXPANSIONS.get(op.name)
    if op.name in _LANES and is_masked(op):
        what = f"{op.name} on {kind}"
        by_lane(op, spills)
        return what
    if expansion is None or element not in (f32, f16):
        return f"{op.name} on {kind}"
    e = Emit(shaped(kind, f32), ir.InsertionPoint(op), op.location, constants, fma=False)
    narrow = element == f16
    operands = [e.op("arith.extf", e.type, [x]) if narrow else x for x in op.operands]
    value = expansion(e, *operands)
    if narrow:
        value = e.op("arith.truncf", kind, [value])
    op.results[0].replace_all_uses_with(value)
    op.erase()
    return None
