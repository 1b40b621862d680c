"""Numbers that nobody may rely on are found where they count, and nowhere else."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
import torch

from rung.errors import SanitizerError
from tests.sanitize import undefined as k

I32, F32 = torch.int32, torch.float32


def launch(kernel: Any, dtype: torch.dtype, sanitize: str, n: int = 50, m: int = 60, grid: int = 1) -> torch.Tensor:
    x, y = torch.arange(64 * 4).to(dtype), torch.arange(64, dtype=I32 if dtype == I32 or kernel is k.address else dtype)
    out = torch.zeros(256, dtype=dtype)
    kernel[(grid,)](x, y, out, n, m, B=64, sanitize=sanitize)
    return out


def lines(kernel: Any) -> list[int]:
    source, first = inspect.getsourcelines(kernel.fn)
    return [next(first + n for n, text in enumerate(source) if f"# {mark}" in text) for mark in ("here", "of")]


FOUND = [
    (k.stored, F32, "values", r"without `other=` left out .* is stored", 10),
    (k.stored, I32, "values", r"without `other=` left out .* is stored", 10),
    (k.reduced, F32, "values", r"without `other=` left out .* is reduced", 14),
    (k.reduced_rows, F32, "values", r"without `other=` left out .* is reduced", 56),
    (k.address, F32, "values", r"without `other=` left out .* says what memory is accessed", 10),
    (k.divided, I32, "values", r"that a division by zero gave .* is stored", 1),
    (k.divided_scalar, I32, "values", r"that a division by zero gave .* is stored", 1),
    (k.shifted, I32, "values", r"shifted by its width or more .* is stored", 18),
    (k.overflowing, F32, "overflow", r"32 bits do not hold .* says what memory is accessed", None),
    (k.infinite, F32, "nan", r"NaN or infinite.* is stored", 1),
    (k.not_a_number, F32, "nan", r"NaN or infinite.* is stored", 1),
    (k.summed_in_a_loop, F32, "values", r"without `other=` left out .* is stored", 10),
    (k.summed_in_a_loop, I32, "values", r"without `other=` left out .* is stored", 10),
    (k.kept_from_the_turn_before, F32, "values", r"without `other=` left out .* is stored", 10),
    (k.in_inner_loops, F32, "values", r"without `other=` left out .* is stored", 10),
    (k.while_it_lasts, F32, "values", r"without `other=` left out .* is stored", 10),
    (k.scalar_of_a_loop, I32, "values", r"without `other=` left out .* is stored", 1),
    (k.from_a_branch, F32, "values", r"without `other=` left out .* is stored", 10),
    (k.says_what_is_done, I32, "values", r"without `other=` left out .* decides what is done", 1),
    (k.says_what_is_stored, F32, "values", r"without `other=` left out .* decides what is done", 14),
    (k.says_how_often, I32, "values", r"without `other=` left out .* decides what is done", 1),
    (k.overflowing_in_a_loop, F32, "overflow", r"32 bits do not hold .* says what memory is accessed", None),
    (k.infinite_in_a_loop, F32, "nan", r"NaN or infinite.* is stored", 34),
    (k.infinite_sum, F32, "nan", r"NaN or infinite.* is stored", 1),
    (k.infinite_product, F32, "nan", r"NaN or infinite.* is stored", 256),
    (k.infinite_scan, F32, "nan", r"NaN or infinite.* is stored", 52),
    (k.without_a_number, F32, "nan", r"NaN or infinite.* is stored", 64),
    (k.dropped_by_a_maximum, F32, "nan", r"NaN or infinite.* is reduced", 1),
    (k.flipped, F32, "values", r"without `other=` left out .* is stored", 10),
    (k.scanned, F32, "values", r"without `other=` left out .* is stored", 10),
    (k.scanned_backwards, I32, "values", r"without `other=` left out .* is stored", 10),
    (k.sorted_with_the_rest, F32, "values", r"without `other=` left out .* is sorted with others", None),
    (k.looked_up, F32, "values", r"without `other=` left out .* is stored", 10),
    (k.taken_apart, F32, "values", r"without `other=` left out .* is stored", 10),
    (k.counted, I32, "values", r"without `other=` left out .* is counted", 14),
    (k.multiplied, F32, "values", r"without `other=` left out .* goes into a product of matrices", 128),
]


@pytest.mark.parametrize(("kernel", "dtype", "what", "says", "count"), FOUND)
def test_is_found(kernel: Any, dtype: torch.dtype, what: str, says: str, count: int | None) -> None:
    n = 90 if kernel is k.infinite else 50
    m = (1 << 31) - 1 if kernel in (k.overflowing, k.overflowing_in_a_loop) else 60
    with pytest.raises(SanitizerError) as raised:
        if kernel is k.infinite:  # exp(89) is beyond f32
            x = torch.arange(64.0) + 26
            kernel[(1,)](x, x, torch.zeros(64), 64, m, B=64, sanitize=f"1,{what}")
        else:
            launch(kernel, dtype, f"1,{what}", n, m)
    text = str(raised.value)
    assert re.search(says, text.splitlines()[0]), text
    named = re.findall(r'^  File ".*/undefined.py", line (\d+)', text, re.M)
    assert [int(number) for number in named][-2:] == lines(kernel)
    if count is not None:
        assert f"elements  {count}, of which" in text
    launch(kernel, dtype, "1", 50, 60)  # not asked for


CLEAN = [
    k.same_mask,
    k.chosen,
    k.narrower_mask,
    k.smaller_at_run_time,
    k.divided_where_not_zero,
    k.left_out_of_two_dimensions,
    k.summed_in_a_loop_and_masked,
    k.replaced_in_the_last_turn,
    k.flipped_with_its_mask,
    k.flipped_rows,
    k.scanned_with_its_mask,
    k.rows_of_their_own,
    k.rows_of_a_product,
    k.false_whatever_it_is,
    k.wraps_on_purpose,
    k.finite_again,
    k.rows_beyond_the_last,
]


@pytest.mark.parametrize("kernel", CLEAN)
def test_is_not_found_where_it_does_not_count(kernel: Any) -> None:
    plain = launch(kernel, I32, "0")
    assert torch.equal(launch(kernel, I32, "1,values,overflow,nan"), plain)
