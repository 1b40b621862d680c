"""Inputs of a torch function as text: `f32[8,1024], i64[8]=0..999, 3, True`."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from ..errors import UsageError, did_you_mean

_FORM = "such as 'f32[8,1024], i64[8]=0..999, 3'"
_ENTRY = re.compile(r"\s*((?:[^,\[\]]|\[[^\[\]]*\])+?)\s*(?:,|$)")
_TENSOR = re.compile(r"(?P<dtype>\w+)\s*\[(?P<shape>[\s\d,x]*)\]\s*(?:=\s*(?P<low>[-+.\de]+?)\.\.(?P<high>[-+.\de]+))?")
_CONSTANTS = {"True": True, "False": False, "None": None}
_MOST_ELEMENTS = 1 << 40


@dataclass(frozen=True)
class Example:
    """A tensor to be drawn: dtype as in the text, and what from, where that was given."""

    dtype: str
    shape: tuple[int, ...]
    span: tuple[float, float] | None


def parse(text: str, dtypes: Collection[str]) -> tuple[Example | int | float | bool | None, ...]:
    """One entry for each positional argument. Raises UsageError for what is none."""
    found: list[Example | int | float | bool | None] = []
    position, stripped = 0, text.strip()
    while position < len(stripped):
        entry = _ENTRY.match(stripped, position)
        if entry is None:
            raise UsageError(f"--inputs is `{text}`; give inputs joined by commas, {_FORM}")
        found.append(_one(entry[1], dtypes))
        position = entry.end()
    return tuple(found)


def _one(entry: str, dtypes: Collection[str]) -> Example | int | float | bool | None:
    if entry in _CONSTANTS:
        return _CONSTANTS[entry]
    tensor = _TENSOR.fullmatch(entry)
    if tensor is None:
        for number in (int, float):
            try:
                return number(entry)
            except ValueError:
                continue
        raise UsageError(f"--inputs has `{entry}`; give a tensor, a number, True, False or None, {_FORM}")
    dtype = tensor["dtype"]
    if dtype not in dtypes:
        near = did_you_mean(dtype, dtypes)
        raise UsageError(f"--inputs has `{entry}`, but no type is called `{dtype}`{near}; types: {', '.join(dtypes)}")
    sizes = [size for size in re.split(r"[\s,x]+", tensor["shape"]) if size]
    shape, elements = tuple(map(int, sizes)), 1
    for size in shape:
        elements *= size
    if elements > _MOST_ELEMENTS:
        raise UsageError(f"--inputs has `{entry}`, which is {elements:,} numbers; give a smaller shape")
    return Example(dtype, shape, _span(entry, dtype, tensor["low"], tensor["high"]))


def _span(entry: str, dtype: str, low: str | None, high: str | None) -> tuple[float, float] | None:
    if low is None or high is None:
        if dtype[0] in "iu" and dtype != "i1":
            raise UsageError(f"--inputs has `{entry}`, and nothing says which integers: give {entry}=0..999")
        return None
    try:
        ends = float(low), float(high)
    except ValueError:
        raise UsageError(f"--inputs has `{entry}`; give LOW..HIGH as numbers, {_FORM}") from None
    if not ends[0] <= ends[1]:
        raise UsageError(f"--inputs has `{entry}`; give LOW..HIGH with LOW not above HIGH, {_FORM}")
    if dtype[0] in "iu":
        least, most = _integers(dtype)
        if any(end != int(end) for end in ends) or ends[0] < least or ends[1] > most:
            raise UsageError(f"--inputs has `{entry}`; give whole numbers for {dtype}, {least} to {most}")
    return ends


def _integers(dtype: str) -> tuple[int, int]:
    """The least and the greatest."""
    bits = int(dtype[1:])
    if dtype == "i1" or dtype[0] == "u":
        return 0, (1 << bits) - 1
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
