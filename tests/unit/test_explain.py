"""The compiler's decisions in words, from what a record holds."""

from __future__ import annotations

from typing import Any

import pytest

from rung.report import explain
from rung.report import text as words
from tests.bench_fakes import result

MACHINE = {"arch": "hexagon", "contexts": 4, "fork_join_ns": 2000.0, "scratchpad_bytes": 1 << 20}
SCHEDULE: dict[str, Any] = {
    "vectorize": True, "threads": 0, "double_buffer": False, "depth": 2, "scratchpad": False,
    "tile_elements": 16384, "profitability": True,
}  # fmt: skip
FORK = {"op": "func.call", "body_cost_ns": 815.0, "break_even_programs": 4, "distribution": "block"}


def told(decided: list[dict[str, Any]], grid: int = 1024, **schedule: Any) -> str:
    found = result("Vec", schedule=SCHEDULE | schedule, evidence={"decided": decided}, grid=[grid, 1, 1])
    return "\n".join(explain.lines(found, MACHINE))


@pytest.mark.parametrize(
    "grid, forced, words",
    [
        (1024, False, "the grid has 1,024: it forks over 4 contexts, block distribution"),
        (3, False, "the grid has 3: it does not fork"),
        (3, True, "forking is forced: 3 programs over 3 contexts"),
        (1, True, "forking is forced: 1 programs do not fork"),
    ],
)
def test_a_fork_is_told_with_its_numbers(grid: int, forced: bool, words: str) -> None:
    text = told([FORK, {**FORK, "op": "func.func", "task": True}], grid, profitability=not forced)
    assert "estimated at 815 ns" in text and "sharing pays from 4 programs on" in text
    assert words in text and text.count("MT:") == 1


def test_programs_that_wait_take_turns() -> None:
    waits = {"op": "func.call", "body_cost_ns": 815.0, "break_even_programs": 4, "contexts_at_most": 4}
    assert "it forks over 4 contexts, on which those that wait take turns" in told([waits])
    assert "one context runs all programs in turns" in told([waits], threads=1)
    assert "one context runs all programs in order" in told([FORK], threads=1)


def test_loops_inside_are_shared_where_the_grid_is_not() -> None:
    assert "from 9 tiles on, where the grid is not" in told([{**FORK, "break_even_programs": 9}, FORK])


def test_vector_loops_are_counted() -> None:
    loop = {"op": "scf.for", "vectorized": {"lanes": 16, "unroll": 4}}
    text = told([loop, loop, {"op": "scf.for", "scalar": "an integer division"}])
    assert "2 of 16 lanes x 4 in flight" in text and "1 nests stay scalar: an integer division" in text


def test_loops_that_fetch_ahead_are_counted() -> None:
    loop = {"op": "scf.for", "vectorized": {"lanes": 16, "unroll": 4}}
    ahead = [loop, {**loop, "prefetched": {"ops": 2, "bytes": 8192}}, {"op": "x", "prefetched": {"ops": 1, "bytes": 4}}]
    assert "fetch" not in told(ahead, prefetch=True), "there is no cache"

    def on_a_cpu(decided: list[dict[str, Any]], **schedule: Any) -> str:
        found = result("Vec", schedule=SCHEDULE | schedule, evidence={"decided": decided})
        return "\n".join(explain.lines(found, MACHINE | {"prefetch_bytes": 1 << 19}))

    assert "PF: 3 prefetch ops in the loops, for the 8,196 bytes" in on_a_cpu(ahead, prefetch=True)
    assert "PF: no loop reads again" in on_a_cpu([loop], prefetch=True)
    assert "PF is off" in on_a_cpu([loop], prefetch=False)
    assert "PF" not in on_a_cpu([loop], prefetch=True, vectorize=False)
    assert "3 prefetch ops, 8,196 bytes ahead" in words.evidence({"decided": ahead})


def test_what_the_back_end_takes_apart_is_named() -> None:
    decided = [{"op": "func.func", "scalarized": ["vector.gather on vector<32xf32>"]}]
    text = told(decided)
    assert "vector.gather on vector<32xf32> is taken apart lane by lane by LLVM's Hexagon back end" in text
    assert words.evidence({"decided": decided}) == "1 vector ops taken apart"


def test_the_scratchpad_is_told_against_its_budget() -> None:
    loop = {"op": "scf.for", "promoted": 2, "streams": 1, "scratchpad_bytes": 16384, "pipelined": 1, "depth": 3}
    refused = {"op": "scf.for", "direct": ["argument 1: its 300000 bytes do not fit"]}
    text = told([loop, refused], double_buffer=True, depth=3)
    assert "2 arrays go through the scratchpad, 1 tile by tile with 3 buffers each" in text
    assert "16,384 bytes per context, of 262,144" in text and "do not fit; it is accessed directly" in text


def test_library_calls_are_told_with_what_they_are_charged() -> None:
    npu = {"helper_cycles": {"expf": 58.0, "floof": 3.0}, "default_helper_cycles": 20.0}
    found = result("Vec", schedule=SCHEDULE, evidence={"object": {"helpers": ["expf", "floorf", "sinf"]}})
    line = "Library: cycles per call: expf at 58; floorf, sinf at 20 (npu.default_helper_cycles)."
    assert line in explain.lines(found, MACHINE | {"npu": npu})
    assert "Library" not in told([])


def test_mechanisms_that_are_off_are_named() -> None:
    text = told([], vectorize=False, threads=1)
    assert all(f"{name} is off" in text for name in ("Vec", "MT", "DB"))
