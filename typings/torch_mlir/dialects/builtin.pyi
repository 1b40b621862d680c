# What rung uses of `torch_mlir.dialects.builtin` 20261001; made by tools/make_typings.py, not to be edited.
# What is corrected, and why: tools/typings/torch_mlir/dialects/builtin.pyi

from collections.abc import Sequence

from torch_mlir import ir

class ModuleOp(ir.OpView):
    def __init__(self, *, loc: ir.Location | None = None, ip: ir.InsertionPoint | None = None) -> None: ...
    @property
    def sym_name(self) -> ir.StringAttr | None: ...
    @sym_name.setter
    def sym_name(self, value: ir.StringAttr | None) -> None: ...
    @property
    def body(self) -> ir.Block: ...

class UnrealizedConversionCastOp(ir.OpView):
    def __init__(
        self,
        outputs: Sequence[ir.Type],
        inputs: Sequence[ir.Value],
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def inputs(self) -> ir.OpOperandList: ...
    @property
    def outputs(self) -> ir.OpResultList: ...
