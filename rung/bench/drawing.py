"""Arguments for a user's own kernel, drawn from what its parameters are called, typed and used for (`adhoc.py`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from ..dtypes import BY_TRITON, SMALL_FLOATS
from ..errors import UsageError
from .given import Given, Range
from .problem import TRITON, Shape

ROWS = re.compile(r"(n_?rows|num_rows|rows|M)$")
COLS = re.compile(r"(n_?cols|num_cols|n_?columns|cols|N)$")
STRIDE = re.compile(r".*stride")
EPSILON = re.compile(r"(eps|epsilon)$")
FLOATS = {f"*{long}": short for short, long in TRITON.items()}
SMALL = {f"*{dtype.triton}": dtype for dtype in SMALL_FLOATS if dtype.torch}
"""Floats of eight bits that torch has tensors of."""
INTEGERS = {f"*{kind[0]}{width}": f"{kind}{width}" for kind in ("int", "uint") for width in (8, 16, 32, 64)}
_BITS = re.compile(r"[iu](\d+)")


@dataclass(frozen=True)
class Drawn:
    """Arguments in the order of `types`, positions of the pointers, and what the numbers of each integer pointer were
    drawn from, by name."""

    args: tuple[Any, ...]
    pointers: tuple[int, ...]
    ranges: Mapping[str, Range]


def scalars(types: Mapping[str, str], shape: Shape, seed: int, given: Given) -> dict[str, int | float]:
    """Values of the parameters that are no pointers."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    found: dict[str, int | float] = {}
    ranges = given.drawn_from(types)
    for name, type_ in types.items():
        if type_.startswith("*"):
            continue
        whole = type_[0] in "iu"
        told = given.number(name, type_)
        if told is not None:
            found[name] = told if whole else float(told)
        elif name in ranges:
            low, high = _checked(name, type_, given)
            share = float(torch.rand((), generator=generator, dtype=torch.float64))
            found[name] = int(low + share * (high - low)) if whole else low + share * (high - low)
        elif whole:
            found[name] = _integer(name, shape)
        else:
            found[name] = 1e-5 if EPSILON.match(name) else 1.0
    return found


def draw(
    types: Mapping[str, str],
    shape: Shape,
    seed: int,
    numbers: Mapping[str, int | float],
    given: Given,
    limits: Mapping[str, int],
) -> Drawn:
    """`numbers`: the scalars. `limits`: of integer pointers that address something, how many numbers stay within it."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    args: list[Any] = []
    pointers: list[int] = []
    drawn: dict[str, Range] = {}
    ranges = given.drawn_from(types)
    for position, (name, type_) in enumerate(types.items()):
        if not type_.startswith("*"):
            args.append(numbers[name])
            continue
        pointers.append(position)
        told = given.array(name, type_)
        if told is not None:
            args.append(told)
            if type_ in INTEGERS and told.numel():
                drawn[name] = float(told.min()), float(told.max()) + 1
        elif type_ in INTEGERS:
            kind: torch.dtype = getattr(torch, INTEGERS[type_])
            most = min(limits.get(name, prod(shape)), torch.iinfo(kind).max)
            low, high = _checked(name, type_, given) if name in ranges else (0, most)
            drawn[name] = (low, high)
            found = torch.randint(int(low), int(high), shape, generator=generator)
            # Both ends are among them: where the largest leads out of an array, no luck hides it.
            flat = found.view(-1)
            flat[0], flat[-1] = int(low), int(high) - 1
            args.append(found.to(kind))
        else:
            args.append(_tensor(name, type_, shape, generator, ranges.get(name)))
    return Drawn(tuple(args), tuple(pointers), drawn)


def check(types: Mapping[str, str]) -> None:
    """Raises UsageError for a pointer to what is not drawn."""
    known = (*FLOATS, *SMALL, "*i1", *INTEGERS)
    for name, type_ in types.items():
        if type_.startswith("*") and type_ not in known:
            raise UsageError(f"parameter `{name}` is {type_}; pointers may be: {', '.join(known)}")


def _tensor(name: str, type_: str, shape: Shape, generator: Any, given: Range | None) -> Any:
    """Of floats or truth values."""
    import torch

    if type_ in FLOATS or type_ in SMALL:
        if given is None:
            drawn = torch.randn(shape, generator=generator, dtype=torch.float32)
        else:
            low, high = given
            drawn = low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float32)
        kind: torch.dtype = getattr(torch, BY_TRITON[type_[1:]].torch)
        return drawn.to(kind)
    if given is not None:
        raise UsageError(f"--range names `{name}`, whose truth values are drawn evenly; leave it out")
    return torch.randint(0, 2, shape, generator=generator).bool()


def _checked(name: str, type_: str, given: Given) -> Range:
    """The range of a parameter: of an integer, in whole numbers that fit its type."""
    low, high = given.drawn_from({name: type_})[name]
    found = _BITS.fullmatch(type_.lstrip("*"))
    if found is None:
        return low, high
    bits = int(found[1])
    # torch draws from signed 64-bit numbers only.
    lowest, highest = (0, (1 << min(bits, 63)) - 1) if "u" in type_ else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    if low != int(low) or high != int(high):
        raise UsageError(f"{given.words(name)}, but it is {type_}; give whole numbers")
    if low < lowest or high - 1 > highest:
        raise UsageError(f"{given.words(name)}, but it is {type_}; give numbers of {lowest} to {highest}")
    return int(low), int(high)


def element_bytes(type_: str) -> int:
    """Of what a pointer of Triton's type `type_` points to."""
    found = re.search(r"\d+", type_)
    return max(1, int(found[0]) // 8) if found else 1


def _integer(name: str, shape: Sequence[int]) -> int:
    if len(shape) == 2 and ROWS.match(name):
        return shape[0]
    if (len(shape) == 2 and COLS.match(name)) or STRIDE.match(name):
        return shape[-1]
    return prod(shape)
