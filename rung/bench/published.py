"""What the studies of the measured device print: the times and ratios that the model is compared with.

Sources: [study] arXiv 2602.20204; [companion] arXiv 2602.19762.
"""

from __future__ import annotations

from dataclasses import dataclass

from .problem import Shape


@dataclass(frozen=True)
class Run:
    """One configuration: a kernel of the suite, and the mechanisms that are on."""

    kernel: str
    shape: Shape
    dtype: str
    rung: str

    def __str__(self) -> str:
        return f"{self.kernel} {' x '.join(f'{n:,}' for n in self.shape)} {self.dtype}, {self.rung}"


@dataclass(frozen=True)
class Ratio:
    """`base` takes `value` times as long as `run`."""

    name: str
    value: float
    source: str
    base: Run
    run: Run


@dataclass(frozen=True)
class Time:
    """What `run` takes."""

    run: Run
    us: float
    source: str = "study"

    @property
    def name(self) -> str:
        return str(self.run)


def _vec_add(rung: str) -> Run:
    return Run("vec-add", (64, 16384), "f32", rung)


def _gelu(rung: str, thousands: int = 1024, dtype: str = "f32") -> Run:
    return Run("gelu", (thousands * 1024,), dtype, rung)


def _rms_norm(rung: str) -> Run:
    """With a weight, and of this size, as in the companion's tests (`test_rms_norm.py`), which have f32 and f16; which
    of them the printed ratio is of is not told."""
    return Run("rms-norm", (127, 513), "f32", rung)


def _threads(thousands: int, value: float, source: str) -> Ratio:
    size = "1M" if thousands == 1024 else f"{thousands}K"
    return Ratio(f"GELU {size}: MT", value, source, _gelu("vec", thousands), _gelu("vec+mt", thousands))


RATIOS: tuple[Ratio, ...] = (
    Ratio("vec-add: Vec", 41.3, "study", _vec_add("scalar"), _vec_add("vec")),
    Ratio("vec-add: MT step", 1.07, "study", _vec_add("vec"), _vec_add("vec+mt")),
    Ratio("vec-add: DB step", 1.116, "study", _vec_add("vec+mt"), _vec_add("vec+mt+db")),
    Ratio("GELU f32: Vec", 16.1, "companion", _gelu("scalar"), _gelu("vec")),
    Ratio("GELU f16: Vec", 63.9, "companion", _gelu("scalar", dtype="f16"), _gelu("vec", dtype="f16")),
    Ratio("RMS norm: Vec", 46.5, "companion", _rms_norm("scalar"), _rms_norm("vec")),
    _threads(1024, 3.91, "study"),
    _threads(1024, 3.40, "companion"),
    _threads(512, 3.95, "companion"),
    _threads(32, 2.28, "companion"),
)
"""Every ratio that is printed as a number."""

NEAR_ONE = _threads(8, 1.0, "companion: `little or a loss below 16K`")
"""Printed in words; it keeps the cost of a fork honest."""

TIMES: tuple[Time, ...] = (
    Time(_vec_add("scalar"), 132_479),
    Time(_vec_add("vec"), 3_210),
    Time(_vec_add("vec+mt"), 3_000),
    Time(_vec_add("vec+mt+db"), 2_689),
    Time(_gelu("vec"), 12_947),
    Time(_gelu("vec+mt"), 3_313),
)

MISSED_RATIOS = {
    (
        "GELU f16: Vec",
        "companion",
    ): "its scalar baseline calls conversions and `expf` whose prices no figure of the other half depends on",
}
"""(name, source) of ratios that a fit to every other one does not predict: why."""


def runs() -> tuple[Run, ...]:
    """Every configuration once."""
    compared = (run for ratio in (*RATIOS, NEAR_ONE) for run in (ratio.base, ratio.run))
    return tuple(dict.fromkeys((*compared, *(time.run for time in TIMES))))
