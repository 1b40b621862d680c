# What rung uses of Triton 3.7.1, whose own annotations are too few for strict checking. Checked against its
# source. Kernels and Triton's objects are `Any`.
from collections.abc import Callable
from typing import Any

from . import language as language

__version__: str

def jit(fn: Callable[..., Any]) -> Any: ...
def cdiv(x: int, y: int) -> int: ...
