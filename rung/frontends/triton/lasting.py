"""Which argument a pointer belongs to, whatever loops and branches it went through: a pure question about the TTIR."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from .bases import Base, same_base
from .meanings import Addresses, Formed
from .operation import pointer_operands
from .program import Program
from .ttir import is_pointer, owner
from .waits import sources_of_argument, sources_of_result


def lasting_base(program: Program, pointers: Sequence[ir.Value]) -> Base | None:
    """The one base of all `pointers`; None if there are several, or one is not known.

    They need not have been converted: they are followed without the pointer analysis, which would remember the answer.
    """
    found: Base | None = None
    seen: set[ir.Value] = set()
    pending = list(pointers)
    while pending:
        value = pending.pop()
        if value in seen:
            continue
        seen.add(value)
        known = program.meanings.get(value)
        if isinstance(known, Addresses | Formed):
            base = known.base if isinstance(known, Addresses) else known.form.base
            if base is None or (found is not None and not same_base(found, base)):
                return None
            found = base
            continue
        sources = pointer_sources(value)
        if not sources:
            return None
        pending += sources
    return found


def pointer_sources(value: ir.Value) -> list[ir.Value]:
    """What a pointer is derived from, or handed on by control flow; nothing where it was made otherwise."""
    op = owner(value)
    if op is None:
        sources = sources_of_argument(ir.BlockArgument(value))
    elif op.name.startswith("scf."):
        sources = sources_of_result(op, ir.OpResult(value).result_number)
    else:
        sources = pointer_operands(op)
    return [source for source in sources if is_pointer(source)]
