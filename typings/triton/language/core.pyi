from collections.abc import Callable, Mapping, Sequence
from typing import Any

class dtype:
    name: str
    primitive_bitwidth: int
    def is_floating(self) -> bool: ...

int1: dtype
int32: dtype
int64: dtype
uint32: dtype
uint64: dtype
float32: dtype
float64: dtype

def extern(fn: Callable[..., Any]) -> Callable[..., Any]: ...
def extern_elementwise(
    lib_name: str,
    lib_path: str,
    args: Sequence[Any],
    arg_type_symbol_dict: Mapping[tuple[dtype, ...], tuple[str, dtype]],
    is_pure: bool,
    _semantic: Any = None,
) -> Any: ...
