"""The record of a run: round trip, refusals, and files written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rung import studies
from rung.bench.ladder_result import LadderRecord
from rung.errors import UsageError
from tests.bench_fakes import ENVIRONMENT, result


def record() -> LadderRecord:
    return LadderRecord(environment=ENVIRONMENT, results=[result("Scalar"), result("Vec")])


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    studies.write(record(), path)
    assert studies.read(path) == record()
    raw = json.loads(path.read_text())
    assert raw["schema"] == 2 and raw["study"] == "ladder" and raw["results"][0]["samples"] == [1e-3, 1.1e-3]
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")

    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(UsageError, match="No space left"):
        studies.write(record(), path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        studies.write(record(), tmp_path / "none" / "a.json")


def test_a_wrong_result_carries_no_times() -> None:
    with pytest.raises(ValidationError, match="must not carry times"):
        result("Vec", correct=False)
    voided = result(
        "Vec", correct=False, samples=[], median=None, speedup=None, speedup_ci=None, step=None, step_ci=None
    )
    assert not LadderRecord(environment=ENVIRONMENT, results=[voided]).correct


def test_groups_keep_the_order_of_the_file() -> None:
    found = LadderRecord(
        environment=ENVIRONMENT,
        results=[
            result("Scalar"),
            result("Scalar", kernel="silu"),
            result("Vec"),
            result("Vec", dtype="f16"),
        ],
    ).groups()
    assert [[(r.kernel, r.dtype, r.rung) for r in group] for group in found] == [
        [("gelu", "f32", "Scalar"), ("gelu", "f32", "Vec")],
        [("silu", "f32", "Scalar")],
        [("gelu", "f16", "Vec")],
    ]


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda raw: raw.update(schema=1), "is a record of schema 1, and this rung reads schema 2"),
        (lambda raw: raw["results"][1].pop("samples"), "field `results.1.samples`"),
        (lambda raw: raw["results"][0].update(dtype="f32/int"), "field `results.0.dtype`"),
        (lambda raw: raw["environment"].update(typo=1), "field `environment.typo`"),
    ],
)
def test_a_file_of_another_form_is_refused_by_field(
    tmp_path: Path, change: Callable[[Any], None], message: str
) -> None:
    path = tmp_path / "a.json"
    studies.write(record(), path)
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))
    with pytest.raises(UsageError, match=message):
        studies.read(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[]"])
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="give a file that --json of `rung ladder`"):
        studies.read(path)


def test_a_missing_file() -> None:
    with pytest.raises(UsageError, match="cannot read"):
        studies.read("/nowhere/a.json")
