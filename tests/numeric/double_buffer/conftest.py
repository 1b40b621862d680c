"""Copy engines of every timing, and how many buffers a stream has."""

from __future__ import annotations

from pathlib import Path

import pytest
from dma_harness import build_engine, set_timing

from tests.numeric.double_buffer.loops import CASES, case_name


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all modules: a process finds the symbols of one, whatever it loads."""
    return build_engine(tmp_path_factory.mktemp("engine"))


@pytest.fixture(params=CASES, ids=case_name)
def case(request: pytest.FixtureRequest) -> tuple[str, int]:
    """The engine's timing and the depth; depth 1 is single buffering."""
    return request.param


@pytest.fixture
def depth(case: tuple[str, int]) -> int:
    return case[1]


@pytest.fixture
def engine(library: Path, case: tuple[str, int]) -> Path:
    set_timing(library, case[0])
    return library
