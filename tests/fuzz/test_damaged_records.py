"""Records of every kind with one thing in them damaged: a report is drawn, or one sentence says what is wrong."""

from __future__ import annotations

import copy
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rung.bench import environment
from rung.bench.advice_result import AdviceRecord, Candidate, Change, Verified, Without
from rung.bench.listing import Listing, Loop, Stage
from rung.bench.listing_result import ListingRecord
from rung.bench.profile_result import ProfiledKernel, ProfileRecord, Race, Times, UnmodelledKernel
from rung.bench.reproduction_result import Figure, HeldOut, ReproductionRecord
from rung.bench.sweep_result import Point, SweepRecord
from rung.bench.validation_result import Assumption, Predicted, Validated, ValidationRecord
from rung.commands import report
from rung.errors import UsageError
from rung.evidence import Evidence
from rung.machine import load
from rung.report import tables
from rung.report.page import html
from rung.schedule import Schedule
from rung.studies import RECORDS, REGISTRY, find, of, one_page, read, session, write
from rung.targets.npu.timeline import replay
from tests.bench_fakes import ENVIRONMENT, toolchain
from tests.model.traces import computing, launch, pipelined
from tests.npu_fakes import traced

SEEDS = 300
"""Per kind of record. One in sixty is drawn as a figure, too, which takes a hundred times as long as a table."""
DECIDED: list[dict[str, Any]] = [
    {"op": "scf.for", "vectorized": {"lanes": 16, "unroll": 4}, "prefetched": {"ops": 4, "bytes": 4096}},
    {"op": "scf.for", "scalar": "an integer division"},
    {"op": "scf.for", "contraction": {"mr": 8, "nr": 2, "lanes": 16, "products": 4}},
    {"op": "scf.for", "serial": "2 iterations; a fork pays from 6 on", "tile": [64, 128], "tile_loop": True},
    {"op": "scf.for", "promoted": 2, "streams": 1, "scratchpad_bytes": 4096, "pipelined": 1, "depth": 2},
    {"op": "scf.for", "direct": ["argument 1: no static bound"], "not_pipelined": ["argument 2: it is loaded"]},
    {
        "op": "func.call", "body_cost_ns": 815.0, "break_even_programs": 4, "distribution": "block",
        "fork": {"loop": "grid", "contexts": 2, "least": 4, "fork_join_ns": 2000.0},
    },
    {
        "op": "func.call", "body_cost_ns": 8.0, "break_even_programs": 9, "distribution": "block",
        "fork": {"loop": "tiles", "contexts": 2, "least": 9, "fork_join_ns": 2000.0},
    },
    {"op": "func.func", "scratchpad": {"budget_bytes": 65536, "buffers": 2}, "scalarized": ["vector.gather on x"]},
]  # fmt: skip
COUNTED = {
    "contexts_ran": 2, "threads_ran": 2, "dma_transfers": 8, "dma_max_in_flight": 4, "dma_waiter_copies": 1,
}  # fmt: skip
CODE = {"host": {"kind": "host", "packed_ops": 12}, "npu": {"kind": "npu", "helpers": ["expf", "sinf"]}}
ROOFLINE = {"contexts": 2, "bytes": 8192, "flops": 4096, "copy_bytes_per_s": 1e10, "fma_flops_per_s": 1e11}


def measured(name: str, path: Path, **options: Any) -> None:
    study = find(name)
    assert session.run(study, study.options(**options, json=str(path)), toolchain) == 0


def ladder_record(path: Path) -> None:
    measured("ladder", path, kernels=("gelu",), size="1000", rounds=3, factorial=True)


def scale_record(path: Path) -> None:
    measured("scale", path, sizes="256,1K,4K", contexts="1,2", rounds=3)


def overlap_record(path: Path) -> None:
    measured("overlap", path, degrees="1,4", size="64K", tiles="256", depths="2", rounds=2)


def sweep_record(path: Path) -> None:
    varied: dict[str, Any] = {"contexts": [1, 2], "cpu": ["hexagonv73", "hexagonv75"], "dma.gap_cycles": [0.5]}
    points = [
        Point(
            values={"contexts": contexts, "cpu": cpu, "dma.gap_cycles": 0.5}, machine_hash="0", compilation=0,
            cycles=1000.0 / contexts, us=1.0 / contexts, compute_utilisation=0.5, dma_utilisation=0.25,
            stall_cycles=3.0, dma_bytes=4096,
        )
        for contexts in (1, 2) for cpu in varied["cpu"]
    ]  # fmt: skip
    where = environment.describe(load("hexagon-v73"), 0)
    write(
        SweepRecord(
            environment=where, kernel="gelu", dtype="f32", shape=[4096], schedule=str(Schedule()), varied=varied,
            calls=["expf"], points=points,
        ), path,
    )  # fmt: skip


def reproduction_record(path: Path) -> None:
    figures = [
        Figure(name=name, source="study", published=2.0, modelled=2.2, error=0.1) for name in ("a: Vec", "a: MT")
    ]
    write(
        ReproductionRecord(
            environment=environment.describe(load("hexagon-v73"), 0), calibrated=True, ratios=figures,
            in_words=figures[0], times_us=figures[:1], parameters={"npu.dram_vector_cycles": 1.5, "fork_join_ns": 9e4},
            sensitivity={name: {"a: Vec": (-0.1, 0.1), "a: MT": (0.0, 0.0)} for name in ("fork_join_ns",)},
            held_out=[HeldOut(fitted=["a: Vec (study)"], predicted=figures[1:])],
        ), path,
    )  # fmt: skip


def profile_record(path: Path) -> None:
    named = {"name": "softmax", "where": "model.py:12", "launches": 3}
    spent = {"compute": 2.0, "DMA bandwidth": 1.0}
    times = Times(total=3e3, median=1e3, least=9e2, most=1.1e3)
    write(
        ProfileRecord(
            environment=environment.describe(load("hexagon-v73"), 0), program=["python", "model.py"], status=1,
            seconds=2.5, unit="cycles", processes=2, tuning_launches=4, unheeded=["fusion"],
            kernels=[
                ProfiledKernel(**named, times=times, variants=2, schedules=[""], verdict=words, spent=spent)
                for words in ("DMA engine 9%", "computing 80%")
            ],
            not_modelled=[UnmodelledKernel(**named, reasons=["it waits", "and why"])],
            races=[Race(name="softmax", where="", violations="a violation:\na transfer")],
        ), path,
    )  # fmt: skip


def modelled_record(path: Path) -> None:
    """A ladder with cycles, one sample each."""
    ladder_record(path)
    found = json.loads(path.read_text())
    found["environment"]["machine"] = environment.fields(load("hexagon-v73"))
    for result in found["results"]:
        cycles = 1e9 * result["median"]
        one = (result["speedup"], result["speedup"])
        result |= {"unit": "cycles", "samples": [cycles], "median": cycles, "device": "hexagon-v73", "speedup_ci": one}
    path.write_text(json.dumps(found))


def validation_record(path: Path) -> None:
    figure = Predicted(
        name="a", mechanism="MT", published=2.0, modelled=3.0, error=0.5, fitted=False, reason="it is off"
    )
    source = Validated(
        source="a", title="A", url="https://a", device="hexagon-v73", machine_hash="0", undisclosed=["clock"],
        calibrated={"clock_ghz": 1.0}, notes="", figures=[figure, figure],
        assumptions=[Assumption(field="contexts", value="4", reason="four")],
    )  # fmt: skip
    write(ValidationRecord(environment=ENVIRONMENT, sources=[source]), path)


def host_validation_record(path: Path) -> None:
    ladder_record(path)
    found = json.loads(path.read_text())
    kept = ("schema", "environment", "complete", "results", "evidence")
    found = {name: found[name] for name in kept}
    found |= {"study": "validate-host", "constants": [{"name": "fork and join, ns", "value": 2000.0}]}
    terms = dict.fromkeys(("total", "launch", "fork", "compute", "memory", "transfers"), 1e-6)
    for result in found["results"]:
        result["forecast"] = terms
    path.write_text(json.dumps(found))


def advice_record(path: Path) -> None:
    candidate = Candidate(schedule="threads=2", rung="Vec+MT", time=10.0, scratchpad_bytes=1024)
    record = AdviceRecord(
        environment=ENVIRONMENT, kernel="gelu", dtype="f32", shape=[64], unit="cycles", verdict="bound by compute",
        ledger={"compute": 10.0}, candidates=[candidate, candidate],
        without=[Without(mechanism="MT", schedule="", time=20.0)],
        changes=[Change(name="more", schedule="", time=5.0)],
        verified=[Verified(schedule="", rung="Vec", predicted=10.0, result=11.0)],
    )  # fmt: skip
    write(record, path)


LISTING = Listing(
    title="a kernel", source_name="kernel.py", source_first=3, source=["def kernel():", "    pass"],
    lines=["module {", "}"],
    stages=[
        Stage(name="ttir", of_pass=False, lines=[0, 1], source=[3, 4]),
        Stage(name="cse", of_pass=True, lines=[0], source=[3], loops=[Loop(first=0, last=0, words="a loop")]),
    ],
)  # fmt: skip


def trace_record(path: Path) -> None:
    machine = load("hexagon-v73")
    timeline = replay(launch([pipelined(2, 4096)] * 2, computing(2_000)), machine, record=True)
    write(traced(timeline, machine, listing=LISTING), path)


def listing_record(path: Path) -> None:
    write(
        ListingRecord(
            environment=ENVIRONMENT, kernel="kernel", schedule="", evidence=Evidence(decided=[]), listing=LISTING
        ), path,
    )  # fmt: skip


KINDS: dict[str, Callable[[Path], None]] = {
    "ladder": ladder_record, "modelled": modelled_record, "scale": scale_record, "overlap": overlap_record,
    "sweep": sweep_record, "reproduce": reproduction_record, "profile": profile_record,
    "validate": validation_record, "advise": advice_record, "validate-host": host_validation_record,
    "trace": trace_record, "compile": listing_record,
}  # fmt: skip


UNEXPLAINED = ("sweep", "reproduce", "profile", "validate", "advise", "validate-host", "trace", "compile")
"""They hold no decisions."""


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Whole ones, with all that a report may look at."""
    found: dict[str, Any] = {}
    for kind, make in KINDS.items():
        path = tmp_path_factory.mktemp("records") / f"{kind}.json"
        make(path)
        record = json.loads(path.read_text())
        results, code = record.get("results", []), CODE["npu" if kind == "modelled" else "host"]
        if results:
            record["evidence"] = {"a": {"decided": DECIDED, "object": code}, "b": {"decided": DECIDED[:1]}}
        for number, result in enumerate(results):
            result |= {"evidence": "a" if number < 2 else "b", "launch": COUNTED}
            if kind == "ladder":
                result["roofline"] = ROOFLINE
        found[kind] = record
    return found


ANYTHING: tuple[Callable[[random.Random], Any], ...] = (
    lambda r: None, lambda r: float("nan"), lambda r: float("inf"), lambda r: -float("inf"), lambda r: 0,
    lambda r: -r.choice([1, 0.5, 1e300, 1 << 70]), lambda r: r.choice([1e300, 1e-300, 1 << 70, 10**400, 1 << 40]),
    lambda r: r.choice(["", "1", "words", "[/b]", "[bold", ":smile:", "$x$", "$\\frac$", "a\nb", "\0", "x" * 5000]),
    lambda r: r.choice([True, False]), lambda r: [], lambda r: {}, lambda r: [None], lambda r: [[1, 2], "x"],
    lambda r: {"lanes": -1}, lambda r: r.random(), lambda r: r.randrange(100),
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        found += places(each, (*path, key))
    return found


def at(record: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        record = record[key]
    return record


def torn(found: Any, rng: random.Random) -> None:
    """Something is missing, or is anything at all."""
    paths = places(found)
    # Fields of results and their evidence as often as all the samples and decisions in them.
    path = rng.choice(paths)[: rng.choice([2, 3, 4, 9])]
    holder, key, change = at(found, path[:-1]), path[-1], rng.randrange(5)
    if change == 0:
        del holder[key]
    elif change == 1 and isinstance(holder[key], list):
        del holder[key][rng.randrange(3) :]
    elif change == 2:
        holder[key] = copy.deepcopy(at(found, rng.choice(paths)))
    else:
        holder[key] = rng.choice(ANYTHING)(rng)


def bent(found: Any, rng: random.Random) -> None:
    """Everything is of its type, and no longer fits together."""
    paths = places(found)
    if rng.random() < 0.5:
        lists = [path for path in paths if isinstance(at(found, path), list) and at(found, path)]
        # Results, or points, more often than what is in them.
        chosen: list[Any] = at(found, min(rng.sample(lists, 3), key=len) if len(lists) > 3 else lists[0])
        for _ in range(rng.choice([1, 1, 5])):
            if chosen and rng.random() < 0.7:
                del chosen[rng.randrange(len(chosen))]
            elif chosen:
                chosen.insert(rng.randrange(len(chosen)), copy.deepcopy(rng.choice(chosen)))
        return
    leaves = [(path, value) for path in paths if not isinstance(value := at(found, path), list | dict)]
    path, old = rng.choice(leaves)
    value = rng.choice([other for _, other in leaves if type(other) is type(old)])
    if isinstance(value, int | float) and not isinstance(value, bool) and rng.random() < 0.5:
        value = type(value)(rng.choice([0, 1, 2, 1e3, 1e9, 1e15, 1e17])) * rng.choice([1, value])
    at(found, path[:-1])[path[-1]] = value


def damaged(record: Any, rng: random.Random) -> bytes:
    """A few changes; some are to the text."""
    found = copy.deepcopy(record)
    change = rng.choice([torn, bent])
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        change(found, rng)
    text = json.dumps(found).encode()
    return text[: rng.randrange(len(text))] if rng.random() < 0.05 else text


def shown(
    path: Path, monkeypatch: pytest.MonkeyPatch, plot: Path | None, explained: bool = False, page: bool = True
) -> str:
    """What is printed, or the message; everything else is raised."""
    out = io.StringIO()
    monkeypatch.setattr(tables, "Console", lambda **given: Console(**{**given, "file": out, "width": 140}))
    try:
        report.run(report.ReportOptions((str(path),), str(plot) if plot else None, explain=explained))
        if page:
            record = read(path)
            one_page.check([record], [str(path)])
            html.page("a page", [of(record).sheet(record)])
    except UsageError as error:
        assert str(error) and "\n" not in str(error).replace("a\nb", ""), error
        return f"error: {error}"
    return out.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_record_is_one_sentence(
    kind: str, records: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, refused = tmp_path / "a.json", 0
    for seed in range(SEEDS):
        rng = random.Random(seed)
        path.write_bytes(damaged(records[kind], rng))
        try:
            picture = tmp_path / "a.svg" if seed % 60 == 0 else None
            text = shown(path, monkeypatch, picture, kind not in UNEXPLAINED, seed % 5 == 0)
        except Exception as error:
            raise AssertionError(f"{kind}, seed {seed}") from error
        refused += text.startswith("error: ")
    assert SEEDS // 3 < refused < SEEDS, "some changes are harmless, most are not"


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_record_is_shown_and_drawn(
    kind: str, records: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(records[kind]))
    figure = tmp_path / f"{kind}.png" if kind in REGISTRY else None
    assert not shown(path, monkeypatch, figure, kind not in UNEXPLAINED).startswith("error: ")
    if "results" in records[kind]:
        first, second, third, *_ = read(path).results
        assert [d.model_dump(exclude_unset=True) for d in first.evidence.decided] == DECIDED
        assert first.evidence == second.evidence != third.evidence


def test_every_study_is_here() -> None:
    assert {*REGISTRY, *RECORDS} == KINDS.keys() - {"modelled"}


@pytest.mark.parametrize("text", ["", "null", "[]", "1", '"x"', "{}", "[" * 5000, '{"schema": 1}', "\xff", "\\ud800",
                                  '{"study": "fly", "schema": 2}', '{"study": ["ladder"]}', '{"study": "ladder"}',
                                  '{"schema": 1, "environment": {}, "results": []}'])  # fmt: skip
def test_other_files_are_one_sentence(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))
    assert "give" in shown(path, monkeypatch, None)
    assert shown(path, monkeypatch, None).startswith("error: ")
