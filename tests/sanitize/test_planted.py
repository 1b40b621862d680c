"""Planted faults, each found: the right argument, line, program and distance."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from triton.tools.tensor_descriptor import TensorDescriptor

from rung.errors import SanitizerError
from tests.sanitize import planted as k
from tests.sanitize import planted_races as r

VEC, SCALAR, MT = "", "vectorize=off", "threads=2"


def ramp(n: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return (torch.arange(n) % 2).to(dtype)


def marked(kernel: Any, mark: str) -> int:
    """The line with `# mark` in the kernel, or in the function above it that it calls."""
    lines, first = inspect.getsourcelines(kernel.fn)
    found = [first + n for n, text in enumerate(lines) if f"# {mark}" in text]
    source = Path(inspect.getfile(kernel.fn)).read_text().splitlines()
    above = [n for n, text in enumerate(source[:first], 1) if f"# {mark}" in text]
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
E4, E5 = torch.float8_e4m3fn, torch.float8_e5m2
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


def addresses(dtype: torch.dtype) -> Sequence[Any]:
    """A table with where x, of 60 elements, is."""
    x = ramp(60, dtype)
    return torch.tensor([x.data_ptr()]), x, ramp(64, dtype), 64


def described() -> Sequence[Any]:
    """x of 60 elements, said to have 64."""
    return TensorDescriptor(ramp(60), [64], [1], [64]), ramp(64), 64


def counting(kernel: Any, says: str, schedule: str = VEC) -> Fault:
    """A counter or locks, and out of 200 elements."""
    return Fault(
        kernel, lambda: (ramp(100), ramp(200, I32) * 0, ramp(200, I32) * 0, 100), {"B": 32}, (4,), says, schedule
    )


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
    *(
        line(k.load_without_mask, "^28 elements past the end of `x` are read; is a mask missing", d, s)
        for d, s in [(E5, VEC), (E4, SCALAR), (E4, MT)]
    ),
    line(k.store_without_mask, "^28 elements past the end of `out` are written; is a mask missing", E5),
    line(k.scalar_load, "^1 element past the end of `x` is read", E4, grid=100),
    line(k.address_that_is_moved, "^20 elements past the end of `x` are read", F16, grid=1, n=76),
    line(k.address_that_is_moved, "^20 elements past the end of `x` are read", F32, SCALAR, grid=1, n=60),
    line(k.in_a_function_of_a_function, "^4 elements past the end of `out` are written", grid=1, n=68),
    line(k.pointer_that_while_carries, "^28 elements past the end of `x` are read", F32, grid=1, n=100),
    line(k.pointer_that_while_carries, "^28 elements past the end of `x` are read", F16, SCALAR, grid=1, n=100),
    Fault(
        k.pointer_of_a_branch,
        lambda: (ramp(64), ramp(60), ramp(64), 64),
        {"B": 64},
        (1,),
        "^4 elements past the end of `y` are read",
    ),
    *(
        Fault(
            k.pointer_from_a_table,
            partial(addresses, d),
            {"B": 64},
            (1,),
            "^4 elements past the end of `x` are read",
            s,
        )
        for d, s in [(F32, VEC), (I8, SCALAR), (E5, VEC)]
    ),
    Fault(k.descriptor_of_the_host, described, {"B": 64}, (1,), "^4 elements past the end of `x` are read"),
    table(k.descriptor_of_too_many_rows, "^20 elements past the end of `x` are read"),
    table(k.descriptor_of_too_many_rows, "^20 elements past the end of `x` are read", E5, SCALAR),
    table(k.descriptor_of_a_wrong_stride, "^`out` is written up to 44 elements past its end"),
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
    indexed(
        k.gather, "^`x` is read up to 3 elements before its beginning and 1 element past its end", {13: -3, 30: 100}
    ),
    indexed(k.scatter, "^1 element past the end of `out` is written", {99: 100}),
    indexed(k.scatter, "^`out` is written 17 elements before its beginning", {0: -17}, I64, SCALAR),
    indexed(k.histogram, "^`out` is updated 4 elements past its end", {50: 103}, I32),
    indexed(k.histogram, "^`out` is updated 4 elements past its end", {50: 103}, F32, MT),
    indexed(k.rows_by_index, "^64 elements past the end of `x` are read", {0: 0, 1: 1}),
]
RACES = [
    line(r.same_elements, r"^programs \(0, 0, 0\) and \(1, 0, 0\) race for `out`: one writes it .* the other writes"),
    line(r.same_elements, "race for `out`: one writes it .* the other writes", I8, SCALAR),
    line(r.overlapping_blocks, "race for `out`: one writes it .* the other writes", F32, MT),
    line(r.one_number, "race for `out`: one writes it .* the other writes", I32),
    line(r.shifted_in_place, "race for `x`: one reads it .* the other writes", F32, MT),
    line(r.shifted_in_place, "race for `x`: one reads it .* the other writes", F16, SCALAR),
    line(r.read_of_what_another_writes, "race for `out`: one writes it .* the other reads", F32),
    line(r.sum_without_atomic, "race for `out`: one writes it .* the other reads", F32, MT),
    line(r.store_among_atomics, "race for `out`: one updates it .* the other writes", I32, grid=3),
    table(r.tiles_that_overlap, "race for `out`: one writes it .* the other writes", grid=(1, 2)),
    table(r.tiles_that_overlap, "race for `out`: one writes it .* the other writes", I8, SCALAR, grid=(1, 2)),
    indexed(r.scatter_to_one_place, "race for `out`: one writes it .* the other writes", {90: 5}),
    indexed(r.scatter_to_one_place, "race for `out`: one writes it .* the other writes", {90: 5}, F16, MT, wide=True),
    *(
        counting(kernel, f"race for `out`: one writes it .* the other {does}")
        for kernel, does in [
            (r.counted_in_between, "writes"),
            (r.numbered_in_between, "writes"),
            (r.locks_that_differ, "reads"),
            (r.read_before_the_lock, "reads"),
            (r.written_behind_the_lock, "reads"),
            (r.sums_without_looking_at_the_count, "reads"),
            (r.relaxed, "reads"),
            (r.rows_counted_in_between, "writes"),
        ]
    ),
]


BENIGN = [
    *(line(r.copied_twice, "write `out`", d, s) for d, s in [(F32, VEC), (F16, SCALAR), (I8, MT), (E5, VEC)]),
    line(r.scalar_of_all, "write `out`"),
    indexed(r.scattered_twice, "write `out`", {90: 5}),
]


def test_there_are_a_hundred() -> None:
    assert len(OUTSIDE) + len(RACES) + len(BENIGN) >= 100


@pytest.mark.parametrize("fault", [*OUTSIDE, *RACES], ids=lambda fault: fault.name)
def test_is_found(fault: Fault) -> None:
    arguments = fault.arguments()
    with pytest.raises(SanitizerError) as raised:
        fault.kernel[fault.grid](*arguments, **fault.constants, schedule=fault.schedule, sanitize="1")
    headline, *rest = str(raised.value).splitlines()
    assert re.search(fault.says, headline), headline
    named = [
        int(number) for number in re.findall(r'^  File ".*/planted(?:_races)?.py", line (\d+)', "\n".join(rest), re.M)
    ]
    expected = [marked(fault.kernel, "here")]
    if "race" in headline:
        expected.append(marked(fault.kernel, "there"))
    assert named == expected


@pytest.mark.parametrize("fault", BENIGN, ids=lambda fault: fault.name)
@pytest.mark.parametrize("sanitize", ["1", "report"])
def test_the_same_number_is_told_apart(fault: Fault, sanitize: str, capfd: pytest.CaptureFixture[str]) -> None:
    fault.kernel[fault.grid](*fault.arguments(), **fault.constants, schedule=fault.schedule, sanitize=sanitize)
    head, told, *more = capfd.readouterr().err.splitlines()
    assert head == f"rung: no faults in a launch of `{fault.kernel.__name__}`"
    number = marked(fault.kernel, "here")
    assert re.match(
        rf"  planted_races.py:{number}:\d+: benign: programs \(0, 0, 0\) and \(1, 0, 0\) {fault.says} "
        rf"in line {number}:\d+, and every program writes the same value",
        told,
    )
    assert not more


@pytest.mark.parametrize(
    "kernel",
    [
        r.under_a_lock,
        r.last_one_begins_anew,
        r.handed_from_one_to_the_next,
        r.volatile_flag,
        r.flags_of_a_block,
    ],
)
@pytest.mark.parametrize("grid", [3, 20, 150])
def test_what_is_in_order_is_no_race(kernel: Any, grid: int, capfd: pytest.CaptureFixture[str]) -> None:
    kernel[(grid,)](ramp(100), ramp(200, I32) * 0, ramp(200, I32) * 0, 100, B=32, sanitize="1")
    assert capfd.readouterr().err == ""
