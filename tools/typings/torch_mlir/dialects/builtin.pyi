# Corrections of `torch_mlir.dialects.builtin`, whose own Python has no types here.
from torch_mlir import ir

class ModuleOp:
    @property
    def body(self) -> ir.Block: ...
