# What rung uses of `torch_mlir._mlir_libs._mlir` (torch_mlir 20261001); signatures of the nanobind module.
class _Globals:
    def append_dialect_search_prefix(self, module_name: str) -> None: ...

globals: _Globals
