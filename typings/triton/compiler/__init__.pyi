from typing import Any

from triton.backends.compiler import GPUTarget

class ASTSource:
    def __init__(
        self,
        fn: Any,
        signature: dict[str, str],
        constexprs: dict[str, object] | None = None,
        attrs: dict[tuple[int, ...], list[list[object]]] | None = None,
    ) -> None: ...
    def make_ir(self, target: GPUTarget, options: Any, codegen_fns: Any, module_map: Any, context: Any) -> Any: ...

class CompiledKernel: ...
class CompilationError(Exception): ...
