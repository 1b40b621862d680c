# The part of `torch_mlir._mlir_libs._mlir` (torch_mlir 20261001) that rung uses; signatures of the nanobind module.
class _Globals:
    def append_dialect_search_prefix(self, module_name: str) -> None: ...

globals: _Globals
