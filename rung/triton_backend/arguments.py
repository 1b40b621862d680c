"""How Triton's argument types reach the launcher and C."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..dtypes import BY_TRITON
from ..errors import UnsupportedError

_SUPPORTED = "pointers, integers and floats"


def argument_kinds(signature: Mapping[Any, Any]) -> str:
    """One letter per argument, as the native launcher reads them.

    P pointer, c s w i signed integers of 8 to 64 bits, C S W u unsigned ones, 1 of one bit, e f16, b bf16, f f32,
    d f64, - constexpr (not passed on).
    Raises UnsupportedError naming an argument that has no such kind.
    """
    return "".join(_kind(name, dtype) for name, dtype in signature.items())


def tensor_dtypes(signature: Mapping[Any, Any]) -> tuple[str | None, ...]:
    """The torch type behind each pointer, as text; None for other arguments, and where torch has no such type."""
    found = (BY_TRITON.get(t[1:]) if isinstance(t, str) and t[:1] == "*" else None for t in signature.values())
    return tuple(f"torch.{dtype.torch}" if dtype is not None and dtype.torch else None for dtype in found)


def _kind(name: object, dtype: object) -> str:
    if dtype == "constexpr":
        return "-"
    if isinstance(dtype, str):
        if dtype.startswith("*"):
            return "P"
        if dtype in BY_TRITON and BY_TRITON[dtype].letter:
            return BY_TRITON[dtype].letter
        if dtype.startswith("tensordesc"):
            raise UnsupportedError(
                f"a tensor descriptor as argument `{name}`",
                supported="`tl.make_tensor_descriptor` inside the kernel",
            )
    raise UnsupportedError(f"argument `{name}` of type `{dtype}`", supported=_SUPPORTED)


def c_type(dtype: str) -> str:
    """The C type of an argument, for headers: `*fp32` is `void *`, `i32` is `int32_t`."""
    if dtype.startswith("*"):
        return "void *"
    if dtype in BY_TRITON:
        return BY_TRITON[dtype].c
    raise UnsupportedError(f"an argument of type `{dtype}`", supported=_SUPPORTED)
