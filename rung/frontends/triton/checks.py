"""The sanitizer's part of TTIR: a check before each access to memory, which is left as it is.

before: %x = tt.load %pointers, %mask
after:  sanitize.check %pointers, %mask {site = 0, stop}; %x = tt.load %pointers, %mask

A store is followed by `sanitize.stored`: whether it has changed what another program wrote is asked when it is done.

`ops/checks.py` converts the check. Where the kernel goes on behind a fault, the check says which elements may be
accessed, and the access is masked with it:

after:  %fine = sanitize.check %pointers, %mask {site = 0} : tensor<64xi1>; %x = tt.load %pointers, (%mask and %fine)
"""

from __future__ import annotations

import re

from torch_mlir import ir

from ...ir.slicing import enclosing
from ...sanitizer import Kind, Sanitizer, Site, Through
from .bounded import bounded_of
from .lasting import pointer_sources
from .locations import Place, frames_of, places_of
from .ttir import MASKS, element_bytes, int_attr, is_block, is_volatile_load, mask_of, owner, pointee, shape
from .undefined import Undefined
from .waits import waits

CHECK, STORED, SITE = "sanitize.check", "sanitize.stored", "site"
_ACQUIRES, _RELEASES = (2, 4), (3, 4)
"""Of Triton's orders of atomics, by number: acquire, release, and both."""
_NAME = re.compile(r'loc\("([^"]+)"\(')
_UPDATES = {1: "and", 2: "or", 3: "xor", 4: "add", 6: "max", 7: "min", 8: "min", 9: "max"}
"""Kinds of `tt.atomic_rmw`, by number, that may change places; not 5, of floats, which rounds, nor 10, an exchange.

The greatest float is found as the greatest integer of the positive ones, and the least unsigned one of the others.
"""


def add_checks(
    ttir: ir.Module, names: dict[ir.Value, str], sanitizer: Sanitizer, cooperative: bool = False
) -> list[Site]:
    """Rewrite TTIR in place; returns what is checked, by the checks' numbers. names: of the kernel's arguments."""
    accesses: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name in MASKS or op.name == "tt.atomic_cas":
            accesses.append(op)
        return ir.WalkResult.ADVANCE

    ttir.operation.walk(visit)
    through = bounded_of(ttir)
    sites = [_site(op, names, through, cooperative) for op in accesses]  # before masks change
    if sanitizer.follows:
        undefined = Undefined(sanitizer, len(sites))
        undefined.watch(ttir)
        sites += undefined.sites
    for number, op in enumerate(accesses):
        _check(op, number, sanitizer)
    return sites


def names_of(entry: ir.Block) -> dict[ir.Value, str]:
    """A kernel's arguments by name, or by number where TTIR does not tell."""
    found = ((a, _NAME.match(str(a.location))) for a in entry.arguments)
    return {argument: name[1] if name else f"argument {n}" for n, (argument, name) in enumerate(found)}


def _kind(op: ir.Operation, cooperative: bool) -> Kind:
    if op.name == "tt.store":
        return "store"
    if op.name == "tt.load":
        return "volatile load" if is_volatile_load(op) or _waits(op, cooperative) else "load"
    return "atomic"


def _waits(load: ir.Operation, cooperative: bool) -> bool:
    """Whether a load is in a loop that waits for other programs: it is there to see what they do."""
    return any(parent.name == "scf.while" and waits(parent, cooperative) for parent in enclosing(load.block))


def _site(op: ir.Operation, names: dict[ir.Value, str], through: dict[Place, Through], cooperative: bool) -> Site:
    pointer = op.operands[0]
    places, frames = places_of(op.location), frames_of(op.location)
    file, line, column = frames[0] if frames else ("", 0, 0)
    arguments, known = _arguments(pointer, names)
    size = element_bytes(pointee(pointer))
    by: Through = through.get(places[0], "pointer") if places else "pointer"
    extents, gathers = shape(pointer) or (), _is_loaded(pointer)
    masked = mask_of(op) is not None or by == "descriptor"
    update = _UPDATES.get(int_attr(op, "atomic_rmw_op"), "") if op.name == "tt.atomic_rmw" else ""
    argument = arguments[0] if known and len(arguments) == 1 else ""
    order = int_attr(op, "sem") if op.name.startswith("tt.atomic_") else 0
    # Who does not look at what was there cannot know who came before.
    acquires = order in _ACQUIRES and any(True for _ in op.results[0].uses)
    return Site(
        _kind(op, cooperative),
        file,
        line,
        column,
        argument,
        extents,
        size,
        masked,
        gathers,
        update,
        acquires,
        order in _RELEASES,
        known,
        op.name not in MASKS,
        by,
        tuple((file, line) for file, line, _ in frames[1:]),
    )


def _is_loaded(pointer: ir.Value) -> bool:
    """Whether memory is read to know where it points."""
    pending, seen = [pointer], set[ir.Value]()
    while pending:
        value = pending.pop()
        op = owner(value)
        if value in seen or op is None:
            continue
        if op.name in MASKS:
            return True
        seen.add(value)
        pending += list(op.operands)
    return False


def _arguments(pointer: ir.Value, names: dict[ir.Value, str]) -> tuple[list[str], bool]:
    """The arguments that a pointer may be derived from, and whether there are no others and no other memory."""
    found: dict[str, None] = {}
    known = True
    pending, seen = [pointer], set[ir.Value]()
    while pending:
        value = pending.pop()
        if value in seen:
            continue
        seen.add(value)
        op = owner(value)
        if op is None and value in names:
            found[names[value]] = None
            continue
        pointers = pointer_sources(value)
        known = known and bool(pointers)
        pending += pointers
    return list(found), known


def _check(op: ir.Operation, number: int, sanitizer: Sanitizer) -> None:
    pointer, mask = op.operands[0], mask_of(op)
    kind = ir.IntegerType.get_signless(1)
    fine = ir.RankedTensorType.get(list(shape(pointer) or ()), kind) if is_block(pointer) else kind
    goes_on = not sanitizer.stop and op.name in MASKS
    with ir.InsertionPoint(op), op.location:
        check = ir.Operation.create(
            CHECK,
            results=[fine] if goes_on else [],
            operands=[pointer] if mask is None else [pointer, mask],
            attributes={SITE: ir.IntegerAttr.get(ir.IntegerType.get_signless(64), number)},
        )
        if op.name == "tt.store":
            with ir.InsertionPoint.after(op):
                ir.Operation.create(STORED)
        if goes_on:
            _leave_out(op, mask, check.results[0])


def _leave_out(op: ir.Operation, mask: ir.Value | None, fine: ir.Value) -> None:
    """The access again, without the elements that are not `fine`."""
    if mask is not None:
        fine = ir.Operation.create("arith.andi", results=[fine.type], operands=[mask, fine]).results[0]
    position = MASKS[op.name]
    operands = list(op.operands)
    again = ir.Operation.create(
        op.name,
        results=[r.type for r in op.results],
        operands=[*operands[:position], fine, *operands[position + 1 :]],
        attributes={a: op.attributes[a] for a in op.attributes},
    )
    for old, new in zip(op.results, again.results, strict=True):
        old.replace_all_uses_with(new)
    op.erase()
