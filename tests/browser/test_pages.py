"""Pages in a real browser: what they show when they are opened from a file, and what they do when they are used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import triton
import triton.language as tl

from rung import machine as machines
from rung import studies
from rung.bench.ladder_result import LadderRecord
from rung.bench.listing_result import ListingRecord
from rung.bench.stages import Texts
from rung.compile import compile_kernel
from rung.report.page import html
from rung.report.page.parts import Axis, Chart, Mark, Point, Section, Series, Sheet
from rung.schedule import Schedule
from rung.targets.npu.timeline import replay
from tests import bench_fakes as fakes
from tests.model.traces import computing, launch, pipelined
from tests.npu_fakes import traced

Open = Callable[..., Any]
KERNELS = ("gelu", "vec-add", "softmax", "layer-norm")


@pytest.fixture(scope="module")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four kernels, whose Vec rungs take 4, 3, 2 and 1 ms."""
    results = []
    for number, kernel in enumerate(KERNELS):
        speedup = 8.0 / (4 - number)
        results += [
            fakes.result(
                "Scalar", kernel=kernel, median=8e-3, speedup=1.0, speedup_ci=(1.0, 1.0), step=None, step_ci=None,
                step_from=None,
            ),
            fakes.result(
                "Vec", kernel=kernel, median=(4 - number) * 1e-3, speedup=speedup, step=speedup,
                speedup_ci=(speedup * 0.9, speedup * 1.1), step_ci=(speedup * 0.9, speedup * 1.1),
            ),
        ]  # fmt: skip
    path = tmp_path_factory.mktemp("ladder") / "page.html"
    studies.write_page([LadderRecord(environment=fakes.ENVIRONMENT, results=results)], path)
    return path


def rows(browser: Any, table: int = 0) -> list[list[str]]:
    """The rows of a table that are seen, cell by cell."""
    script = """
    return [...document.querySelectorAll("table")[arguments[0]].tBodies[0].rows].filter((row) => !row.hidden)
        .map((row) => [...row.cells].map((cell) => cell.textContent));
    """
    return browser.execute_script(script, table)


def test_a_table_is_sorted_by_a_header(opened: Open, ladder: Path) -> None:
    browser = opened(ladder)
    header = browser.find_elements("css selector", "table")[0].find_elements("css selector", "th button")[3]
    assert header.text == "median"
    header.click()
    medians = [row[3] for row in rows(browser)]
    assert medians == ["1.000 ms", "2.000 ms", "3.000 ms", "4.000 ms", *["8.000 ms"] * 4]
    header.click()
    assert [row[3] for row in rows(browser)] == medians[::-1]
    sorted_by = browser.find_elements("css selector", "th[aria-sort]")
    assert [each.get_attribute("aria-sort") for each in sorted_by] == ["descending"]


def test_a_table_is_filtered_by_words(opened: Open, ladder: Path) -> None:
    browser = opened(ladder)
    box = browser.find_elements("css selector", ".filter input")[0]
    box.send_keys("SOFT vec")
    assert [row[:3] for row in rows(browser)] == [["softmax", "1,048,576", "Vec"]]
    assert browser.find_elements("css selector", ".filter span")[0].text == "1 of 8 rows"


def hover(browser: Any, chart: int, x: float, y: float) -> str:
    """The words of a chart's tip, the pointer at a place on its axes."""
    script = """
    const chart = rung.charts[arguments[0]], at = chart.convertToPixel("grid", [arguments[1], arguments[2]]);
    const box = chart.getDom().getBoundingClientRect();
    chart.getDom().scrollIntoView({ block: "center", behavior: "instant" });
    const now = chart.getDom().getBoundingClientRect();
    return [now.left + at[0], now.top + at[1]];
    """
    left, top = browser.execute_script(script, chart, x, y)
    for shift in (3, 0):
        move = {"type": "mouseMoved", "x": left + shift, "y": top + shift}
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", move)
    from selenium.webdriver.support.ui import WebDriverWait

    read = "return [...document.querySelectorAll('.tip')].map((tip) => tip.innerText).filter(Boolean)"
    found = WebDriverWait(browser, 5).until(lambda page: page.execute_script(read))
    return "\n".join(found)


def test_a_bar_tells_its_values_with_their_interval(opened: Open, ladder: Path) -> None:
    words = hover(opened(ladder), 0, 1.5, 0)
    assert "Vec: 4.000 ms" in words
    assert "2.00x [1.80, 2.20] of Scalar" in words


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    points = tuple(Point(2.0**n, n + 1.0, f"point {n}", n + 0.5, n + 1.5) for n in range(6))
    chart = Chart(
        "lines", Axis("elements", "count", 2), Axis("speed-up", "times"), (Series("one", points),), "a caption",
        (Mark("x", 8.0, "break-even 8"),), 1.0,
    )  # fmt: skip
    sheet = Sheet("a sheet", (("words", "good"),), (Section("a section", (chart,)),), (), "rung scale", ())
    path = tmp_path_factory.mktemp("lines") / "page.html"
    path.write_text(html.page("a page", [sheet]))
    return path


def test_a_chart_has_its_intervals_and_tells_its_points(opened: Open, lines: Path) -> None:
    browser = opened(lines)
    assert hover(browser, 0, 4.0, 3.0) == "point 2"
    text = browser.execute_script("return document.querySelector('svg').textContent")
    assert "break-even 8" in text and "speed-up" in text and "loss" in text
    whiskers = browser.execute_script("return rung.charts[0].getOption().series.map((each) => each.type)")
    assert whiskers == ["line", "custom"]


@pytest.fixture(scope="module")
def timeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    machine = machines.load("hexagon-v73", ())
    record = traced(replay(launch([pipelined(8, 65_536)] * 4, computing(20_000)), machine, record=True), machine)
    path = tmp_path_factory.mktemp("timeline") / "page.html"
    studies.write_page([record], path)
    return path


def test_a_timeline_is_zoomed_and_moved_by_keys_and_buttons(opened: Open, timeline: Path) -> None:
    browser = opened(timeline)
    canvas = browser.find_element("css selector", ".timeline [tabindex]")

    def window() -> list[float]:
        return [float(part) for part in canvas.get_attribute("data-zoom").split()]

    assert window() == [0, 100]
    browser.find_element("css selector", 'button[aria-label="zoom in"]').click()
    assert window() == [25, 75]
    canvas.send_keys("+")
    assert window() == [37.5, 62.5]
    from selenium.webdriver.common.keys import Keys

    canvas.send_keys(Keys.ARROW_RIGHT)
    assert window() == [43.75, 68.75]
    canvas.send_keys("0")
    assert window() == [0, 100]


def test_a_timeline_tells_why_a_context_waits(opened: Open, timeline: Path) -> None:
    browser = opened(timeline)
    script = """
    const block = JSON.parse(document.getElementById("data").textContent)[0];
    const wait = block.spans.find(([row, look]) => row === 3 && block.looks[look].name === "wait for transfer");
    return [(wait[2] + wait[3]) / 2, wait[0]];
    """
    at, row = browser.execute_script(script)
    assert "waits for a transfer: " in hover(browser, 0, at, row)


@triton.jit
def scaled(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + offsets, mask=offsets < n)
    tl.store(y_ptr + offsets, x * 2.0, mask=offsets < n)


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = Texts()
    signature = {"x_ptr": "*fp32", "y_ptr": "*fp32", "n": "i32", "BLOCK": "constexpr"}
    made = compile_kernel(
        scaled, signature, {"BLOCK": 256}, machine=machines.host(), schedule=Schedule(), observers=(texts,)
    )
    found = texts.listing("scaled", scaled, made)
    record = ListingRecord(
        environment=fakes.ENVIRONMENT, kernel="scaled", schedule="", evidence=made.evidence, listing=found
    )
    path = tmp_path_factory.mktemp("listing") / "page.html"
    studies.write_page([record], path)
    return path


def test_two_stages_stand_beside_each_other_with_what_changed(opened: Open, listing: Path) -> None:
    from selenium.webdriver.support.ui import Select

    browser = opened(listing)
    before, after = (Select(each) for each in browser.find_elements("css selector", ".pane select"))
    assert [before.first_selected_option.text, after.first_selected_option.text] == ["stage ttir", "stage linalg"]
    names = [option.text.strip() for option in after.options]
    vectorize = next(number for number, name in enumerate(names) if name.startswith("vectorize"))
    before.select_by_index(vectorize - 1)
    after.select_by_index(vectorize)
    added = [each.text for each in browser.find_elements("css selector", ".code .added")]
    assert any("vector.load" in line or "vector.transfer_read" in line for line in added)
    removed = [each.text for each in browser.find_elements("css selector", ".code .removed")]
    assert any("linalg.generic" in line for line in removed)
    before.select_by_index(vectorize)
    assert browser.find_elements("css selector", ".code .added, .code .removed") == []


def test_a_line_shows_where_it_is_from(opened: Open, listing: Path) -> None:
    browser = opened(listing)
    load = next(each for each in browser.find_elements("css selector", ".code .lookup") if "tt.load" in each.text)
    load.click()
    source = browser.find_element("css selector", '[aria-label="source"] .from')
    assert "tl.load(x_ptr + offsets" in source.text


def test_hot_loops_of_the_assembly_are_marked(opened: Open, listing: Path) -> None:
    from selenium.webdriver.support.ui import Select

    browser = opened(listing)
    after = Select(browser.find_elements("css selector", ".pane select")[1])
    if "stage asm" not in [option.text for option in after.options]:
        pytest.fail("there is no assembly")
    after.select_by_visible_text("stage asm")
    hot = [each.text for each in browser.find_elements("css selector", ".code .hot")]
    assert any(name in line for line in hot for name in ("mulps", "addps", "fmul", "fadd"))


@pytest.mark.parametrize("width", [1200, 375])
@pytest.mark.parametrize("dark", [False, True])
def test_pages_fit_the_screen(opened: Open, width: int, dark: bool, request: pytest.FixtureRequest) -> None:
    """On a phone, too, only what scrolls by itself is wider; charts are drawn in both themes."""
    for name in ("ladder", "lines", "timeline", "listing"):
        browser = opened(request.getfixturevalue(name), width, dark)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, name
        ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") is not dark


def test_the_theme_is_changed_by_a_button(opened: Open, ladder: Path) -> None:
    browser = opened(ladder)
    browser.find_element("css selector", "#theme").click()
    assert browser.execute_script("return document.documentElement.dataset.theme") == "dark"
