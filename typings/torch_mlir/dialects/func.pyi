# What rung uses of `torch_mlir.dialects.func` 20261001; made by tools/make_typings.py, not to be edited.
# What is corrected, and why: tools/typings/torch_mlir/dialects/func.pyi

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

class CallOp(ir.OpView):
    def __init__(
        self,
        calleeOrResults: FuncOp | list[ir.Type],
        argumentsOrCallee: list[Any] | ir.FlatSymbolRefAttr | str,
        arguments: list[Any] | None = None,
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def callee(self) -> ir.FlatSymbolRefAttr: ...
    @callee.setter
    def callee(self, value: ir.FlatSymbolRefAttr) -> None: ...

class ConstantOp(ir.OpView):
    def __init__(
        self,
        result: ir.Type,
        value: str | ir.FlatSymbolRefAttr,
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def value(self) -> ir.FlatSymbolRefAttr: ...
    @value.setter
    def value(self, value: ir.FlatSymbolRefAttr) -> None: ...
    @property
    def type(self) -> ir.Type: ...

class FuncOp(ir.OpView):
    def __init__(
        self,
        name: Any,
        type: Any,
        *,
        visibility: Any = None,
        body_builder: Any = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def sym_name(self) -> ir.StringAttr: ...
    @sym_name.setter
    def sym_name(self, value: ir.StringAttr) -> None: ...
    @property
    def body(self) -> ir.Region: ...
    @property
    def is_external(self) -> bool: ...
    @property
    def type(self) -> ir.FunctionType: ...
    @property
    def name(self) -> ir.StringAttr: ...
    @property
    def entry_block(self) -> ir.Block: ...
    def add_entry_block(self, arg_locs: Sequence[ir.Location] | None = None) -> ir.Block: ...
    @property
    def arguments(self) -> ir.BlockArgumentList: ...

class ReturnOp(ir.OpView):
    def __init__(
        self, operands_: Sequence[ir.Value], *, loc: ir.Location | None = None, ip: ir.InsertionPoint | None = None
    ) -> None: ...
