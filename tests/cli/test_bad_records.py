"""Records that cannot be shown or compared: one sentence, status 2, and nothing is overwritten."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung import studies
from rung.bench.ladder_result import LadderRecord
from tests import bench_fakes as fakes


def record(path: Path, change: Callable[[Any], Any] = lambda found: found) -> str:
    results = [fakes.result("Scalar", step=None, step_ci=None, step_from=None), fakes.result("Vec")]
    studies.write(LadderRecord(environment=fakes.ENVIRONMENT, results=results), path)
    found = json.loads(path.read_text())
    path.write_text(json.dumps(change(found) or found))
    return str(path)


def schema(found: Any) -> None:
    found["schema"] = 1


def other_machine(found: Any) -> None:
    found["environment"]["cpu"] = "Another CPU"


def empty(found: Any) -> None:
    found["results"], found["complete"] = [], False


BAD: dict[str, tuple[Callable[[Any], Any], str]] = {
    "another schema": (schema, "is a record of schema 1, and this rung reads schema 2"),
    "another machine": (other_machine, "was measured on "),
    "nothing": (empty, "holds no result"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_page_of_bad_records(kind: str, tmp_path: Path, refused: Callable[..., str]) -> None:
    change, words = BAD[kind]
    good, bad, page = record(tmp_path / "a.json"), record(tmp_path / "b.json", change), tmp_path / "page.html"
    page.write_text("before")
    assert words in refused("report", good, bad, "--html", str(page))
    assert page.read_text() == "before"


def test_a_truncated_record(tmp_path: Path, refused: Callable[..., str]) -> None:
    file, page = tmp_path / "a.json", tmp_path / "page.html"
    text = Path(record(file)).read_text()
    file.write_text(text[: len(text) // 2])
    page.write_text("before")
    assert "is no JSON" in refused("report", str(file), "--html", str(page))
    assert "is no JSON" in refused("compare", str(file), str(file), "--html", str(page))
    assert page.read_text() == "before"


def test_a_page_that_cannot_be_written(tmp_path: Path, refused: Callable[..., str]) -> None:
    good = record(tmp_path / "a.json")
    assert "there is no folder" in refused("report", good, "--html", str(tmp_path / "nowhere" / "page.html"))
    assert "is a folder" in refused("compare", good, good, "--html", str(tmp_path))


def test_what_is_no_comparison(tmp_path: Path, refused: Callable[..., str]) -> None:
    good, other = record(tmp_path / "a.json"), record(tmp_path / "b.json", other_machine)
    assert "times of two machines" in refused("compare", good, other)
    assert "nothing in common" in refused("compare", good, record(tmp_path / "c.json", empty))
    assert "--fail-above is `5 times`" in refused("compare", good, good, "--fail-above", "5 times")


def test_no_file_at_all(refused: Callable[..., str]) -> None:
    assert "Missing argument" in refused("report", "--html", "page.html")
