"""The page that walks one GELU through all stages is what the compiler makes now."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

_TOOL = Path(__file__).parents[2] / "tools" / "make_walkthrough.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_walkthrough", _TOOL)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(tool: ModuleType) -> None:
    assert tool.PAGE.read_text() == tool.page(), "run: python tools/make_walkthrough.py"


def test_the_page_says_nothing_of_where_it_was_made(tool: ModuleType) -> None:
    assert str(tool.ROOT) not in tool.PAGE.read_text()


def test_index_arithmetic_and_repetitions_are_counted(tool: ModuleType) -> None:
    lines = [
        "  %0 = arith.constant 1 : index",
        "  %1 = arith.addi %0, %0 : index",
        "  %2 = arith.minsi %1, %0 : index",
        "  %3 = arith.addf %a, %b : vector<16xf32>",
        "  %4 = arith.addf %a, %b : vector<16xf32>",
        "  %5 = arith.mulf %a, %b : vector<16xf32>",
    ]
    assert tool.fold(lines, keep="minsi") == [
        "  // 2 lines of constants and index arithmetic", lines[2], lines[3], "  // and 1 more arith.addf", lines[5],
    ]  # fmt: skip


def test_a_block_is_found_by_its_end_or_its_beginning(tool: ModuleType) -> None:
    lines = ["  a {", "    b {", "      c", "    } {mark}", "  }"]
    assert tool.block(lines, "mark") == ["b {", "  c", "} {mark}"]
    assert tool.block(lines, "a {") == ["a {", "  b {", "    c", "  } {mark}", "}"]
