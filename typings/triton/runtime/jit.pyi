from typing import Any

class KernelInterface:
    def __getitem__(self, grid: Any) -> Any: ...

class JITFunction(KernelInterface):
    fn: Any
    src: str
    arg_names: list[str]
    params: list[Any]
    run: Any

def get_jit_fn_file_line(fn: Any) -> tuple[str, int]: ...
def mangle_type(arg: object) -> str: ...
