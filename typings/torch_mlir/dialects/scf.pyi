# What rung uses of `torch_mlir.dialects.scf` 20261001; made by tools/make_typings.py, not to be edited.
# What is corrected, and why: tools/typings/torch_mlir/dialects/scf.pyi

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

class ConditionOp(ir.OpView):
    def __init__(
        self,
        condition: ir.Value,
        args: Sequence[ir.Value],
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def condition(self) -> ir.Value[ir.IntegerType]: ...
    @property
    def args(self) -> ir.OpOperandList: ...

class ForOp(ir.OpView):
    def __init__(
        self,
        lower_bound: Any,
        upper_bound: Any,
        step: Any,
        iter_args: ir.Operation | ir.OpView | Sequence[ir.Value] | None = None,
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def lowerBound(self) -> ir.Value: ...
    @property
    def step(self) -> ir.Value: ...
    @property
    def region(self) -> ir.Region: ...
    @property
    def body(self) -> ir.Block: ...
    @property
    def induction_variable(self) -> ir.BlockArgument: ...
    @property
    def inner_iter_args(self) -> ir.BlockArgumentList: ...

class ForallOp(ir.OpView):
    def __init__(
        self,
        lower_bounds: Sequence[ir.Operation | ir.OpView | ir.Value | int],
        upper_bounds: Sequence[ir.Operation | ir.OpView | ir.Value | int],
        steps: Sequence[ir.Value | int],
        shared_outs: ir.Operation | ir.OpView | Sequence[ir.Value] | None = None,
        *,
        mapping: Any = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def dynamicLowerBound(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def dynamicUpperBound(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def dynamicStep(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def outputs(self) -> ir.OpOperandList[ir.RankedTensorType]: ...
    @property
    def staticLowerBound(self) -> ir.DenseI64ArrayAttr: ...
    @staticLowerBound.setter
    def staticLowerBound(self, value: ir.DenseI64ArrayAttr) -> None: ...
    @property
    def staticUpperBound(self) -> ir.DenseI64ArrayAttr: ...
    @staticUpperBound.setter
    def staticUpperBound(self, value: ir.DenseI64ArrayAttr) -> None: ...
    @property
    def staticStep(self) -> ir.DenseI64ArrayAttr: ...
    @staticStep.setter
    def staticStep(self, value: ir.DenseI64ArrayAttr) -> None: ...
    @property
    def region(self) -> ir.Region: ...
    @property
    def body(self) -> ir.Block: ...
    @property
    def rank(self) -> int: ...
    @property
    def induction_variables(self) -> ir.BlockArgumentList: ...
    @property
    def inner_iter_args(self) -> ir.BlockArgumentList: ...

class IfOp(ir.OpView):
    def __init__(
        self,
        cond: Any,
        results_: Any = None,
        *,
        has_else: Any = False,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def condition(self) -> ir.Value[ir.IntegerType]: ...
    @property
    def then_block(self) -> ir.Block: ...
    @property
    def else_block(self) -> ir.Block | Any: ...

class InParallelOp(ir.OpView):
    def __init__(self, loc: ir.Location | None = None, ip: ir.InsertionPoint | None = None) -> None: ...
    @property
    def region(self) -> ir.Region: ...
    @property
    def block(self) -> ir.Block: ...

class WhileOp(ir.OpView):
    def __init__(
        self,
        results_: Sequence[ir.Type],
        inits: Sequence[ir.Value],
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def before(self) -> ir.Region: ...
    @property
    def after(self) -> ir.Region: ...

class YieldOp(ir.OpView):
    def __init__(
        self, results_: Sequence[ir.Value], *, loc: ir.Location | None = None, ip: ir.InsertionPoint | None = None
    ) -> None: ...
