"""`rung trace`: the file against the documented schema of the trace-event format, and the picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from rung.commands import trace
from rung.errors import UsageError
from rung.machine import load
from rung.report import gantt, trace_events
from rung.targets.npu.timeline import Kind, Timeline, replay
from tests.model.traces import computing, launch, pipelined
from tests.npu_fakes import FakeDevice, traced

MACHINE = load("hexagon-v73", ["clock_ghz=1.3", "dma.queue_depth=2", "npu.launch_cycles=70"])


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Complete(_Strict):
    """ "Complete Events" of the format's document. `cat` may be left out there; rung always gives it."""

    ph: Literal["X"]
    name: str = Field(min_length=1)
    cat: str
    ts: float = Field(ge=0)
    dur: float = Field(ge=0)
    pid: int
    tid: int
    args: dict[str, Any]


class Name(_Strict):
    name: str


class SortIndex(_Strict):
    sort_index: int


class NameEvent(_Strict):
    """ "Metadata Events": these have no time."""

    ph: Literal["M"]
    name: Literal["process_name", "thread_name"]
    pid: int
    tid: int
    args: Name


class SortEvent(_Strict):
    ph: Literal["M"]
    name: Literal["process_sort_index", "thread_sort_index"]
    pid: int
    tid: int
    args: SortIndex


Metadata = Annotated[NameEvent | SortEvent, Field(discriminator="name")]
Event = Complete | NameEvent | SortEvent


class Document(_Strict):
    """ "JSON Object Format"."""

    traceEvents: list[Event]
    displayTimeUnit: Literal["ms", "ns"]
    otherData: dict[str, Any]


@pytest.fixture(scope="module")
def timeline() -> Timeline:
    trace = launch([pipelined(8, 65_536)] * 4, computing(20_000))
    return replay(trace, MACHINE, record=True)


@pytest.fixture(scope="module")
def document(timeline: Timeline) -> Document:
    text = trace_events.to_json(timeline, MACHINE, "vec-add")
    return TypeAdapter(Document).validate_json(text)


def test_the_file_says_that_it_is_modelled(document: Document, timeline: Timeline) -> None:
    assert document.otherData["clock"] == "modelled cycles at 1.3 GHz, shown as time"
    assert document.otherData["machine_hash"] == MACHINE.hash
    assert document.otherData["cycles"] == timeline.cycles
    names = [event.args.name for event in document.traceEvents if isinstance(event, NameEvent)]
    assert names[0] == "contexts (modelled): vec-add"
    assert {"context 0", "context 3", "queue of context 0", "queue of context 3"} < set(names)


def test_every_interval_is_there(document: Document, timeline: Timeline) -> None:
    events = [event for event in document.traceEvents if isinstance(event, Complete)]
    assert len(events) == len(timeline.intervals)
    assert {event.name for event in events} == {
        "compute", "start transfer", "wait for transfer", "queue full", "load", "store", "fork and join", "launch",
    }  # fmt: skip
    moved = sum(event.args["bytes"] for event in events if event.cat == "dma")
    assert moved == timeline.dma_bytes
    last = max(event.ts + event.dur for event in events)
    assert last == pytest.approx(timeline.cycles / 1.3 / 1000, rel=1e-2)


def test_every_row_has_a_name_and_no_two_events_of_a_row_overlap(document: Document) -> None:
    """What Perfetto would warn about."""
    named = {
        event.tid for event in document.traceEvents if isinstance(event, NameEvent) and event.name == "thread_name"
    }
    rows: dict[tuple[int, int], list[Complete]] = {}
    for event in document.traceEvents:
        if isinstance(event, Complete):
            assert event.tid in named
            rows.setdefault((event.pid, event.tid), []).append(event)
    assert len({tid for _, tid in rows}) == len(rows)
    for row in rows.values():
        end = 0
        for event in sorted(row, key=lambda event: event.ts):
            begin = round(event.ts * 1000)
            assert begin >= end
            end = begin + round(event.dur * 1000)


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_picture(timeline: Timeline, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"gantt.{suffix}"
    gantt.draw(traced(timeline, MACHINE), file)
    content = file.read_bytes()
    assert content.startswith(b"\x89PNG") if suffix == "png" else b"wait for transfer" in content or len(content) > 9999


def test_nothing_to_draw(tmp_path: Path) -> None:
    empty = replay(launch([()]), MACHINE)
    with pytest.raises(UsageError, match="nothing to draw"):
        gantt.draw(traced(empty, MACHINE), tmp_path / "gantt.png")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, picture = tmp_path / "t.json", tmp_path / "t.png"
    files = {"output": str(file), "plot": str(picture)}
    options = trace.TraceOptions("gelu", overrides=("contexts=2",), size="4096", **files)
    device = FakeDevice()
    assert trace.run(options, device.toolchain) == 0
    out = capsys.readouterr().out
    assert "gelu 4096 f32, Vec+MT+DB on hexagon-v73" in out and "cycles (modelled)" in out
    found = TypeAdapter(Document).validate_json(file.read_text())
    assert sum(isinstance(event, Complete) and event.name == "compute" for event in found.traceEvents) == 64
    assert picture.stat().st_size > 1000
    assert [(machine.contexts, schedule.rung) for machine, schedule in device.compiled] == [(2, "Vec+MT+DB")]


def test_what_it_tells_needs_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trace.run(trace.TraceOptions("gelu", size="4096"), FakeDevice().toolchain) == 0
    assert "cycles (modelled)" in capsys.readouterr().out


def test_wrong_values_are_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.json"
    options = trace.TraceOptions("gelu", size="4096", output=str(file))
    assert trace.run(options, FakeDevice(error=1.0).toolchain) == 1
    assert "WRONG" in capsys.readouterr().out
    assert not file.exists()


@pytest.mark.parametrize(
    ("changes", "output", "words"),
    [
        ({"device": "host"}, "t.json", "machine host is measured, not modelled"),
        ({"device": "moon"}, "t.json", "there is no machine `moon`"),
        ({"kernel": "moon"}, "t.json", "there is no kernel `moon`"),
        ({"rung": "vec,mt"}, "t.json", "--rung is `vec,mt`; give one"),
        ({"rung": "fast"}, "t.json", "there is no rung `fast`"),
        ({"grid": "4"}, "t.json", "--grid is for a kernel of your own"),
        ({"size": "4x4"}, "t.json", "gelu"),
        ({}, "nowhere/t.json", "there is no folder"),
    ],
)
def test_refusals(
    changes: dict[str, str], output: str | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = trace.TraceOptions(**{"kernel": "gelu", "output": output, **changes})
    with pytest.raises(UsageError, match=words):
        trace.run(options, FakeDevice().toolchain)


def test_kinds_have_names() -> None:
    assert set(trace_events.NAMES) == set(Kind) - {Kind.MOVE}
    assert json.loads(trace_events.to_json(replay(launch([()]), MACHINE), MACHINE, "empty"))["traceEvents"]
