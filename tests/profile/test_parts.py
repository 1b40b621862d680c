"""What needs no process: keywords that are mechanisms, logs that end half-way, records and pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rung import machine, studies
from rung.bench import environment
from rung.errors import LaunchKeywordError
from rung.options.declared import MODELLED
from rung.report.page import html
from rung.schedule import Schedule
from rung.studies.profile import KIND
from rung.triton_backend.hexagon_mlir import keywords
from rung.triton_backend.profile import log, summary
from rung.triton_backend.profile.log import Facts, Kernel, Log

_MOVED = {"enableConvertToHexagonmem": True, "enableHexagonmemCopyToDMA": True}


@pytest.mark.parametrize(
    ("given", "mechanisms", "scratchpad", "threads"),
    [
        ({}, (True, False, False), "off", 1),
        ({"enableVectorization": False}, (False, False, False), "off", 1),
        ({"enableMultiThreading": True}, (True, True, False), "off", 0),
        ({"enableThreadedDispatch": True, "num_threads": 3}, (True, True, False), "off", 3),
        ({"enableSCFThreading": True}, (True, True, False), "off", 0),
        ({"num_threads": 4}, (True, False, False), "off", 1),
        ({"enableVTCMTiling": True, **_MOVED}, (True, False, False), "on", 1),
        ({"enableVTCMTiling": False, **_MOVED, "enableDoubleBuffering": True}, (True, False, False), "off", 1),
        ({"enableDoubleBuffering": True}, (True, False, False), "off", 1),
        ({"enableDoubleBuffering": True, **_MOVED}, (True, False, True), "on", 1),
        ({"scratch": 4096}, (True, True, False), "on", 0),
    ],
)
def test_keywords_that_are_mechanisms(
    given: dict[str, Any], mechanisms: tuple[bool, bool, bool], scratchpad: str, threads: int
) -> None:
    """Whatever the session's own schedule has on."""
    found = Schedule.parse(keywords.schedule(given), Schedule(double_buffer=True, scratchpad="on"))
    assert (found.mechanisms, found.scratchpad, found.threads) == (mechanisms, scratchpad, threads)
    assert not found.profitability


def test_keywords_that_no_launch_can_have() -> None:
    with pytest.raises(LaunchKeywordError, match="enableMultiThreading is 'yes'; give True or False"):
        keywords.schedule({"enableMultiThreading": "yes"})


def test_options_of_a_launch() -> None:
    """Triton looks keywords up among the options' attributes; what has no effect changes no code."""
    found = keywords.options({"iterations": 5, "enableMultiThreading": True, "num_warps": 8})
    assert vars(found)["iterations"] == 5 and vars(found)["enableMultiThreading"] is True
    assert Schedule.parse(found.schedule).threads == 0
    assert found.hash() == keywords.options({"enableMultiThreading": True}).hash()
    assert found.hash() != keywords.options({}).hash()
    assert keywords.options({"schedule": "threads=2", "enableMultiThreading": True}).schedule == "threads=2"
    assert keywords.without_effect(["x", "fusion", "scratch", "num_threads", "enableLWP"]) == ["fusion", "enableLWP"]


_KERNEL = Kernel("softmax</td>", "model.py:12", "threads=1")


def _facts(number: int, cycles: float, **spent: float) -> Facts:
    """spent: by cause, of all four contexts."""
    causes = {"compute": spent.get("compute", 0.0), "DMA bandwidth": spent.get("bandwidth", 0.0)}
    engine = {"bytes": 0.5 * cycles, "rows": 0.0, "descriptors": 0.0, "nothing to do": 0.5 * cycles}
    return Facts(number, {"cycles": cycles, "spent": causes, "engine": engine, "dma_bytes": 7, "dma_transfers": 1})


def _record(folder: Path) -> Any:
    device = machine.load(MODELLED)
    return summary.summarise(
        log.read(folder), environment.describe(device, 0, []), program=["x"], status=0, seconds=1.0
    )


def test_a_log_that_ends_half_way(tmp_path: Path) -> None:
    told = Log(tmp_path)
    few, many = _facts(0, 10.0, compute=40.0), _facts(1, 50.0, compute=10.0, bandwidth=190.0)
    for number, facts in enumerate((few, few, few, many)):
        told.launch(_KERNEL, facts, float(number), facts.numbers["cycles"], tuning=False)
    told.launch(_KERNEL, few, 4.0, 10.0, tuning=True)
    told.launch(_KERNEL, None, 5.0, 0.1, tuning=False)
    told.refusal(_KERNEL, "it waits")
    told.refusal(_KERNEL, "it waits")
    told.unheeded("fusion")
    told.unheeded("fusion")
    (file,) = tmp_path.glob("*.jsonl")
    assert len(file.read_text().splitlines()) == 1 + 2 + 6 + 2 + 1  # kernel, timelines, launches, refusals, keyword
    with file.open("a") as stream:
        stream.write('{"launch": [0, 0, 6.')

    record = _record(tmp_path)
    (kernel,) = record.kernels
    assert (kernel.launches, kernel.times.total, kernel.times.median) == (4, 80.0, 10.0)
    # Of 4 contexts, 80 cycles each: 130 of 320 computing, and more waiting.
    assert kernel.spent == {"DMA bandwidth": 190.0, "compute": 130.0}
    assert kernel.verdict == "bound by DMA bandwidth; contexts idle 59%"
    assert (kernel.dma_bytes, kernel.schedules, record.tuning_launches) == (28, ["threads=1"], 1)
    (refused,) = record.not_modelled
    assert (refused.launches, refused.reasons, record.unheeded) == (1, ["it waits"], ["fusion"])

    studies.write(record, tmp_path / "r.json")
    assert studies.read(tmp_path / "r.json") == record
    assert "softmax&lt;/td&gt;" in html.page("a page", [KIND.sheet(record)])


def test_a_record_with_a_race_is_not_right(tmp_path: Path) -> None:
    Log(tmp_path).race(_KERNEL, "2 violations; the first ones:\na transfer\nanother")
    record = _record(tmp_path)
    assert not record.correct and record.kernels == []
    assert "a transfer" in html.page("a page", [KIND.sheet(record)]) and "another" not in html.page(
        "a page", [KIND.sheet(record)]
    )
