"""Advice: what is searched, which is the best, what a change of the machine buys; the command as a process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rung import machine as machines
from rung import studies
from rung.bench import advice
from rung.bench.advice import Search, Tried
from rung.bench.advice_result import AdviceRecord
from rung.bench.group import case_of
from rung.bench.suite import find
from rung.bench.toolchain import native
from rung.schedule import Schedule
from tests.model.traces import computing, device, launch, pipelined, single


def rung(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "rung.cli", *arguments], capture_output=True, text=True)


def test_what_is_searched() -> None:
    found = advice.schedules(machines.load("hexagon-v73"), Schedule())
    assert len({str(schedule) for schedule in found}) == len(found)
    assert {schedule.mechanisms for schedule in found} == {
        (vec, mt, db) for vec in (False, True) for mt in (False, True) for db in (False, True)
    }
    assert {schedule.threads for schedule in found} == {1, 2, 4}
    buffered = [schedule for schedule in found if schedule.vectorize and schedule.double_buffer]
    assert {(s.depth, s.tile_elements) for s in buffered} == {(d, t) for d in advice.DEPTHS for t in advice.TILES}
    assert len(found) == 3 * (2 + 1 + len(advice.DEPTHS) * len(advice.TILES))
    alone = advice.schedules(machines.load("hexagon-v73", ["contexts=1"]), Schedule())
    assert {schedule.threads for schedule in alone} == {1}
    odd = machines.load("hexagon-v73", ["contexts=6", "scratchpad_bytes=7864320"])
    assert {schedule.threads for schedule in advice.schedules(odd, Schedule())} == {1, 2, 4, 6}


@pytest.fixture
def search() -> Search:
    """Of three schedules whose traces were written: 8 bytes a cycle, tiles of 800 bytes there and back."""
    found = Search(case_of(find("gelu"), (64,), "f32", 0), device(contexts=1), native())
    traces = {
        "threads=1 double_buffer=on": launch([pipelined(50, 800)], computing(100)),
        "threads=1": launch([single(50, 800)], computing(100)),
        "threads=1 double_buffer=on depth=3": launch([pipelined(50, 800)], computing(100)),
    }
    for text, trace in traces.items():
        tried = Tried(Schedule.parse(text), 0.0, trace)
        found.tried[text] = replace(tried, time=tried.on(found.machine))
    return found


def test_the_best_is_the_one_with_least(search: Search) -> None:
    best, equal, worst = search.ranked
    assert str(best.schedule) == "threads=1 double_buffer=on" and best.time == equal.time < worst.time
    assert str(search.without(best.schedule)["DB"]) == "threads=1"
    assert search.ledger(best).verdict == "bound by DMA bandwidth; contexts idle 50%"


def test_what_changes_buy(search: Search) -> None:
    machine = advice.changes(search.machine)["twice the DMA bandwidth"]
    change = search.change("twice the DMA bandwidth", machine)
    assert change is not None
    # 5,000 cycles of computing, and the first load and the last store, are what is left.
    assert change.time == pytest.approx(5_000 + 50 + 50)
    slower = machines.override(search.machine, ["npu.cycles_per_packet=40"])
    change = search.change("slower", slower)
    assert change is not None and change.time == pytest.approx(50 * 100 * 40 + 200)


def test_machines_with_one_thing_better() -> None:
    machine = machines.load("hexagon-v73")
    better = advice.changes(machine)
    assert better["twice the contexts"].contexts == 8 and better["twice the scratchpad"].scratchpad_bytes == 2 * 8 << 20
    assert better["half the DMA latency"].dma.latency_cycles == machine.dma.latency_cycles / 2
    assert "half the cost of a fork" not in advice.changes(device())


def test_the_command_on_a_modelled_device(tmp_path: Path) -> None:
    path, picture = tmp_path / "a.json", tmp_path / "a.svg"
    small = ("--size", "64K", "--set", "contexts=1", "--verify")
    done = rung("advise", "gelu", *small, "--json", str(path), "--plot", str(picture))
    assert done.returncode == 0, done.stderr
    assert "use schedule `threads=1 double_buffer=on" in done.stdout and "bound by" in done.stdout
    assert "twice the DMA bandwidth" in done.stdout and "+0.0%" in done.stdout and picture.stat().st_size > 1000
    record = studies.read(path)
    assert isinstance(record, AdviceRecord) and record.complete
    assert record.best.time == min(each.time for each in record.candidates)
    total = record.best.time * record.environment.machine["contexts"]
    assert sum(record.ledger.values()) == pytest.approx(total, rel=1e-9)
    assert all(each.predicted == each.result for each in record.verified) and record.verified
    assert {each.mechanism for each in record.without} >= {"Vec", "DB"}
    assert rung("report", str(path)).stdout.splitlines()[0] == done.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("advise", "gellu"), "gelu"),
        (("advise", "gelu", "--device", "tpu-v5e"), "nothing is compiled for machine tpu-v5e"),
        (("advise", "gelu", "--size", "12x"), "--size"),
    ],
)
def test_bad_requests(arguments: tuple[str, ...], words: str) -> None:
    done = rung(*arguments)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr
