"""How Triton's argument types reach the launcher and C."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from ..dtypes import BY_TRITON
from ..errors import UnsupportedError

_SUPPORTED = "pointers, integers, floats, tensor descriptors, and tuples of them"
_DESCRIPTOR = re.compile(r"tensordesc<(?P<element>\w+)\[(?P<block>[\d, ]+)\]")


@dataclass(frozen=True)
class Arguments:
    """What a kernel takes, one by one: a tuple is its elements, a tensor descriptor its numbers."""

    kinds: str
    """One letter per argument, as the native launcher reads them.

    P pointer, c s w i signed integers of 8 to 64 bits, C S W u unsigned ones, 1 of one bit, e f16, b bf16, f f32,
    d f64, - constexpr (not passed on).
    """
    names: tuple[str, ...]
    """Such as `x`, `t[0]`, `d.shape[1]`."""
    dtypes: tuple[str | None, ...]
    """The torch type behind each pointer, as text; None for other arguments, and where torch has no such type."""
    structure: str | None
    """How Python's arguments become these, as the launcher reads it; None where each is one."""

    @staticmethod
    def of(signature: Mapping[Any, Any]) -> Arguments:
        """Raises UnsupportedError naming an argument that has no such kind."""
        structure = "".join(_item(dtype) for dtype in signature.values())
        leaves = [leaf for name, dtype in signature.items() for leaf in _leaves(str(name), dtype)]
        return Arguments(
            "".join(_kind(name, dtype) for name, dtype in leaves),
            tuple(name for name, _ in leaves),
            tuple(_torch_dtype(dtype) for _, dtype in leaves),
            structure if structure.strip(".") else None,
        )


def _parts(dtype: object) -> Iterable[object] | None:
    """Of the type of a tuple."""
    return cast("Iterable[object]", dtype) if isinstance(dtype, tuple | list) else None


def _descriptor(dtype: object) -> tuple[str, int] | None:
    """Element type and rank of a tensor descriptor: `tensordesc<fp32[8, 16]>`."""
    match = _DESCRIPTOR.match(dtype) if isinstance(dtype, str) else None
    return (match["element"], match["block"].count(",") + 1) if match else None


def _item(dtype: object) -> str:
    parts, descriptor = _parts(dtype), _descriptor(dtype)
    if parts is not None:
        return f"({''.join(map(_item, parts))})"
    return str(descriptor[1]) if descriptor is not None else "."


def _leaves(name: str, dtype: object) -> Iterator[tuple[str, object]]:
    parts, descriptor = _parts(dtype), _descriptor(dtype)
    if parts is not None:
        for number, part in enumerate(parts):
            yield from _leaves(f"{name}[{number}]", part)
    elif descriptor is not None:
        element, rank = descriptor
        # Triton's pass makes a descriptor pointer, shape, strides and flags; its language has shape and strides beside.
        yield f"{name}.base", f"*{element}"
        yield from _numbers(name, rank, "i64")
        yield f"{name}.padding", "u1"
        yield f"{name}.round_f32_to_tf32", "u1"
        yield from _numbers(name, rank, "i32")
    else:
        yield name, dtype


def _numbers(name: str, rank: int, extent: str) -> Iterator[tuple[str, str]]:
    yield from ((f"{name}.shape[{d}]", extent) for d in range(rank))
    yield from ((f"{name}.strides[{d}]", "i64") for d in range(rank))


def _torch_dtype(dtype: object) -> str | None:
    found = BY_TRITON.get(dtype[1:]) if isinstance(dtype, str) and dtype[:1] == "*" else None
    return f"torch.{found.torch}" if found is not None and found.torch else None


def _kind(name: str, dtype: object) -> str:
    if dtype == "constexpr":
        return "-"
    if isinstance(dtype, str):
        if dtype.startswith("*"):
            return "P"
        if dtype in BY_TRITON and BY_TRITON[dtype].letter:
            return BY_TRITON[dtype].letter
    raise UnsupportedError(f"argument `{name}` of type `{dtype}`", supported=_SUPPORTED)


def c_type(dtype: str) -> str:
    """The C type of an argument, for headers: `*fp32` is `void *`, `i32` is `int32_t`."""
    if dtype.startswith("*"):
        return "void *"
    if dtype in BY_TRITON:
        return BY_TRITON[dtype].c
    raise UnsupportedError(f"an argument of type `{dtype}`", supported=_SUPPORTED)
