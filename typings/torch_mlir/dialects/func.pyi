# What rung uses of `torch_mlir.dialects.func`: the signatures of torch_mlir 20261001,
# read with `inspect` at run time. A parameter takes any `ir.Value`; anything else in the module is `Any`.
from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

def __getattr__(name: str) -> Any: ...

class CallOp(ir.OpView):
    def __init__(
        self,
        calleeOrResults: FuncOp | Sequence[ir.Type],
        argumentsOrCallee: list[Any] | ir.FlatSymbolRefAttr | str,
        arguments: list[Any] | None = ...,
        *,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def operands_(self) -> ir.OpOperandList: ...
    @property
    def callee(self) -> ir.FlatSymbolRefAttr: ...
    @property
    def arg_attrs(self) -> ir.ArrayAttr | None: ...
    @property
    def res_attrs(self) -> ir.ArrayAttr | None: ...
    @property
    def no_inline(self) -> bool: ...

class ConstantOp(ir.OpView):
    def __init__(
        self,
        result: ir.Type,
        value: str | ir.FlatSymbolRefAttr,
        *,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def type(self) -> ir.Type: ...
    @property
    def value(self) -> ir.FlatSymbolRefAttr: ...

class FuncOp(ir.OpView):
    def __init__(
        self,
        name: Any,
        type: Any,
        *,
        visibility: Any = ...,
        body_builder: Any = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def is_external(self) -> bool: ...
    @property
    def body(self) -> ir.Region: ...
    @property
    def type(self) -> ir.FunctionType: ...
    @property
    def visibility(self) -> ir.Attribute: ...
    # The symbol: the name of the operation is `operation.name`.
    @property
    def name(self) -> ir.StringAttr: ...  # pyright: ignore[reportIncompatibleMethodOverride]
    @property
    def entry_block(self) -> ir.Block: ...
    def add_entry_block(self, arg_locs: Sequence[ir.Location] | None = ...) -> ir.Block: ...
    @property
    def arg_attrs(self) -> ir.ArrayAttr: ...
    @arg_attrs.setter
    def arg_attrs(self, attribute: ir.ArrayAttr | list[ir.Attribute]) -> None: ...
    @property
    def arguments(self) -> ir.BlockArgumentList: ...
    @property
    def result_attrs(self) -> ir.Attribute: ...
    @property
    def sym_name(self) -> ir.StringAttr: ...
    @property
    def function_type(self) -> ir.TypeAttr: ...
    @property
    def sym_visibility(self) -> ir.StringAttr | None: ...
    @property
    def res_attrs(self) -> ir.ArrayAttr | None: ...
    @property
    def no_inline(self) -> bool: ...

class ReturnOp(ir.OpView):
    def __init__(
        self,
        operands_: Sequence[ir.Value],
        *,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def operands_(self) -> ir.OpOperandList: ...
