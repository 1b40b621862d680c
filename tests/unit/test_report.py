"""Numbers in words, conclusions, tables and plots."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rung.bench.ladder_result import LadderRecord
from rung.errors import UsageError
from rung.evidence import Decision, Evidence, HostCode, Launch, Vectorized
from rung.report import figure, plots, text
from rung.studies import find
from tests.bench_fakes import ENVIRONMENT, NOISE, result


@pytest.mark.parametrize(
    "seconds, shown",
    [
        (0.01295, "12.95 ms"),
        (1.5, "1.500 s"),
        (999e-6, "999.0 us"),
        (5.4e-8, "54.00 ns"),
        (2e-10, "0.2000 ns"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert text.duration(seconds) == shown


@pytest.mark.parametrize("value, shown", [(24.53, "24.5x"), (0.912, "0.912x"), (1.0, "1.00x"), (1234.5, "1,234x")])
def test_ratios(value: float, shown: str) -> None:
    assert text.times(value) == shown


def test_modelled_cycles_are_never_called_measured() -> None:
    assert text.amount(12345.0, "cycles") == "12,345 cycles (modelled)"


def test_a_modelled_ladder_shows_its_machine_and_no_statistics() -> None:
    cycles: dict[str, Any] = {"unit": "cycles", "device": "hexagon-v73", "samples": [5.0], "median": 5.0}
    vec = result("Vec", **cycles, speedup_ci=(8.0, 8.0), step_ci=(8.0, 8.0))
    machine: dict[str, Any] = {"machine": {"name": "hexagon-v73", "kind": "npu"}}
    where = ENVIRONMENT.model_copy(update=machine)
    found = shown(LadderRecord(environment=where, results=[result("Scalar", **cycles, speedup=1.0, step=None), vec]))
    assert "on hexagon-v73, cycles (modelled)" in found and "Vec pays: 8.00x of Scalar.\n" in found
    assert "modelled, not measured: machine hexagon-v73 0123456789abcdef" in found
    for statistics in ("95%", "median", "rounds", "A CPU", "noisy"):
        assert statistics not in found


@pytest.mark.parametrize(
    "step, interval, words",
    [
        (8.0, (7.5, 8.5), "Vec pays: 8.00x of Scalar, 95% CI [7.50, 8.50]."),
        (1.01, (0.98, 1.04), "Vec shows no gain that can be claimed here:"),
        (0.8, (0.79, 0.81), "Vec does not pay here: it takes 1.25 times as long"),
        (8.0, None, "Vec shows no gain that can be claimed here:"),
    ],
)
def test_conclusions(step: float, interval: tuple[float, float] | None, words: str) -> None:
    found = text.conclusion(result("Vec", step=step, step_ci=interval))
    assert found and found.startswith(words)


def test_scalar_concludes_nothing() -> None:
    assert text.conclusion(result("Scalar", step=None, step_ci=None, step_from=None)) is None


@pytest.mark.parametrize(
    "launch, words",
    [
        ({"contexts_ran": 0, "dma_transfers": 0}, "1 context"),
        ({"contexts_ran": 2, "threads_ran": 1}, "2 contexts on 1 thread"),
        ({"dma_transfers": 8, "dma_max_in_flight": 4}, "8 DMA (4 in flight)"),
        ({}, "-"),
    ],
)
def test_what_a_launch_did(launch: dict[str, Any], words: str) -> None:
    assert text.evidence(Evidence(), Launch(**launch)) == words


def test_evidence() -> None:
    loop = Decision(op="scf.for", vectorized=Vectorized(lanes=16, unroll=4))
    found = Evidence(decided=[loop], object=HostCode(kind="host", packed_ops=3))
    assert text.evidence(found, Launch()) == "16 lanes, 3 packed ops"


def voided() -> dict[str, object]:
    empty = ("median", "speedup", "speedup_ci", "step", "step_ci", "step_from", "max_abs_err", "max_rel_err")
    return {"correct": False, "samples": [], **dict.fromkeys(empty)}


def shown(record: LadderRecord) -> str:
    console = Console(width=140, record=True, file=io.StringIO())
    find("ladder").show(console, record)
    return console.export_text()


def test_a_table_says_what_is_wrong_and_what_is_noisy() -> None:
    noisy = NOISE.model_copy(update={"noisy": True, "reasons": ["the load was high"]})
    found = shown(
        LadderRecord(environment=ENVIRONMENT, results=[result("Scalar", noise=noisy), result("Vec", **voided())])
    )
    for words in (
        "gelu, 1,048,576 f32, on host",
        "1.050 ms",
        "WRONG",
        "not finite",
        "noisy: the load was high",
    ):
        assert words in found


def test_all_eight_give_shapley_values() -> None:
    rungs = ("Scalar", "Vec", "MT", "DB", "Vec+MT", "Vec+DB", "MT+DB", "Vec+MT+DB")
    # Vec is worth 4x, MT 2x, DB nothing, in any order.
    speedups = {r: (4.0 if "Vec" in r else 1.0) * (2.0 if "MT" in r else 1.0) for r in rungs}
    found = shown(LadderRecord(environment=ENVIRONMENT, results=[result(r, speedup=s) for r, s in speedups.items()]))
    table = found.partition("whatever the order")[2].partition("pays")[0]
    rows = {line.split()[0]: line for line in table.splitlines() if line.split()}
    assert rows["Vec"].count("4.00x") == 3 and rows["MT"].count("2.00x") == 3 and rows["DB"].count("1.00x") == 3


def test_a_plot_is_drawn_with_wrong_rungs_in_it(tmp_path: Path) -> None:
    record = LadderRecord(environment=ENVIRONMENT, results=[result("Scalar", speedup=1.0), result("Vec", **voided())])
    plots.ladder(record, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name, message", [("a.txt", "must end in one of: .png"), ("none/a.png", "no folder")])
def test_a_plot_that_cannot_be_written(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        figure.check_path(tmp_path / name)


@pytest.mark.parametrize(
    ("rung", "launch", "words"),
    [
        ("Vec+MT", {"contexts_ran": 1}, "MT did not take part here: one context did all the work"),
        ("Vec+MT+DB", {"dma_transfers": 0}, "DB did not take part here: no tile went through the scratchpad"),
        ("Vec+MT+DB", {"dma_transfers": 2, "dma_max_in_flight": 1}, "no context had two transfers in flight"),
        (
            "Vec+MT+DB",
            {"dma_transfers": 9, "dma_max_in_flight": 4, "dma_waiter_copies": 9},
            "does not pay here: it takes 2.00 times as long (0.500x of Vec, 95% CI [0.400, 0.600]); no core was left",
        ),
        (
            "Vec+DB",
            {"dma_transfers": 512, "dma_max_in_flight": 4, "dma_waiter_copies": 3, "contexts_ran": 1},
            "; the copy engine was late: waiting contexts copied 3 of 512 transfers.",
        ),
        ("Vec+MT", {"contexts_ran": 2}, "MT does not pay here"),
    ],
)
def test_a_mechanism_that_did_not_fire_gets_no_verdict(rung: str, launch: dict[str, int], words: str) -> None:
    found = result(rung, step=0.5, step_ci=(0.4, 0.6), step_from="Vec", launch=launch)
    assert words in (text.conclusion(found) or "")


@pytest.mark.parametrize(("count", "grid"), [(1, (1, 1)), (3, (1, 3)), (4, (2, 2)), (5, (2, 3)), (7, (3, 3))])
def test_panels_stand_three_beside_each_other_at_most(count: int, grid: tuple[int, int]) -> None:
    assert figure.grid_of(count) == grid
