"""Contractions that the modelled device's matrix unit takes: the values are the kernel's, the cycles the unit's."""

from __future__ import annotations

import pytest

from rung import machine
from rung.bench.group import Case, case_of
from rung.bench.problem import compare, outputs
from rung.bench.suite import find
from rung.compile import compile_kernel
from rung.errors import RungError, UsageError
from rung.schedule import Schedule
from rung.targets.isa.hexagon_assembly import HexagonBlock
from rung.targets.npu.executable import NpuExecutable
from rung.targets.npu.matrix_unit import core_packets
from rung.targets.npu.timeline import replay
from rung.targets.npu.trace import Compute, Event, Repeat, Trace

UNIT = "npu.matrix_macs_per_cycle={f32=1024.0, bf16=4096.0}"
WITHOUT, WITH = (machine.load("hexagon-v73", ["contexts=1", *more]) for more in ([], [UNIT]))


def run(case: Case, on: machine.Machine, text: str = "") -> Trace:
    schedule = Schedule.parse(text)
    found = compile_kernel(case.kernel, case.signature, dict(case.problem.constexprs), machine=on, schedule=schedule)
    assert isinstance(found, NpuExecutable)
    trace = found.run(case.problem.args, case.problem.grid)
    assert case.problem.expected is not None
    assert compare(outputs(case.problem), case.problem.expected(), case.tolerance).within
    return trace


def totals(trace: Trace) -> tuple[int, dict[str, int]]:
    """Packets, and multiply-adds of the unit by type, of a launch."""
    packets, macs = 0, dict[str, int]()

    def add(events: tuple[Event, ...], times: int) -> None:
        nonlocal packets
        for event in events:
            if isinstance(event, Repeat):
                add(event.body, times * event.count)
            elif isinstance(event, Compute):
                work = trace.works[event.work]
                packets += times * work.packets
                for name, count in work.macs:
                    macs[name] = macs.get(name, 0) + times * count

    for region in trace.regions:
        for stream in region.streams:
            add(stream, 1)
    return packets, macs


@pytest.mark.parametrize("schedule", ["", "double_buffer=on", "threads=1"])
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_a_product(dtype: str, schedule: str) -> None:
    """2 x 2 programs, with 3 steps each: so many contractions, and their packets are gone."""
    case = case_of(find("matmul"), (200, 256, 700), dtype, 0)
    before, none = totals(run(case, WITHOUT, schedule))
    after, macs = totals(run(case, WITH, schedule))
    assert none == {} and macs == {dtype: 2 * 2 * 3 * 128 * 128 * 256}, "whole blocks, whatever a mask keeps out"
    assert after < before / 20, "what is left fills accumulators and stores C"


def test_two_products_and_what_is_between_them() -> None:
    case = case_of(find("attention"), (128, 64), "f32", 0)
    before, _ = totals(run(case, WITHOUT))
    after, macs = totals(run(case, WITH))
    assert macs == {"f32": 2 * (1 + 2) * 64**3} and before / 10 < after < before / 2, "softmax is the core's"


def test_scalar_code_has_no_unit() -> None:
    case = case_of(find("matmul"), (16, 16, 16), "f32", 0)
    assert totals(run(case, WITH, "vectorize=off")) == totals(run(case, WITHOUT, "vectorize=off"))


def test_another_type_is_the_cores() -> None:
    case = case_of(find("matmul"), (64, 64, 64), "f16", 0)
    assert totals(run(case, WITH)) == totals(run(case, WITHOUT))


def test_a_machine_without_a_unit_cannot_replay_the_trace_of_one_with_it() -> None:
    assert WITH.compiled_for != WITHOUT.compiled_for
    faster = machine.override(WITH, ["npu.matrix_macs_per_cycle.f32=2048.0"])
    assert faster.compiled_for == WITH.compiled_for, "how fast it is, is the timeline's business"
    trace = run(case_of(find("matmul"), (128, 128, 256), "f32", 0), WITH)
    spared = replay(trace, WITH).cycles - replay(trace, faster).cycles
    assert spared == pytest.approx(128 * 128 * 256 / 2048)
    with pytest.raises(UsageError, match=r"`npu\.matrix_macs_per_cycle`: has no `f32`"):
        replay(trace, WITHOUT)


def test_whether_a_packet_is_the_units_does_not_depend_on_the_way() -> None:
    begin, end = ["call rung_matrix_f32_1x1x1"], ["call rung_matrix_end"]
    one = HexagonBlock("one", packets=[["r0 = r1"], begin, ["r2 = r3"]], successors=["two"])
    two = HexagonBlock("two", packets=[["r4 = r5"]], successors=["two", "three"])
    three = HexagonBlock("three", packets=[["r6 = r7"], end, ["r8 = r9"]])
    assert core_packets([one, two, three]) == {"one": [["r0 = r1"]], "two": [], "three": [["r8 = r9"]]}
    one.successors.append("three")
    three.successors.append("two")
    with pytest.raises(RungError, match="`three` is in a contraction of the matrix unit, and is not"):
        core_packets([one, two, three])
