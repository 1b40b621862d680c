"""Pages as text: what stands in them, from records alone. How they behave: tests/browser."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.table import Table as RichTable

from rung import studies
from rung.bench.ladder_result import LadderRecord
from rung.errors import UsageError
from rung.report.page import captured, html
from rung.report.page.parts import Cell, Section, Sheet, Table
from tests import bench_fakes as fakes

LIMIT = 3_000_000


class Outline(HTMLParser):
    """Texts of cells, and where everything that is loaded comes from."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.loaded: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {"script": "src", "link": "href", "img": "src", "iframe": "src"}
        self.loaded += [value or "" for name, value in attrs if names.get(tag) == name]
        if tag == "td":
            self.cells.append("")
        self._inside = tag == "td"

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += data


def ladder(**changes: Any) -> LadderRecord:
    results = [
        fakes.result(
            "Scalar", median=8e-3, speedup=1.0, speedup_ci=(1.0, 1.0), step=None, step_ci=None, step_from=None
        ),
        fakes.result("Vec", median=1e-3),
    ]
    return LadderRecord(environment=fakes.ENVIRONMENT, results=results, **changes)


def data_of(text: str) -> Any:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_a_page_loads_nothing_and_says_what_the_record_says(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    studies.write_page([ladder()], path)
    text = path.read_text()
    outline = Outline(text)
    assert [each for each in outline.loaded if not each.startswith("data:")] == []
    assert "8.00x [7.50, 8.50]" in outline.cells
    assert "Vec pays: 8.00x of Scalar, 95% CI [7.50, 8.50]." in text
    assert "rung ladder" in text and "A CPU" in text
    assert len(text) < LIMIT
    (bars,) = (each for each in data_of(text) if each["title"] == "Speed-up over Scalar")
    assert [(bar["value"], bar["low"], bar["high"]) for bar in bars["series"][0]["bars"]] == [
        (1.0, None, None),
        (8.0, 7.5, 8.5),
    ]


def test_words_of_a_record_are_no_markup() -> None:
    """A kernel may be called anything."""
    evil = "</script><script>alert(1)</script>"
    cell = Cell(evil)
    sheet = Sheet(evil, ((evil, ""),), (Section(evil, (Table(evil, (evil,), ((cell,),)),)),), (), evil, ((evil, evil),))
    text = html.page(evil, [sheet])
    assert "<script>alert" not in text
    assert Outline(text).cells == [evil]


def test_a_wrong_result_comes_first() -> None:
    wrong = fakes.result("Vec", correct=False, samples=[], median=None, speedup=None, speedup_ci=None, step=None)
    record = ladder().model_copy(update={"results": [ladder().results[0], wrong]})
    verdict = studies.of(record).sheet(record).verdict
    assert verdict[0][1] == "bad" and "WRONG" in verdict[0][0]


def test_times_of_two_processors_do_not_stand_on_one_page(tmp_path: Path) -> None:
    other = fakes.ENVIRONMENT.model_copy(update={"cpu": "Another CPU"})
    records = [ladder(), ladder().model_copy(update={"environment": other})]
    with pytest.raises(UsageError, match=r"b\.json \(Another CPU, 2 contexts\)"):
        studies.write_page(records, tmp_path / "page.html", ("a.json", "b.json"))
    assert not (tmp_path / "page.html").exists()


def test_a_record_without_results_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.json holds no result"):
        studies.write_page([ladder().model_copy(update={"results": []})], tmp_path / "page.html", ("a.json",))


def test_tables_of_the_terminal_keep_their_numbers() -> None:
    """What a kind without a page of its own shows: sorted by numbers, times in seconds; a group's first cell in all."""
    table = RichTable("n", "time", "", title="a table")
    table.columns[0].justify = table.columns[1].justify = "right"
    for row in (("1,024", "12.5 us", "gain"), ("", "2 ms", "")):
        table.add_row(*row)
    found = captured.table(table)
    assert [row[0].value for row in found.rows] == [1024, 1024]
    assert [row[1].value for row in found.rows] == pytest.approx([12.5e-6, 2e-3])
    assert [row[2].value for row in found.rows] == [None, None]
    assert [row[0].text for row in found.rows] == ["1,024", "1,024"]
    assert [row[2].text for row in found.rows] == ["gain", ""]
