"""hexagon-mlir's libdevice: rung's, which has all of its functions but one."""

# These functions are written in Triton's language, not in typed Python.
# pyright: basic

from typing import Any

import triton

from ...frontends.triton import libdevice as _usual
from ...frontends.triton.libdevice_narrow import on_floats


def __getattr__(name: str) -> Any:
    return getattr(_usual, name)


@on_floats
@triton.jit
def sigmoid(x):
    return 1.0 / (1.0 + _usual.exp(-x))
