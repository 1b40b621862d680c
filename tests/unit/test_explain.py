"""The compiler's decisions in words, from what a record holds."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import pytest

from rung import machine
from rung.bench import environment, group, suite
from rung.compile import compile_kernel
from rung.evidence import Evidence, Launch
from rung.report import explain
from rung.report import text as words
from rung.schedule import Schedule
from tests.bench_fakes import result

MACHINE: Any = {"name": "a device", "arch": "hexagon"}
SCHEDULE: dict[str, Any] = {
    "vectorize": True, "threads": 0, "double_buffer": False, "depth": 2, "scratchpad": False,
    "tile_elements": 16384, "profitability": True,
}  # fmt: skip
FORK: dict[str, Any] = {
    "op": "func.call", "body_cost_ns": 815.0, "break_even_programs": 4, "distribution": "block",
    "fork": {"loop": "grid", "contexts": 4, "least": 4, "fork_join_ns": 2000.0},
}  # fmt: skip
TILES: dict[str, Any] = FORK | {
    "break_even_programs": 9,
    "fork": {"loop": "tiles", "contexts": 4, "least": 9, "fork_join_ns": 2000.0},
}


def forced(decision: dict[str, Any]) -> dict[str, Any]:
    return decision | {"fork": decision["fork"] | {"least": 2}}


def scratchpad(buffers: int = 3) -> dict[str, Any]:
    return {"op": "func.func", "scratchpad": {"budget_bytes": 65536, "buffers": buffers}}


def told(decided: list[dict[str, Any]], grid: int = 1024, **schedule: Any) -> str:
    found = result("Vec", schedule=SCHEDULE | schedule, evidence={"decided": decided}, grid=[grid, 1, 1])
    return "\n".join(explain.lines(found, MACHINE))


@pytest.mark.parametrize(
    "grid, decision, words",
    [
        (1024, FORK, "the grid has 1,024: it forks over 4 contexts, block distribution"),
        (3, FORK, "the grid has 3: it does not fork"),
        (3, forced(FORK), "forking is forced: 3 programs over 3 contexts"),
        (1, forced(FORK), "forking is forced: 1 programs do not fork"),
    ],
)
def test_a_fork_is_told_with_its_numbers(grid: int, decision: dict[str, Any], words: str) -> None:
    text = told([decision, {**decision, "op": "func.func", "task": True}], grid)
    assert "estimated at 815 ns and a fork and join of 4 contexts at 2,000 ns" in text
    assert "sharing pays from 4 programs on" in text
    assert words in text and text.count("MT:") == 1


def test_programs_that_wait_take_turns() -> None:
    waits = {key: value for key, value in FORK.items() if key != "distribution"} | {"programs": True}
    assert "it forks over 4 contexts, on which those that wait take turns" in told([waits])
    assert "one context runs all programs in turns" in told([waits | {"fork": FORK["fork"] | {"contexts": 1}}])


def test_loops_inside_are_shared_where_the_grid_is_not() -> None:
    assert "from 9 tiles on, where the grid is not" in told([TILES, FORK])
    assert "MT: a loop over tiles, 815 ns per tile, is shared from 9 tiles on." in told([TILES])


def test_what_is_not_shared_says_why() -> None:
    tiles = {"op": "scf.for", "tile_loop": True, "serial": "2 iterations; a fork pays from 6 on"}
    assert "MT: a loop over tiles is not shared: 2 iterations; a fork pays from 6 on." in told([tiles, FORK])
    alone = told([{"op": "scf.for", "serial": "one context"}])
    assert "MT is off: one context runs all programs in order." in alone
    assert "MT finds no parallel loop that could be shared." in told([])


def test_tiles_are_told_with_the_size_that_was_chosen() -> None:
    loops = [{"op": "scf.for", "tile": [64, 128]}, {"op": "scf.for", "tile": [64, 128]}, {"op": "scf.for", "tile": [8]}]
    assert "Tiles: blocks are cut: 2 loops over tiles of 64 x 128, 1 loop over tiles of 8 elements." in told(loops)


def test_bands_of_the_grid_are_told() -> None:
    banded = [{"op": "scf.for", "band": 4, "grid_loop": True}]
    assert "Grid: programs run in bands of 4 along its second dimension: they share rows." in told(banded)
    assert "Grid:" not in told([])


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
    streamed = on_a_cpu([loop, {"op": "scf.if", "streamed": 2}], prefetch=True)
    assert "PF: 2 stores past the caches in launches that write more" in streamed
    assert "3 prefetch ops, 8,196 bytes ahead" in words.evidence(Evidence(decided=ahead), Launch())


def test_what_the_back_end_takes_apart_is_named() -> None:
    decided = [{"op": "func.func", "scalarized": ["vector.gather on vector<32xf32>"]}]
    text = told(decided)
    assert "vector.gather on vector<32xf32> is taken apart lane by lane by LLVM's Hexagon back end" in text
    assert words.evidence(Evidence(decided=decided), Launch()) == "1 vector ops taken apart"


def test_the_scratchpad_is_told_against_the_budget_that_the_compiler_had() -> None:
    """Not against a share that the machine's fields would give."""
    loop = {"op": "scf.for", "promoted": 2, "streams": 1, "scratchpad_bytes": 16384, "pipelined": 1, "depth": 3}
    refused = {"op": "scf.for", "direct": ["argument 1: its 300000 bytes do not fit"]}
    text = told([loop, refused, scratchpad()], double_buffer=True, depth=2)
    assert "DB: of one loop, 2 arrays go through the scratchpad, 1 tile by tile with 3 buffers each" in text
    assert "16,384 bytes per context, of 65,536" in text and "do not fit; it is accessed directly" in text
    assert "Scratchpad: no loop has a footprint" in told([scratchpad(1)])
    assert "DB is off: there is no scratchpad to be had" in told([], double_buffer=True)


def test_library_calls_are_told_with_what_they_are_charged() -> None:
    npu = {"helper_cycles": {"expf": 58.0, "floof": 3.0}, "default_helper_cycles": 20.0}
    found = result(
        "Vec", schedule=SCHEDULE, evidence={"object": {"kind": "npu", "helpers": ["expf", "floorf", "sinf"]}}
    )
    line = "Library: cycles per call: expf at 58; floorf, sinf at 20 (npu.default_helper_cycles)."
    assert line in explain.lines(found, MACHINE | {"npu": npu})
    assert not any("Library" in each for each in explain.lines(found, MACHINE))
    assert "Library" not in told([])


def test_mechanisms_that_are_off_are_named() -> None:
    text = told([], vectorize=False, threads=1)
    assert all(f"{name} is off" in text for name in ("Vec", "MT", "DB"))


def decided(kernel: str, shape: tuple[int, ...], device: str, schedule: str, *changes: str, block: int = 1024) -> str:
    """What is told of a kernel that is compiled, on a machine of which fields are changed."""
    target = machine.load(device, changes)
    case = group.case_of(suite.find(kernel), shape, "f32", 0, block)
    asked = Schedule.parse(schedule)
    made = compile_kernel(case.kernel, case.signature, dict(case.problem.constexprs), machine=target, schedule=asked)
    fields = {**asdict(asked)}
    found = result(asked.rung, schedule=fields, evidence=made.metadata["decisions"], grid=list(case.problem.grid))
    return "\n".join(explain.lines(found, environment.fields(target)))


def test_contexts_beyond_the_machine_s_share_its_scratchpad() -> None:
    host = ("contexts=2", "scratchpad_bytes=1048576", "fork_join_ns=3000")
    text = decided("gelu", (65536,), "host", "double_buffer=on threads=8", *host)
    assert "16,384 bytes per context, of 131,072; 2 pipelined" in text
    assert "a fork and join of 8 contexts at 3,000 ns" in text and "it forks over 8 contexts" in text
    assert "of 262,144" in decided("gelu", (65536,), "host", "scratchpad=on threads=4", *host)


def test_tiles_that_the_scratchpad_made_smaller() -> None:
    """Two streams of two buffers of floats are 16 bytes per element: what the compiler chose, in a budget that leaves
    room for the scratch beside them, whatever the schedule names."""
    small = ("contexts=1", "scratchpad_bytes=16384")
    text = decided("gelu", (1 << 20,), "hexagon-v73", "double_buffer=on tile_elements=2048", *small, block=4096)
    tile = re.search(r"Tiles: blocks are cut: 1 loop over tiles of ([\d,]+) elements", text)
    room = re.search(r"with 2 buffers each: ([\d,]+) bytes per context, of ([\d,]+);", text)
    assert tile and room
    elements, used, budget = (int(number.replace(",", "")) for number in (*tile.groups(), *room.groups()))
    assert 512 < elements < 1024 and used == 16 * elements <= budget < 16384
