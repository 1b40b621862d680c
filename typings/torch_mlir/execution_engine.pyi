# What rung uses of `torch_mlir.execution_engine` 20261001; made by tools/make_typings.py, not to be edited.

from collections.abc import Sequence

from torch_mlir import ir

class ExecutionEngine:
    def __init__(
        self,
        module: ir.Module,
        opt_level: int = 2,
        shared_libs: Sequence[str] = [],
        enable_object_dump: bool = True,
        enable_pic: bool = False,
    ) -> None: ...
    def raw_lookup(self, func_name: str) -> int: ...
    def dump_to_object_file(self, file_name: str) -> None: ...
