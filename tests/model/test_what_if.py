"""Traces with a mechanism taken out."""

from __future__ import annotations

from rung.targets.npu.trace import Compute, Region, Repeat, Start, Trace, Wait, Work
from rung.targets.npu.what_if import await_stores

LOAD, STORE = Start(0, 1, 64, False), Start(1, 1, 64, True)


def test_a_store_is_awaited_where_it_starts_and_a_load_is_not() -> None:
    trace = Trace(
        (Work(packets=10),), (Region(((LOAD, Wait(0), Repeat(3, (STORE, Compute(0), Wait(1)))),), True),), 128
    )
    found = await_stores(trace)
    assert found.regions[0].streams == (
        (LOAD, Wait(0), Repeat(3, (STORE, Wait(1), Compute(0), Wait(1)))),
    )  # fmt: skip
    assert (found.works, found.scratchpad_bytes, found.regions[0].forked) == (trace.works, 128, True)


def test_descriptors_of_one_store_are_started_together() -> None:
    second = Start(2, 1, 64, True)
    trace = Trace((Work(packets=10),), (Region(((STORE, second, Compute(0)),), False),))
    assert await_stores(trace).regions[0].streams == ((STORE, second, Wait(1), Wait(2), Compute(0)),)
