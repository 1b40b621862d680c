# Corrections of `torch_mlir.dialects.scf`, whose own Python has no types here.
from typing import Any

from torch_mlir import ir

class ForOp:
    @property
    def body(self) -> ir.Block: ...
    @property
    def induction_variable(self) -> ir.BlockArgument: ...
    @property
    def inner_iter_args(self) -> ir.BlockArgumentList: ...

class IfOp:
    # `ir.Block | None`, None where the operation was made without `has_else`, which who reads it knows.
    @property
    def else_block(self) -> ir.Block | Any: ...
