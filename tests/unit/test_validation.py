"""Published measurements beside what machine files predict."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rung import machine as machines
from rung import studies
from rung.bench import validation
from rung.bench.sources import SOURCES, Compiled, Source
from rung.bench.toolchain import native
from rung.bench.validation_result import TOLERANCE, ValidationRecord
from rung.errors import UsageError

PLANNED = [s for s in SOURCES if not any(isinstance(p, Compiled) for p in validation.programs(s))]
"""Sources whose programs need no compiler: they take no time."""


def rung(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "rung.cli", *arguments], capture_output=True, text=True)


@pytest.mark.parametrize("source", PLANNED, ids=lambda s: s.name)
def test_every_miss_has_its_reason_and_no_reason_is_left_over(source: Source) -> None:
    machine = machines.load(source.device)
    traces = {program: validation.trace(program, machine, native()) for program in validation.programs(source)}
    for row in validation.predict(source, traces, machine):
        assert bool(row.reason) == (abs(row.error) > TOLERANCE and not row.fitted), row


@pytest.mark.parametrize("source", PLANNED, ids=lambda s: s.name)
def test_the_machine_file_is_the_fit_to_the_figures_marked_so(source: Source) -> None:
    """And to no other: a fit anew, which sees these only, begins elsewhere and comes to the same predictions."""
    machine = machines.load(source.device)
    traces = {program: validation.trace(program, machine, native()) for program in validation.programs(source)}
    fitted = validation.fit(source, traces, machine)
    for kept, anew in zip(
        validation.predict(source, traces, machine), validation.predict(source, traces, fitted), strict=True
    ):
        assert anew.modelled == pytest.approx(kept.modelled, rel=0.02), kept.name


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.name)
def test_about_half_of_the_figures_are_predictions(source: Source) -> None:
    fitted = sum(figure.fitted for figure in source.figures)
    assert len(source.calibrated) <= fitted <= len(source.figures) * 0.6
    assert source.undisclosed and len({figure.name for figure in source.figures}) == len(source.figures)


@pytest.mark.parametrize("name", machines.names())
def test_what_is_calibrated_says_so_in_its_machine_file(name: str) -> None:
    told = machines.comments(machines.source(name))
    calibrated = {path for source in SOURCES if source.device == name for path in source.calibrated}
    assert all(told[path].startswith("calibrated") for path in calibrated)


def test_comments_of_a_machine_file() -> None:
    text = '# head\nname = "a # b"  # [1] a name\ncontexts = 4\n[npu.cache]\nbytes = 1024 # assumed: small\n'
    assert machines.comments(text) == {"name": "[1] a name", "contexts": "", "npu.cache.bytes": "assumed: small"}


def test_bad_requests() -> None:
    with pytest.raises(UsageError, match="nobody's measurements of `micro-64k` are known here; devices with some: "):
        validation.sources_of("micro-64k")
    [source] = validation.sources_of("snapdragon-8-gen-1")
    without = machines.load("snapdragon-8-gen-1").model_copy(update={"npu": machines.load("hexagon-v73").npu})
    with pytest.raises(UsageError, match=r"field `npu\.cache` is missing, which `tvm-threads` needs"):
        validation.check(source, without)


def test_nothing_is_compiled_for_a_device_of_plans() -> None:
    found = rung("ladder", "gelu", "--device", "tpu-v5e", "--size", "1K")
    assert found.returncode == 2 and "Traceback" not in found.stderr
    assert "machine tpu-v5e is known by plans of programs only" in found.stderr


def test_the_command(tmp_path: Path) -> None:
    record, picture = tmp_path / "v.json", tmp_path / "v.svg"
    found = rung("validate", "--device", "tpu-v5e", "--json", str(record), "--plot", str(picture))
    assert found.returncode == 0, found.stderr
    assert "larger blocks" in found.stdout and "modelled" in found.stdout and picture.stat().st_size > 1000
    read = studies.read(record)
    assert isinstance(read, ValidationRecord) and read.sources[0].device == "tpu-v5e"
    shown = rung("report", str(record))
    assert shown.returncode == 0 and "larger blocks" in shown.stdout
    changed = json.loads(record.read_text())
    changed["sources"][0]["figures"][1]["error"] = 3.0
    record.write_text(json.dumps(changed))
    wrong = studies.read(record)
    assert not wrong.correct


def test_an_unknown_device() -> None:
    found = rung("validate", "--device", "abacus")
    assert found.returncode == 2 and "nobody's measurements of `abacus`" in found.stderr
