# What rung uses of `torch_mlir.rewrite` 20261001; made by tools/make_typings.py, not to be edited.

from collections.abc import Callable
from typing import Any

from torch_mlir import ir

class PatternRewriter:
    @property
    def ip(self) -> ir.InsertionPoint: ...

class RewritePatternSet:
    def __init__(self, context: ir.Context | None = None) -> None: ...
    def add(self, root: object, fn: Callable[..., Any], benefit: int = 1) -> None: ...
    def freeze(self) -> FrozenRewritePatternSet: ...

class FrozenRewritePatternSet:
    @property
    def _CAPIPtr(self) -> object: ...

def walk_and_apply_patterns(op: ir._OperationBase, set: FrozenRewritePatternSet) -> None: ...
