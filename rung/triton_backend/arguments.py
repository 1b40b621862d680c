"""How Triton's argument types reach the launcher and C."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import UnsupportedError

_SUPPORTED = "pointers, integers and floats"
_FLOATS = {"fp16": "e", "bf16": "b", "fp32": "f", "fp64": "d", "f16": "e", "f32": "f", "f64": "d"}
_C_FLOATS = {"fp32": "float", "fp64": "double", "fp16": "uint16_t", "bf16": "uint16_t"}


def argument_kinds(signature: Mapping[Any, Any]) -> str:
    """One letter per argument, as the native launcher reads them.

    P pointer, i signed integer, u unsigned integer, e f16, b bf16, f f32, d f64, - constexpr (not passed on).
    Raises UnsupportedError naming an argument that has no such kind.
    """
    return "".join(_kind(name, dtype) for name, dtype in signature.items())


_TORCH = {
    "fp16": "float16",
    "bf16": "bfloat16",
    "fp32": "float32",
    "fp64": "float64",
    "i1": "bool",
    **{f"i{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"u{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}


def tensor_dtypes(signature: Mapping[Any, Any]) -> tuple[str | None, ...]:
    """The torch type behind each pointer, as text; None for other arguments, and where torch has no such type."""
    found = (
        _TORCH.get(dtype[1:]) if isinstance(dtype, str) and dtype[:1] == "*" else None for dtype in signature.values()
    )
    return tuple(f"torch.{name}" if name else None for name in found)


def _kind(name: object, dtype: object) -> str:
    if dtype == "constexpr":
        return "-"
    if isinstance(dtype, str):
        if dtype.startswith("*"):
            return "P"
        if dtype in _FLOATS:
            return _FLOATS[dtype]
        if dtype[:1] in ("i", "u") and dtype[1:].isdigit():
            return "u" if dtype == "i1" else dtype[0]
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
    if dtype in _C_FLOATS:
        return _C_FLOATS[dtype]
    if dtype[:1] in ("i", "u") and dtype[1:].isdigit():
        bits = "8" if dtype[1:] == "1" else dtype[1:]
        return f"{'u' if dtype[0] == 'u' else ''}int{bits}_t"
    raise UnsupportedError(f"an argument of type `{dtype}`", supported=_SUPPORTED)
