# Corrections of `torch_mlir.dialects.arith`, whose own Python has no types here.
from torch_mlir import ir

class ConstantOp:
    # It declares overloads that it does not have: the type and the value are always given.
    def __init__(
        self,
        result: ir.Type,
        value: int | float | ir.Attribute,
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def type(self) -> ir.Type: ...
    @property
    def value(self) -> ir.Attribute: ...
