"""TTIR to stage `linalg`: the whole conversion of one kernel (docs/ir.md describes the result)."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, func

from ...dtypes import BY_MLIR
from ...errors import UsageError
from ...ir.attributes import GRID, KERNEL, MAY_ALIAS
from ...sanitizer import Sanitizer, Site
from . import dialects as dialects
from .affine import Affine
from .bases import Base
from .blocks import BlockConverter
from .branches import convert_body
from .checks import add_checks, names_of
from .choices import branches_to_choices
from .descriptors import RARE
from .indices import Indices
from .launch import Launch
from .locations import at
from .meanings import Formed
from .program import Program
from .ranges import Known
from .scratch import Scratch
from .short_loops import write_out_short_loops
from .symbols import kernel_symbol
from .ttir import is_pointer, pointee


@dataclass(frozen=True)
class Converted:
    """assumed: pairs of argument numbers that were compiled as different memory; the launcher checks them.
    fits: whether launches are asked if they fit. sites: what the sanitizer watches, by number.
    """

    module: ir.Module
    name: str
    kinds: str
    """One letter per argument: P pointer, i integer, e f16, b bf16, f f32, d f64."""
    assumed: tuple[tuple[int, int], ...]
    fits: bool
    sites: tuple[Site, ...]
    arguments: tuple[str, ...]
    """Their names, where accesses are checked."""


def convert(
    ttir: ir.Module,
    *,
    distinct: bool = True,
    fuse: bool = True,
    cooperative: bool = False,
    fits: bool = True,
    sanitizer: Sanitizer | None = None,
) -> Converted:
    """Convert the public function of a TTIR module, which is used up, into a new module in the same context.

    distinct: pointer arguments are different memory unless they are accessed element for element alike.
    fuse: multiplies and adds may be contracted into fused multiply-adds.
    cooperative: programs expect one another to run at the same time.
    fits: integers that blocks compute do not overflow; what that means for a launch is in `@NAME_fits`.
    sanitizer: accesses to memory are checked.
    Raises UnsupportedError naming the operation and its source line.
    """
    function = _kernel(ttir)
    for each in ttir.body.operations:
        branches_to_choices(each.operation)
        write_out_short_loops(each.operation)
    name = kernel_symbol(ir.StringAttr(function.attributes["sym_name"]).value)
    entry = function.regions[0].blocks[0]
    with ttir.context, function.location:
        names = {} if sanitizer is None else names_of(entry)
        sites = () if sanitizer is None else tuple(add_checks(ttir, names, sanitizer, cooperative))
        module = ir.Module.create()
        index = ir.IndexType.get()
        with at(function):
            kinds = [_argument_type(a) for a in entry.arguments]
        with ir.InsertionPoint(module.body):
            kernel = func.FuncOp(name, ir.FunctionType.get([*kinds, index, index, index], []))
            kernel.operation.attributes[KERNEL] = ir.UnitAttr.get()
            if not distinct:
                kernel.operation.attributes[MAY_ALIAS] = ir.UnitAttr.get()
            block = kernel.add_entry_block()
        with ir.InsertionPoint(block):
            arguments = list(block.arguments)
            grid = (arguments[-3], arguments[-2], arguments[-1])
            with function.location:
                body = _grid_loop(grid)
            func.ReturnOp([])
        ids = tuple(body.arguments)
        launch = Launch(name, [*kinds, index, index, index], module.body) if fits else None
        if launch is not None:
            _leave_out_rare(launch, function)
        ranges = Known(launch, entry)
        axes = (ids[0], ids[1], ids[2])
        program = Program(name, Indices(block), Scratch(body), grid, axes, fuse, ranges, distinct=distinct)
        program.cooperative = cooperative
        for number, (argument, value) in enumerate(zip(entry.arguments, arguments, strict=False)):
            if is_pointer(argument):
                program.meanings[argument] = Formed(Affine(Base(value, number), 0))
            else:
                program.set_scalar(argument, value)
        with ir.InsertionPoint(body), program.ix.scope():
            convert_body(BlockConverter(program, module.body), entry)
            _end_grid_loop()
        asked = launch is not None and launch.finish()
    letters = "".join(_letter(a) for a in entry.arguments)
    return Converted(module, name, letters, tuple(sorted(program.assumed)), asked, sites, tuple(names.values()))


def _kernel(ttir: ir.Module) -> ir.Operation:
    functions = [o.operation for o in ttir.body.operations if o.operation.name == "tt.func"]
    for function in functions:
        if (
            "sym_visibility" not in function.attributes
            or ir.StringAttr(function.attributes["sym_visibility"]).value != "private"
        ):
            return function
    raise UsageError("the TTIR has no public function; give one with a kernel")


def _leave_out_rare(launch: Launch, function: ir.Operation) -> None:
    """Flags that hardly any launch sets are off: the launch is asked."""
    if "arg_attrs" not in function.attributes:
        return
    entry = function.regions[0].blocks[0]
    for number, attributes in enumerate(ir.ArrayAttr(function.attributes["arg_attrs"])):
        flag = entry.arguments[number]
        if RARE in ir.DictAttr(attributes) and any(True for _ in flag.uses):
            launch.require(launch.is_off(number))
            with ir.InsertionPoint.at_block_begin(entry), function.location:
                flag.replace_all_uses_with(arith.ConstantOp(flag.type, ir.BoolAttr.get(False)).result)


def _argument_type(argument: ir.Value) -> ir.Type:
    if not is_pointer(argument):
        return argument.type
    return ir.MemRefType.get([ir.ShapedType.get_dynamic_size()], pointee(argument))


def _letter(argument: ir.Value) -> str:
    if is_pointer(argument):
        return "P"
    dtype = BY_MLIR.get(str(argument.type))
    return "i" if dtype is None else dtype.letter


def _grid_loop(extents: tuple[ir.Value, ir.Value, ir.Value]) -> ir.Block:
    """`scf.forall (%px, %py, %pz) in (extents) {rung.grid}`; returns its body."""
    dynamic = ir.ShapedType.get_dynamic_size()
    loop = ir.Operation.create(
        "scf.forall",
        results=[],
        operands=list(extents),
        attributes={
            "staticLowerBound": ir.DenseI64ArrayAttr.get([0, 0, 0]),
            "staticUpperBound": ir.DenseI64ArrayAttr.get([dynamic] * 3),
            "staticStep": ir.DenseI64ArrayAttr.get([1, 1, 1]),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([0, 3, 0, 0]),
            GRID: ir.UnitAttr.get(),
        },
        regions=1,
    )
    return ir.Block.create_at_start(loop.regions[0], [ir.IndexType.get()] * 3)


def _end_grid_loop() -> None:
    terminator = ir.Operation.create("scf.forall.in_parallel", regions=1)
    ir.Block.create_at_start(terminator.regions[0], [])
