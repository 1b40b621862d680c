"""In figures, legends and labels stand where they cover no data, and everything is on the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rung.bench.ladder_result import LadderRecord
from rung.bench.overlap_result import OverlapRecord
from rung.bench.reproduction_result import Figure, ReproductionRecord
from rung.bench.scale_result import ScalePoint, ScaleRecord, ScaleResult
from rung.bench.sweep_result import Point, SweepRecord
from rung.report import figure, plots, reproduction, scale, sweep
from rung.report import overlap as overlap_report
from tests.bench_fakes import ENVIRONMENT, placed, result
from tests.unit.test_overlap import group

LONG = "triton_red_fused_native_layer_norm_gelu_backward_17"


@pytest.fixture
def canvas(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Holds the figure that is saved, with its layout."""
    found: list[Any] = []

    def draw(drawn: Any, _: Path) -> None:
        drawn.canvas.draw()
        found.append((drawn, *_boxes(drawn)))

    for module in (figure, sweep, reproduction):
        monkeypatch.setattr(module, "save", draw)
    return found


def _boxes(drawn: Any) -> tuple[list[Any], list[Any]]:
    """Of the panels, and of legends, titles and remarks."""
    from matplotlib.legend import Legend
    from matplotlib.text import Annotation

    renderer = drawn.canvas.get_renderer()
    panels = [axis.get_window_extent(renderer) for axis in drawn.axes if axis.axison]
    words = [*drawn.findobj(Legend), *drawn.findobj(Annotation)]
    words += [axis.title for axis in drawn.axes]
    words += [text for text in (drawn._supxlabel, drawn._suptitle) if text is not None]
    return panels, [(each, each.get_window_extent(renderer)) for each in words]


def check(canvas: list[Any]) -> None:
    ((drawn, panels, words),) = canvas
    page = drawn.bbox
    for each, box in words:
        assert box.width == 0 or (
            box.x0 >= page.x0 - 1 and box.x1 <= page.x1 + 1 and box.y0 >= page.y0 - 1 and box.y1 <= page.y1 + 1
        ), f"{each} is not on the page"
        for panel in panels:
            across = min(box.x1, panel.x1) - max(box.x0, panel.x0)
            along = min(box.y1, panel.y1) - max(box.y0, panel.y0)
            assert across <= 1 or along <= 1, f"{each} covers data"


def times(contexts: tuple[int, ...], fork_s: float, kernel: str, sizes: tuple[int, ...]) -> ScaleRecord:
    found: list[ScaleResult] = []
    for n in sizes:
        alone = 2e-7 + 4e-10 * n
        for p in contexts:
            time = alone if p == 1 else 2e-7 + fork_s * p + 4e-10 * n / p
            nothing = dict.fromkeys(("speedup", "speedup_ci", "step", "step_ci", "step_from"))
            each = result("Vec+MT", kernel=kernel, shape=[n], samples=[time] * 2, median=time, **nothing)
            gain = alone / time
            step = {} if p == 1 else {"step": gain, "step_ci": (0.9 * gain, 1.2 * gain), "step_from": "1 context"}
            point = ScalePoint(contexts=p, elements=n, programs=max(2, n // 128), break_even_programs=40)
            found.append(placed(each, point, **step))
    environment = ENVIRONMENT.model_copy(update={"machine": {"contexts": max(contexts)}, "cpu": "A CPU, " * 12})
    return ScaleRecord(environment=environment, results=found)


SIZES = tuple(1 << power for power in range(8, 23, 2))


@pytest.mark.parametrize(
    ("contexts", "kernel", "sizes", "fork_s"),
    [
        ((1, 2), "gelu", SIZES, 4e-7),
        ((1, 2, 4), LONG, SIZES[-2:], 1e-7),
        ((1, 2, 4, 8, 16, 32, 64, 128), "gelu", SIZES[::2], 1e-5),
    ],
    ids=["two", "only gains", "many"],
)
def test_scale(
    canvas: list[Any], contexts: tuple[int, ...], kernel: str, sizes: tuple[int, ...], fork_s: float, tmp_path: Path
) -> None:
    scale.plot(times(contexts, fork_s, kernel, sizes), tmp_path / "a.png")
    check(canvas)


def swept(first: list[Any], second: list[Any], third: list[Any], us: Any, kernel: str = "gelu") -> SweepRecord:
    varied = {"contexts": first, "dma.bytes_per_cycle": second, "dma.arbitration": third}
    points = [
        Point(
            values={"contexts": a, "dma.bytes_per_cycle": b, "dma.arbitration": c}, machine_hash="0", compilation=0,
            cycles=1.0, us=us(a, b, c), compute_utilisation=0, dma_utilisation=0, stall_cycles=0, dma_bytes=0,
        )
        for a in first for b in second for c in third
    ]  # fmt: skip
    shape, environment = [1 << 20], ENVIRONMENT.model_copy(update={"machine": {"name": "hexagon-v73"}})
    return SweepRecord(
        environment=environment,
        kernel=kernel,
        dtype="f32",
        shape=shape,
        schedule="",
        varied=varied,
        calls=[],
        points=points,
    )


@pytest.mark.parametrize(
    ("panels", "lines", "steep"),
    [(1, [1.0], 1.0), (1, [float(n) for n in range(1, 11)], 1.0), (2, [1.0, 2.5], 0.001), (7, [1.0, 2.5, 4.0], 1.0)],
    ids=["one line", "ten lines", "flat", "seven panels"],
)
def test_sweep(canvas: list[Any], panels: int, lines: list[float], steep: float, tmp_path: Path) -> None:
    drawn = swept(
        [1, 2, 4, 8], lines, [f"rule {n}" for n in range(panels)], lambda a, b, c: 100 / a**steep / b**steep, LONG
    )
    sweep.plot(drawn, tmp_path / "a.png")
    check(canvas)


def test_lines_that_lie_on_each_other_are_one(canvas: list[Any], tmp_path: Path) -> None:
    drawn = swept([1, 2, 4], [1.0, 2.0, 4.0, 8.0], ["a", "b"], lambda a, b, c: 100 / a / min(b, 2.0))
    sweep.plot(drawn, tmp_path / "a.png")
    axis = canvas[0][0].axes[0]
    assert [line.get_label() for line in axis.lines] == ["1", "2, 4, 8"]
    low, high = axis.get_ylim()
    assert low < 12.5 and high > 100


def test_overlap(canvas: list[Any], tmp_path: Path) -> None:
    results = [each for degree in (1, 8, 64) for each in group(2.2e-3, degree)]
    overlap_report.plot(OverlapRecord(environment=ENVIRONMENT, results=results), tmp_path / "a.png")
    check(canvas)


@pytest.mark.parametrize("kernels", [(LONG,), ("gelu", LONG, "softmax", "matmul")], ids=len)
def test_ladder(canvas: list[Any], kernels: tuple[str, ...], tmp_path: Path) -> None:
    results = [
        result(rung, kernel=kernel, dtype="bf16/f32", speedup=speedup, speedup_ci=(0.9 * speedup, 9 * speedup))
        for kernel in kernels
        for rung, speedup in (("Scalar", 1.0), ("Vec", 8.0))
    ]
    environment = ENVIRONMENT.model_copy(update={"cpu": "A CPU, " * 12})
    plots.ladder(LadderRecord(environment=environment, results=results), tmp_path / "a.png")
    drawn, panels, words = canvas[0]
    labels = [(each, box) for each, box in words if each.get_text().endswith("x")]
    rest = [(each, box) for each, box in words if not each.get_text().endswith("x")]
    check([(drawn, panels, rest)])
    assert len(labels) == len(results), "above the bars and their intervals, inside the panel"


def test_reproduction(canvas: list[Any], tmp_path: Path) -> None:
    figures = [
        Figure(name=f"{LONG} {n}", source="study", published=2.0, modelled=2.0 * share, error=share - 1)
        for n, share in enumerate((0.5, 0.9, 1.0, 1.6))
    ]
    record = ReproductionRecord(
        environment=ENVIRONMENT.model_copy(update={"machine": {"name": "hexagon-v73"}}), calibrated=False,
        ratios=figures, in_words=figures[0], times_us=figures, parameters={"a": 1.0}, sensitivity={"a": {}},
        held_out=[],
    )  # fmt: skip
    reproduction.plot(record, tmp_path / "a.png")
    check(canvas)
