"""Which accesses go through a tensor descriptor or a block pointer, for the sanitizer's words: what bounds them is a
shape that the kernel gave, and Triton's passes make a mask of it, as if the kernel had written one.

before: tt.descriptor_store %d[%i, %j], %x loc("a.py":9:4)
after:  tt.store %pointers, %x, %mask loc("a.py":9:4), in a module with {tt.bounded = "[[[a.py, 9, 4], descriptor]]"}

The passes keep no attribute of an operation that they rewrite; its place in the source they keep, and the module's
attributes.
"""

from __future__ import annotations

import json
from typing import Any

from torch_mlir import ir
from triton._C.libtriton import ir as triton_ir

from ...ir.context import make_context
from ...sanitizer import Through
from .generic_text import generic_text, properties_to_attributes
from .locations import Place, places_of

_BOUNDED = "tt.bounded"
"""Of a dialect of Triton's, as no other passes its verification."""
_BLOCK_POINTER = "!tt.ptr<tensor<"


def mark_bounded(module: Any, copy: Any) -> None:
    """To be asked before these passes. copy: of the same, which prints in the generic form from then on."""
    parsed = ir.Module.parse(properties_to_attributes(generic_text(copy)), make_context())
    found: dict[Place, Through] = {}

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name.startswith("tt.descriptor_"):
            found[_place(op)] = "descriptor"
        elif op.name in ("tt.load", "tt.store") and str(op.operands[0].type).startswith(_BLOCK_POINTER):
            found[_place(op)] = "block pointer"
        return ir.WalkResult.ADVANCE

    parsed.operation.walk(visit)
    if found:
        text = json.dumps(list(found.items()))
        module.set_attr(_BOUNDED, triton_ir.builder(module.context).get_string_attr(text))


def bounded_of(ttir: ir.Module) -> dict[Place, Through]:
    """What was marked, behind the passes: by the place of the operation itself, whoever calls it."""
    attributes = ttir.operation.attributes
    if _BOUNDED not in attributes:
        return {}
    return {tuple(place): through for place, through in json.loads(ir.StringAttr(attributes[_BOUNDED]).value)}


def _place(op: ir.Operation) -> Place:
    return next(iter(places_of(op.location)), ("", 0, 0))
