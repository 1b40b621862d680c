"""Planted faults, each found: the right argument, line, program and distance."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from rung.errors import SanitizerError
from tests.sanitize import planted as k

SOURCE = Path(k.__file__).read_text().splitlines()
VEC, SCALAR, MT = "", "vectorize=off", "threads=2"


def ramp(n: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return (torch.arange(n) % 2).to(dtype)


def marked(kernel: Any, mark: str) -> int:
    """The line with `# mark` in the kernel, or in the function above it that it calls."""
    lines, first = inspect.getsourcelines(kernel.fn)
    found = [first + n for n, text in enumerate(lines) if f"# {mark}" in text]
    above = [n for n, text in enumerate(SOURCE[:first], 1) if f"# {mark}" in text]
    return found[0] if found else above[-1]


@dataclass(frozen=True)
class Fault:
    kernel: Any
    arguments: Callable[[], Sequence[Any]]
    constants: dict[str, int]
    grid: tuple[int, ...]
    says: str
    """Of the headline, as a regular expression."""
    schedule: str = VEC

    @property
    def name(self) -> str:
        dtype = next((str(a.dtype).removeprefix("torch.") for a in self.arguments() if isinstance(a, torch.Tensor)), "")
        return f"{self.kernel.__name__}-{dtype}-{self.schedule or 'default'}"


F32, F16, BF16, F64 = torch.float32, torch.float16, torch.bfloat16, torch.float64
I8, I32, I64, BOOL = torch.int8, torch.int32, torch.int64, torch.bool


def line(kernel: Any, says: str, dtype: torch.dtype = F32, schedule: str = VEC, n: int = 100, grid: int = 2) -> Fault:
    """x and out of n elements, blocks of 64."""
    return Fault(kernel, lambda: (ramp(n, dtype), ramp(n, dtype), n), {"B": 64}, (grid,), says, schedule)


def table(
    kernel: Any, says: str, dtype: torch.dtype = F32, schedule: str = VEC, grid: tuple[int, int] = (1, 1)
) -> Fault:
    """x and out of 12 x 20, blocks of 16 x 32, or 16 x 16 in a larger grid."""

    def make() -> Sequence[Any]:
        return ramp(240, dtype).view(12, 20), ramp(240, dtype).view(12, 20), 12, 20

    return Fault(kernel, make, {"BM": 16, "BN": 32 if grid == (1, 1) else 16}, grid, says, schedule)


def indexed(
    kernel: Any, says: str, index: dict[int, int], dtype: torch.dtype = F32, schedule: str = VEC, wide: bool = False
) -> Fault:
    """x and out of 100 elements, an index that is 0 to 99 but for `index`."""

    def make() -> Sequence[Any]:
        numbers = torch.arange(100, dtype=I64 if wide else I32)
        for at, number in index.items():
            numbers[at] = number
        return ramp(100, dtype), numbers, ramp(100, dtype), 100

    return Fault(kernel, make, {"B": 64}, (2,), says, schedule)


OUTSIDE = [
    *(
        line(k.load_without_mask, "^28 elements past the end of `x` are read; is a mask missing", d, s)
        for d, s in [(F32, VEC), (F16, SCALAR), (BF16, MT), (F64, VEC), (I8, VEC), (I64, SCALAR), (BOOL, VEC)]
    ),
    *(
        line(k.store_without_mask, "^28 elements past the end of `out` are written; is a mask missing", d, s)
        for d, s in [(F32, MT), (F16, VEC), (I8, SCALAR), (I32, VEC), (BOOL, SCALAR)]
    ),
    line(k.mask_of_another_size, "^3 elements past the end of `x` are read; is its mask"),
    line(k.mask_of_another_size, "^3 elements past the end of `x` are read; is its mask", I32, SCALAR),
    line(k.before_the_beginning, "^5 elements before the beginning of `x` are read"),
    line(k.before_the_beginning, "^5 elements before the beginning of `x` are read", F16, MT),
    line(k.stride_of_two, "^`x` is read up to 27 elements past its end"),
    line(k.stride_of_two, "^`x` is read up to 27 elements past its end", I8, SCALAR),
    line(k.reversed_by_one, "^1 element past the end of `x` is read"),
    line(k.reversed_by_one, "^1 element past the end of `x` is read", F64, SCALAR),
    line(k.one_turn_too_many, "^28 elements past the end of `x` are read", grid=1),
    line(k.one_turn_too_many, "^28 elements past the end of `x` are read", F32, SCALAR, grid=1),
    line(k.while_too_far, "^1 element past the end of `x` is read", grid=1),
    line(k.under_a_branch, "^2 elements past the end of `out` are written"),
    line(k.under_a_branch, "^2 elements past the end of `out` are written", I32, MT),
    line(k.in_a_function, "^1 element past the end of `x` is read", grid=100),
    line(k.scalar_load, "^1 element past the end of `x` is read", grid=100),
    line(k.scalar_load, "^1 element past the end of `x` is read", I8, SCALAR, grid=100),
    line(k.scalar_store, "^1 element past the end of `out` is written", F32, MT, grid=100),
    line(k.scalar_atomic, "^1 element past the end of `out` is updated", I32, grid=100),
    line(k.compare_and_swap, "^1 element before the beginning of `out` is updated", I32, grid=1),
    Fault(
        k.chosen_pointer,
        lambda: (ramp(64), ramp(63), ramp(64), 64),
        {"B": 64},
        (1,),
        "^1 element past the end of `y` is read",
    ),
    Fault(
        k.pointer_that_changes_hands,
        lambda: (ramp(64), ramp(80), ramp(192), 64),
        {"B": 64},
        (1,),
        "^16 elements past the end of `y` are read",
    ),
    table(k.columns_without_mask, "^12 elements past the end of `x` are read"),
    table(k.columns_without_mask, "^12 elements past the end of `x` are read", F16, SCALAR),
    table(k.columns_without_mask, "^12 elements past the end of `x` are read", I8, MT),
    table(k.rows_without_mask, "^80 elements past the end of `out` are written"),
    table(k.rows_without_mask, "^80 elements past the end of `out` are written", BF16, SCALAR),
    table(k.wrong_stride, "^11 elements past the end of `x` are read"),
    table(k.wrong_stride, "^11 elements past the end of `x` are read", I64, SCALAR),
    table(k.transposed, "^`out` is written up to 152 elements past its end"),
    table(k.transposed, "^`out` is written up to 152 elements past its end", F16, SCALAR),
    table(k.rows_that_wrap, "^20 elements past the end of `x` are read"),
    table(k.rows_that_wrap, "^20 elements past the end of `x` are read", F64, SCALAR),
    table(k.three_dimensions, "^240 elements past the end of `x` are read"),
    table(k.block_pointer, "^80 elements past the end of `x` are read"),
    table(k.product, "^12 elements past the end of `x` are read"),
    table(k.product, "^12 elements past the end of `x` are read", F16, SCALAR),
    indexed(k.gather, "^`x` is read 900 elements past its end", {77: 999}),
    indexed(k.gather, "^1 element past the end of `x` is read", {3: 100}, F16, SCALAR),
    indexed(k.gather, "^`x` is read up to 3 elements before its beginning", {70: -3, 80: -3}, I8, MT, wide=True),
    indexed(k.scatter, "^1 element past the end of `out` is written", {99: 100}),
    indexed(k.scatter, "^`out` is written 17 elements before its beginning", {0: -17}, I64, SCALAR),
    indexed(k.histogram, "^`out` is updated 4 elements past its end", {50: 103}, I32),
    indexed(k.histogram, "^`out` is updated 4 elements past its end", {50: 103}, F32, MT),
    indexed(k.rows_by_index, "^64 elements past the end of `x` are read", {0: 0, 1: 1}),
]
RACES = [
    line(k.same_elements, r"^programs \(0, 0, 0\) and \(1, 0, 0\) race for `out`: one writes it .* the other writes"),
    line(k.same_elements, "race for `out`: one writes it .* the other writes", I8, SCALAR),
    line(k.overlapping_blocks, "race for `out`: one writes it .* the other writes", F32, MT),
    line(k.one_number, "race for `out`: one writes it .* the other writes", I32),
    line(k.shifted_in_place, "race for `x`: one reads it .* the other writes", F32, MT),
    line(k.shifted_in_place, "race for `x`: one reads it .* the other writes", F16, SCALAR),
    line(k.read_of_what_another_writes, "race for `out`: one writes it .* the other reads", F32),
    line(k.sum_without_atomic, "race for `out`: one writes it .* the other reads", F32, MT),
    line(k.store_among_atomics, "race for `out`: one updates it .* the other writes", I32, grid=3),
    table(k.tiles_that_overlap, "race for `out`: one writes it .* the other writes", grid=(1, 2)),
    table(k.tiles_that_overlap, "race for `out`: one writes it .* the other writes", I8, SCALAR, grid=(1, 2)),
    indexed(k.scatter_to_one_place, "race for `out`: one writes it .* the other writes", {90: 5}),
    indexed(k.scatter_to_one_place, "race for `out`: one writes it .* the other writes", {90: 5}, F16, MT, wide=True),
]


def test_there_are_sixty() -> None:
    assert len(OUTSIDE) + len(RACES) >= 60


@pytest.mark.parametrize("fault", [*OUTSIDE, *RACES], ids=lambda fault: fault.name)
def test_is_found(fault: Fault) -> None:
    arguments = fault.arguments()
    with pytest.raises(SanitizerError) as raised:
        fault.kernel[fault.grid](*arguments, **fault.constants, schedule=fault.schedule, sanitize="1")
    headline, *rest = str(raised.value).splitlines()
    assert re.search(fault.says, headline), headline
    named = [int(number) for number in re.findall(r'^  File ".*/planted.py", line (\d+)', "\n".join(rest), re.M)]
    expected = [marked(fault.kernel, "here")]
    if "race" in headline:
        expected.append(marked(fault.kernel, "there"))
    assert named == expected
