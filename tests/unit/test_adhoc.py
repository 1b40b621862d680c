"""Arguments for a user's own kernel."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rung import machine
from rung.bench import adhoc
from rung.bench.given import Given
from rung.compile import compile_kernel
from rung.errors import UsageError
from rung.schedule import Schedule
from tests.bench_fakes import result

ROWS = """
import triton
import triton.language as tl


@triton.jit
def rows(x_ptr, x_row_stride, n_rows, n_cols, BLOCK_SIZE: tl.constexpr):
    offsets = tl.program_id(0) * x_row_stride + tl.arange(0, BLOCK_SIZE)
    tl.store(x_ptr + offsets, 0.0, mask=tl.arange(0, BLOCK_SIZE) < n_cols)
"""


def test_rows_and_columns_need_a_size_of_two_sides(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(ROWS)
    source, constants = f"{file}::rows", {"BLOCK_SIZE": 128}
    with pytest.raises(UsageError, match="takes `n_rows` and `n_cols`; give a --size of the form ROWSxCOLS"):
        adhoc.case(source, (1000,), "f32", 0, constexprs=constants)
    case = adhoc.case(source, (50, 100), "f32", 0, constexprs=constants, grid=(50, 1, 1))
    assert case.problem.args[1:] == (100, 50, 100)


PICK = """
import triton
import triton.language as tl


@triton.jit
def pick(x_ptr, places_ptr, flags_ptr, o_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    place = tl.load(places_ptr + i, mask=mask, other=0)
    picked = tl.load(x_ptr + place, mask=mask & tl.load(flags_ptr + i, mask=mask, other=0), other=-1)
    tl.store(o_ptr + i, picked * 2 + 1, mask=mask)
"""


@pytest.mark.parametrize("kind", ["i32", "i64", "u8", "i16", "u64"])
@pytest.mark.parametrize("device", ["host", "hexagon-v73"])
def test_integers_are_drawn_as_places_within_the_arguments(kind: str, device: str, tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(PICK)
    case = adhoc.case(f"{file}::pick", (500,), "f32", 0, f"*{kind}, *i32, *i1, *{kind}, i32, 128")
    x, places, flags, o = case.problem.args[:4]
    assert places.min() >= 0 and 400 < places.max() < 500 and 100 < flags.sum() < 400
    wanted = (torch.where(flags, x.long()[places.long()], -1) * 2 + 1).to(o.dtype)
    schedule = Schedule(double_buffer=True)
    constexprs = dict(case.problem.constexprs)
    made = compile_kernel(case.kernel, case.signature, constexprs, machine=machine.load(device), schedule=schedule)
    made.run(case.problem.args, case.problem.grid)
    assert torch.equal(o, wanted)


def test_pointers_of_other_types_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(PICK)
    with pytest.raises(UsageError, match=r"`places_ptr` is \*fp8e4b15; pointers may be: \*fp32, .*\*i1, \*i8, .*\*u64"):
        adhoc.case(f"{file}::pick", (500,), "f32", 0, "*fp32, *fp8e4b15, *i1, *fp32, i32, 128")


def test_types_that_are_guessed_wrong_are_told(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(ROWS.replace("n_cols, BLOCK", "n_cols, factor, BLOCK").replace("0.0, mask", "2.0 * factor, mask"))
    with pytest.raises(UsageError, match=r"guessed from names \(x_ptr \*fp32, .*factor \*fp32\): give --signature"):
        adhoc.case(f"{file}::rows", (50, 100), "f32", 0, constexprs={"BLOCK_SIZE": 128}, grid=(50, 1, 1))


HALVES = """
import triton
import triton.language as tl


@triton.jit
def halves(x_ptr, o_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n, other=0.0).to(tl.float32)
    tl.store(o_ptr + i, tl.exp(x) + tl.sum(x), mask=i < n)


@triton.jit
def nothing(n):
    pass
"""


@pytest.mark.parametrize(
    "signature, named, relative",
    [
        (None, "bf16", 2e-2),
        ("*fp16, *fp16, i32, 256", "f16", 2e-3),
        ("*fp32, *fp16, i32, 256", "f32/f16", 2e-3),
        ("*bf16, *i8, i32, 256", "bf16/i8", 2e-2),
        ("*u8, *fp32, i32, 256", "u8/f32", 1e-5),
        ("*i32, *i32, i32, 256", "i32", 1e-5),
    ],
)
def test_a_case_is_named_and_checked_by_the_types_of_its_arrays(
    signature: str | None, named: str, relative: float, tmp_path: Path
) -> None:
    file = tmp_path / "own.py"
    file.write_text(HALVES)
    constexprs = None if signature else {"BLOCK": 256}
    case = adhoc.case(f"{file}::halves", (1000,), "bf16", 0, signature, constexprs, (4, 1, 1))
    assert (case.dtype, case.tolerance.relative) == (named, relative)
    assert result("Vec", dtype=named).dtype == named


def test_a_kernel_without_pointers_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(HALVES)
    with pytest.raises(UsageError, match="nothing takes no pointers, so that there is nothing to check"):
        adhoc.case(f"{file}::nothing", (1000,), "f32", 0, grid=(4, 1, 1))


EMBED = """
import triton
import triton.language as tl


@triton.jit
def embed(table_ptr, tokens_ptr, o_ptr, row_stride, WIDTH: tl.constexpr):
    columns = tl.arange(0, WIDTH)
    token = tl.load(tokens_ptr + tl.program_id(0))
    tl.store(o_ptr + tl.program_id(0) * row_stride + columns, tl.load(table_ptr + token * row_stride + columns))


@triton.jit
def mixed(x_ptr, i_ptr, o_ptr, first, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    place = tl.load(i_ptr + i)
    tl.store(o_ptr + first + i, tl.load(x_ptr + (place ^ 3)))


@triton.jit
def nearest(x_ptr, at_ptr, o_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(o_ptr + i, tl.load(x_ptr + tl.load(at_ptr + i).to(tl.int32)))
"""


@pytest.fixture
def embed(tmp_path: Path) -> str:
    file = tmp_path / "own.py"
    file.write_text(EMBED)
    return f"{file}::"


def test_indices_of_rows_are_drawn_within_the_rows(embed: str) -> None:
    """50 x 64 elements of the table are 50 rows; both the first and the last one are drawn."""
    case = adhoc.case(f"{embed}embed", (50, 64), "f32", 0, "*fp32, *i32, *fp32, i32, 64", grid=(50, 1, 1))
    tokens = case.problem.args[1]
    assert (tokens.min(), tokens.max()) == (0, 49)
    wide = adhoc.case(f"{embed}embed", (50, 64), "f32", 0, "*fp16, *u8, *fp32, i32, 64", grid=(50, 1, 1))
    assert wide.problem.args[1].max() == 49 and wide.problem.args[1].dtype == torch.uint8
    assert case.own is not None and case.own.indexes == {("tokens_ptr", "table_ptr"): (0, 50)}


def test_indices_whose_reach_is_not_known_are_asked_for(embed: str) -> None:
    signature = "*fp32, *i32, *fp32, i32, 128"
    words = r"`i_ptr` says where `x_ptr` is accessed \(own.py:\d+\), .* give --range i_ptr=LOW:HIGH, such as .*=0:256"
    with pytest.raises(UsageError, match=words):
        adhoc.case(f"{embed}mixed", (256,), "f32", 0, signature, grid=(1, 1, 1))
    with pytest.raises(UsageError, match=r"`at_ptr` says where `x_ptr` is accessed"):
        adhoc.case(f"{embed}nearest", (256,), "f32", 0, "*fp32, *fp32, *fp32, 128", grid=(1, 1, 1))


def test_ranges_are_drawn_from(embed: str) -> None:
    signature, ranges = "*fp32, *i32, *fp32, i32, 128", {"i_ptr": (8.0, 40.0), "first": (3.0, 4.0), "x_ptr": (5.0, 6.5)}
    case = adhoc.case(f"{embed}mixed", (256,), "f32", 0, signature, grid=(1, 1, 1), given=Given(ranges))
    x, places, _, first = case.problem.args
    assert (places.min(), places.max(), first) == (8, 39, 3)
    assert 5 <= x.min() < 5.2 and 6.3 < x.max() <= 6.5


@pytest.mark.parametrize(
    "ranges, words",
    [
        ({"z": (0, 1)}, "--range names `z`; mixed has the arguments: x_ptr, i_ptr, o_ptr, first"),
        ({"BLOCK": (0, 1)}, "--range names `BLOCK`"),
        ({"i_ptr": (0, 2.5)}, "gives `i_ptr` 0:2.5, but it is \\*u8; give whole numbers"),
        ({"i_ptr": (0, 257)}, "gives `i_ptr` 0:257, but it is \\*u8; give numbers of 0 to 255"),
        ({"i_ptr": (-1, 5)}, "give numbers of 0 to 255"),
        ({"i_ptr": (0, 5), "first": (0, 1 << 32)}, "`first` 0:4294967296, but it is i32; give numbers of -2147483648"),
    ],
)
def test_ranges_that_do_not_fit_are_refused(embed: str, ranges: dict[str, tuple[float, float]], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        adhoc.case(
            f"{embed}mixed", (256,), "f32", 0, "*fp32, *u8, *fp32, i32, 128", grid=(1, 1, 1), given=Given(ranges)
        )
