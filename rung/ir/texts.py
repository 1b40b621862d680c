"""Strings in a module, for the runtime to read."""

from __future__ import annotations

from itertools import count
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import llvm

from .pointers import pointer_type
from .symbols import free_symbol


class Texts:
    """Those of one pass, each once."""

    def __init__(self, module: ir.Module) -> None:
        self._module = module
        self._known: dict[str, str] = {}

    def address(self, text: str) -> ir.Value[Any]:
        if text not in self._known:
            symbol = free_symbol(self._module.body, (f"rung_text_{number}" for number in count()))
            self._known[text] = symbol
            self._define(symbol, text + "\0")
        return llvm.AddressOfOp(pointer_type(), self._known[text]).result

    def _define(self, symbol: str, text: str) -> None:
        attributes: dict[str, ir.Attribute] = {
            "sym_name": ir.StringAttr.get(symbol),
            "global_type": ir.TypeAttr.get(ir.Type.parse(f"!llvm.array<{len(text.encode())} x i8>")),
            "linkage": ir.Attribute.parse("#llvm.linkage<internal>"),
            "constant": ir.UnitAttr.get(),
            "value": ir.StringAttr.get(text),
            "addr_space": ir.IntegerAttr.get(ir.IntegerType.get_signless(32), 0),
        }
        ip = ir.InsertionPoint.at_block_begin(self._module.body)
        ir.Operation.create("llvm.mlir.global", [], [], attributes, regions=1, ip=ip)
