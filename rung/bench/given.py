"""What a user says of the arguments of an own kernel; the rest is guessed (`adhoc.py`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..dtypes import BY_TRITON
from ..errors import UsageError
from .problem import check_memory

if TYPE_CHECKING:
    import torch

Range = tuple[float, float]
"""(lowest, what is above all): `0:1000` is 0 to 999, or up to 1000 of floats."""
Number = int | float


@dataclass(frozen=True)
class Given:
    """By name of the parameter. ranges: what its numbers are drawn from; spans: the same, with both ends among them.
    numbers: of scalars. files: `.npy` arrays; for floats of eight bits, of their codes or of wider floats.
    reference: `file.py::function`, a tensor or a dict of tensors by name, of what the kernel writes, from its arguments
    (floats as float64) before the launch."""

    ranges: Mapping[str, Range] = field(default_factory=dict[str, Range])
    spans: Mapping[str, Range] = field(default_factory=dict[str, Range])
    numbers: Mapping[str, Number] = field(default_factory=dict[str, Number])
    files: Mapping[str, Path] = field(default_factory=dict[str, Path])
    reference: str | None = None

    def check(self, kernel: str, types: Mapping[str, str]) -> None:
        """Raises UsageError for names that the kernel does not have, or values that it cannot take."""
        told = {"--range": self.ranges, "--arg": self.numbers, "--input": {**self.spans, **self.files}}
        named: dict[str, str] = {}
        for option, values in told.items():
            for name in values:
                if name not in types:
                    raise UsageError(f"{option} names `{name}`; {kernel} has the arguments: {', '.join(types) or '-'}")
                if name in named:
                    raise UsageError(f"{option} gives `{name}`, which {named[name]} gives, too; leave one out")
                named[name] = option
        for name in self.numbers:
            if types[name].startswith("*"):
                raise UsageError(
                    f"--arg gives `{name}` a number, but it is {types[name]}; give --input {name}=FILE.npy"
                )
        for name in self.files:
            if not types[name].startswith("*"):
                raise UsageError(f"--input gives `{name}` an array, but it is {types[name]}; give --arg {name}=NUMBER")

    def drawn_from(self, types: Mapping[str, str]) -> dict[str, Range]:
        """`ranges` and `spans`: of floats, the end is not drawn in either."""
        found = {name: ends for name, ends in self.ranges.items() if name in types}
        for name, (low, high) in self.spans.items():
            if name not in types:
                continue
            found[name] = (low, high + 1) if types[name].lstrip("*")[0] in "iu" else (low, high)
        return found

    def words(self, name: str) -> str:
        """What was given to be drawn from."""
        if name in self.spans:
            low, high = self.spans[name]
            return f"--input gives `{name}` {low}..{high}"
        low, high = self.ranges[name]
        return f"--range gives `{name}` {low}:{high}"

    def number(self, name: str, type_: str) -> Number | None:
        """Of a scalar; UsageError where its type does not hold it."""
        value = self.numbers.get(name)
        if value is None or type_[0] not in "iu":
            return value
        bits = int(type_[1:])
        low, high = (0, (1 << bits) - 1) if type_[0] == "u" else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        if value != int(value) or not low <= value <= high:
            raise UsageError(f"--arg gives `{name}` {value}, but it is {type_}; give a whole number, {low} to {high}")
        return int(value)

    def type_of_file(self, name: str) -> str:
        """Triton's type of a pointer to the numbers in its file; floats are what the study asks for."""
        dtype: Any = _load(self.files[name], name, mmap_mode="r").dtype
        kind = next((d.triton for d in BY_TRITON.values() if d.torch == dtype.name), None)
        return f"*{kind}" if kind is not None and dtype.kind in "iub" else "*"

    def array(self, name: str, type_: str) -> torch.Tensor | None:
        """Of a pointer, from its file."""
        path = self.files.get(name)
        return None if path is None else _read(path, name, type_)


def _load(path: Path, name: str, mmap_mode: str | None = None) -> Any:
    import numpy as np

    try:
        found: Any = np.load(path, cast(Any, mmap_mode), allow_pickle=False)
    except OSError as error:
        raise UsageError(f"--input gives `{name}` the file {path}: {error.strerror or 'it cannot be read'}") from None
    except ValueError:
        raise UsageError(f"--input gives `{name}` the file {path}, which is no .npy array of numbers") from None
    if not hasattr(found, "dtype"):
        raise UsageError(f"--input gives `{name}` the file {path}, which holds several arrays; save one as .npy")
    return found


def _read(path: Path, name: str, type_: str) -> torch.Tensor:
    import numpy as np
    import torch

    from ..tensors import as_tensor

    found = _load(path, name)
    check_memory(found.size)
    wanted: torch.dtype = getattr(torch, BY_TRITON[type_[1:]].torch)
    if wanted.itemsize == 1 and found.dtype.kind == "V" and found.itemsize == 1:
        found = found.view(np.uint8)  # what is left of the types of ml_dtypes in a file
    tensor = as_tensor(np.ascontiguousarray(found), read_only=True).clone()
    if tensor.dtype == wanted:
        return tensor
    if wanted.is_floating_point and wanted.itemsize == 1 and tensor.dtype == torch.uint8:
        return tensor.view(wanted)  # NumPy has no floats of eight bits: these are their codes
    # NumPy has no bf16: floats are rounded to what the kernel takes. Integers are what they are.
    if tensor.dtype.is_floating_point and wanted.is_floating_point:
        return tensor.to(wanted)
    raise UsageError(f"--input gives `{name}` an array of {found.dtype}, but it is {type_}; save one of that type")


def expected(
    reference: str, names: Sequence[str], args: Sequence[Any], written: Sequence[str]
) -> tuple[Callable[[], Sequence[torch.Tensor]], tuple[str, ...]]:
    """What computes the outputs, and which these are. written: the parameters that the kernel stores to."""
    from ..frontends.triton.loader import load_function

    function = load_function(reference)
    copies = [_wide(value) for value in args]
    made: Any = _call(function, reference, copies)
    if not isinstance(made, dict) and len(written) != 1:
        what = f"gives {type(made).__name__}, and the kernel writes {', '.join(written) or 'nothing'}"
        raise UsageError(f"--reference: `{reference}` {what}: give a dict by name")
    found: dict[str, Any] = cast(Any, made) if isinstance(made, dict) else {written[0]: made}
    by_name = dict(zip(names, args, strict=True))
    for name, value in found.items():
        if name not in by_name or not hasattr(by_name[name], "shape"):
            raise UsageError(f"--reference: `{reference}` gives `{name}`, which is no array of the kernel's arguments")
        if not hasattr(value, "numel") or value.numel() != by_name[name].numel():
            elements = f"{by_name[name].numel():,} elements"
            raise UsageError(f"--reference: `{reference}` gives `{name}` as {_shape(value)}; the kernel has {elements}")
    order = tuple(name for name in names if name in found)
    values = [found[name].reshape(by_name[name].shape) for name in order]
    return lambda: values, order


def _call(function: Callable[..., Any], reference: str, args: Sequence[Any]) -> Any:
    try:
        return function(*args)
    except Exception as error:
        raise UsageError(f"--reference: `{reference}` fails: {type(error).__name__}: {error}") from error


def _wide(value: Any) -> Any:
    if not hasattr(value, "clone"):
        return value
    return value.double() if value.dtype.is_floating_point else value.clone()


def _shape(value: Any) -> str:
    return f"a tensor of {value.numel():,} elements" if hasattr(value, "numel") else type(value).__name__
