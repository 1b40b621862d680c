"""The registry of studies: what a study is, and that a new one needs nothing but itself and a line there."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from rich.console import Console

from rung import cli, machine, studies
from rung.bench import reproduction
from rung.bench.group import Lab, Step
from rung.bench.ladder_result import LadderRecord
from rung.bench.measure import Sampling
from rung.bench.result import Environment, Record
from rung.errors import UsageError
from rung.evidence import Evidence, HostCode, Positive
from rung.files import write_file
from rung.options.command import Entry
from rung.studies import REGISTRY, session
from rung.studies.study import Part, Plan, Study, StudyOptions
from rung.studies.sweep import SweepOptions
from tests.bench_fakes import ENVIRONMENT, result, toolchain
from tests.npu_fakes import FakeDevice


@dataclass(frozen=True)
class TinyOptions(StudyOptions):
    words: Annotated[tuple[str, ...], typer.Argument(metavar="WORD", help="Words to count the letters of.")] = ()
    least: Annotated[int, typer.Option(help="Shorter words are refused.")] = 1


class TinyRecord(Record):
    study: Literal["tiny"] = "tiny"
    letters: dict[str, Positive]

    @property
    def correct(self) -> bool:
        return "wrong" not in self.letters


def plan(options: TinyOptions) -> Plan[TinyOptions, tuple[str, int], TinyRecord]:
    for word in options.words:
        if len(word) < options.least:
            raise UsageError(f"`{word}` is shorter than --least, {options.least}")

    def part(word: str) -> Part[tuple[str, int]]:
        def run(lab: Lab) -> tuple[str, int]:
            lab.tell(Step("counting"))
            if word == "stop":
                raise KeyboardInterrupt
            return word, len(word)

        return Part(word, run)

    def record(found: Environment, parts: Sequence[tuple[str, int]], complete: bool) -> TinyRecord:
        return TinyRecord(environment=found, letters=dict(parts), complete=complete)

    device = machine.load("hexagon-v73")
    return Plan("counting letters", device, Sampling(), tuple(part(word) for word in options.words), record)


def show(out: Console, record: TinyRecord) -> None:
    out.print(", ".join(f"{word}: {count}" for word, count in record.letters.items()))


STUDY = Study(
    name="tiny",
    details="One part per word.",
    options=TinyOptions,
    plan=plan,
    record=TinyRecord,
    tables=show,
    figure=lambda record, path: write_file(f"<svg>{record.letters}</svg>", path),
)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line, with the tiny study in the registry: (status, stdout, stderr)."""
    monkeypatch.setitem(REGISTRY, "tiny", Entry("Count letters.", __name__))

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rung", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        found = capsys.readouterr()
        return int(stopped.value.code or 0), found.out, found.err

    return run


def test_a_new_study_is_in_the_command_line(rung: Run) -> None:
    assert "tiny       Count letters." in rung("--help")[1]
    _, out, _ = rung("tiny", "--help")
    assert "Count letters.\n\n  One part per word." in out and "--least <int>" in out and "-o, --json" in out


def test_a_new_study_is_made_written_and_reported(rung: Run, tmp_path: Path) -> None:
    file, plot = tmp_path / "t.json", tmp_path / "t.svg"
    status, out, errors = rung("tiny", "one", "three", "--json", str(file), "--plot", str(plot))
    assert status == 0 and errors.startswith("counting letters\n")
    assert "one: 3, three: 5\n" in out and "machine hexagon-v73" in out
    content = json.loads(file.read_text())
    assert (content["study"], content["schema"], content["letters"]) == ("tiny", 2, {"one": 3, "three": 5})
    drawn = plot.read_text()
    plot.unlink()
    assert rung("report", str(file), "--plot", str(plot)) == (0, out, "") and plot.read_text() == drawn
    assert rung("report", str(file), "--explain") == (
        2, "", "error: --explain tells the compiler's decisions, which a record of `rung tiny` does not hold\n"
    )  # fmt: skip


def test_a_new_study_has_what_all_have(rung: Run, tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    assert rung("tiny", "one", "--least", "9") == (2, "", "error: `one` is shorter than --least, 9\n")
    assert "no folder" in rung("tiny", "one", "-o", str(tmp_path / "none" / "t.json"))[2]
    assert rung("tiny", "wrong", "-o", str(file))[0] == rung("report", str(file))[0] == 1
    status, out, _ = rung("tiny", "one", "stop", "two", "-o", str(file))
    assert (status, out) == (130, f"interrupted; what was finished is in {file}\n")
    assert "one: 3\n" in rung("report", str(file))[1] and "was interrupted" in rung("report", str(file))[1]
    file.write_text(file.read_text().replace('"one": 3', '"one": 0'))
    status, out, error = rung("report", str(file))
    assert (status, out) == (2, "") and "not a whole record of `rung tiny`: field `letters.one`" in error


def test_a_record_of_an_unknown_study_is_named(rung: Run, tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    file.write_text('{"schema": 2, "study": "flight"}')
    status, out, error = rung("report", str(file))
    assert (status, out) == (2, "") and "is a record of 'flight', which is no study of this rung; give" in error


@pytest.mark.parametrize("name", REGISTRY)
def test_the_registry_and_the_studies_agree(name: str) -> None:
    study = studies.find(name)
    assert study.name == name == study.record.model_fields["study"].default
    assert issubclass(study.record, Record) and issubclass(study.options, StudyOptions)
    assert study.details and REGISTRY[name].summary.endswith(".")


def test_a_study_from_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(REGISTRY, "tiny", Entry("Count letters.", __name__))
    record = studies.run("tiny", words=("one",))
    assert isinstance(record, TinyRecord) and record.letters == {"one": 3} and capsys.readouterr().out == ""
    studies.write(record, tmp_path / "t.json")
    again = studies.read(tmp_path / "t.json")
    assert again == record and studies.of(again) is STUDY
    studies.show(again)
    assert "one: 3" in capsys.readouterr().out
    with pytest.raises(UsageError, match="study tiny: got an unexpected keyword argument 'sizes'"):
        studies.run("tiny", sizes="4K")
    with pytest.raises(UsageError, match="there is no study `tyni`; choose from: ladder"):
        studies.run("tyni")
    kept = tmp_path / "k.json"
    with pytest.raises(KeyboardInterrupt):
        studies.run("tiny", words=("one", "stop"), json=str(kept))
    assert not studies.read(kept).complete


def test_an_interrupted_sweep_keeps_the_machines_that_are_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device, file = FakeDevice(), tmp_path / "s.json"
    whole = device.toolchain()

    def compile(*args: Any, **keywords: Any) -> Any:
        if len(device.compiled) == 2:
            raise KeyboardInterrupt
        return whole.compile(*args, **keywords)

    interrupted = type(whole)(compile, whole.reset_counters, whole.counters)
    options = SweepOptions("gelu", size="4096", vary=("dma.fetch_cycles=0,9", "contexts=1,2,4"), json=str(file))
    assert session.run(studies.find("sweep"), options, lambda: interrupted) == 130
    found = studies.read(file)
    assert not found.complete
    points = [tuple(point.values.values()) for point in found.points]
    assert points == [(0.0, 1), (0.0, 2), (9.0, 1), (9.0, 2)], "in the order of the grid"
    studies.plot(found, tmp_path / "s.svg")
    studies.show(found)
    assert "the run was interrupted" in capsys.readouterr().out


def test_an_interrupted_reproduction_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reproduction, "record", stop)
    study, file = studies.find("reproduce"), tmp_path / "r.json"
    assert session.run(study, study.options(json=str(file)), toolchain) == 130
    assert capsys.readouterr().out == "interrupted\n" and not file.exists()


def test_evidence_stands_once_per_code(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    scalar, vector = (Evidence(object=HostCode(kind="host", packed_ops=ops)) for ops in (0, 12))
    results = [
        result("Scalar", evidence=scalar), result("Vec", evidence=vector),
        result("Vec+MT", evidence=vector, launch={"contexts_ran": 2}),
    ]  # fmt: skip
    record = LadderRecord(environment=ENVIRONMENT, results=results)
    studies.write(record, path)
    content = json.loads(path.read_text())
    names = [each["evidence"] for each in content["results"]]
    assert names[0] != names[1] == names[2] and set(content["evidence"]) == set(names)
    assert content["evidence"][names[1]] == {"object": {"kind": "host", "packed_ops": 12}}
    assert studies.read(path) == record
    del content["evidence"][names[0]]
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=r"field `results.0.evidence`"):
        studies.read(path)
