"""Arguments for a user's own kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.bench import adhoc
from rung.errors import UsageError

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


def test_types_that_are_guessed_wrong_are_told(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(ROWS.replace("n_cols, BLOCK", "n_cols, factor, BLOCK").replace("0.0, mask", "2.0 * factor, mask"))
    with pytest.raises(UsageError, match=r"guessed from names \(x_ptr \*fp32, .*factor \*fp32\): give --signature"):
        adhoc.case(f"{file}::rows", (50, 100), "f32", 0, constexprs={"BLOCK_SIZE": 128}, grid=(50, 1, 1))
