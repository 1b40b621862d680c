"""Two records of one study: how much longer, or shorter, each thing takes in the second, and what else changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from ..errors import UsageError
from . import stats
from .ladder_result import LadderRecord
from .reproduction_result import ReproductionRecord
from .result import Environment, Measurements, Record, Result, Timed
from .stats import Ratio
from .sweep_result import SweepRecord
from .trace_result import TraceRecord

By = Literal["time", "speed-up"]
_HELD = ("command", "started", "seed", "machine", "machine_hash", "packages")
"""Of an environment: not compared, or by themselves."""


@dataclass(frozen=True)
class Amount:
    """What one thing took. One sample where it is modelled; none where it was wrong."""

    unit: str
    samples: Sequence[float]
    scalar: Sequence[float] = ()
    """Of its scalar rung, round by round."""
    ir_hash: str = ""


@dataclass(frozen=True)
class Compared:
    """One thing in both records. `ratio`: how many times as long it takes in the second, so that above 1 is slower; by
    speed-up, its speed-up over Scalar in the first over that in the second."""

    name: str
    unit: str
    before: float | None
    after: float | None
    ratio: Ratio | None
    ir_changed: bool

    @property
    def became_wrong(self) -> bool:
        return self.before is not None and self.after is None

    def slower(self, by: float) -> bool:
        """Whether it takes longer by more than the share `by`, and the interval says that it does take longer."""
        return self.ratio is not None and self.ratio.low > 1 and self.ratio.value > 1 + by

    def faster(self, by: float) -> bool:
        return self.ratio is not None and self.ratio.high < 1 and self.ratio.value < 1 / (1 + by)


@dataclass(frozen=True)
class Comparison:
    rows: tuple[Compared, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    changes: tuple[tuple[str, str, str], ...]
    """(what, before, after) of the environments."""


def compare(before: Record, after: Record, by: By = "time") -> Comparison:
    """Raises UsageError for records of different studies, and where nothing is in both."""
    if before.study != after.study:
        raise UsageError(
            f"the first file is a record of `rung {before.study}`, the second of `rung {after.study}`: give two of one"
        )
    old, new = dict(_amounts(before)), dict(_amounts(after))
    both = [name for name in old if name in new]
    if not both:
        raise UsageError(
            "the two records have nothing in common: no kernel of the same size, type, device and rung is in both"
        )
    rows = tuple(_compared(name, old[name], new[name], by) for name in both)
    return Comparison(
        rows,
        tuple(name for name in old if name not in new),
        tuple(name for name in new if name not in old),
        tuple(changes(before.environment, after.environment)),
    )


def _compared(name: str, old: Amount, new: Amount, by: By) -> Compared:
    if old.unit != new.unit:
        raise UsageError(
            f"{name} is in {old.unit} in one record and in {new.unit} in the other: one of them is modelled"
        )
    changed = bool(old.ir_hash and new.ir_hash) and old.ir_hash != new.ir_hash
    if not old.samples or not new.samples:
        middle = [stats.median(each.samples) if each.samples else None for each in (old, new)]
        return Compared(name, old.unit, middle[0], middle[1], None, changed)
    if by == "time":
        a, b = old.samples, new.samples
        return Compared(name, old.unit, stats.median(a), stats.median(b), stats.unpaired_ratio(b, a), changed)
    a, b = _speedups(old), _speedups(new)
    if not a or not b:
        return Compared(name, "x", None, None, None, changed)
    return Compared(name, "x", stats.median(a), stats.median(b), stats.unpaired_ratio(a, b), changed)


def _speedups(found: Amount) -> list[float]:
    """Over Scalar, round by round; nothing where there is no scalar rung."""
    if len(found.scalar) != len(found.samples):
        return []
    return [scalar / sample for scalar, sample in zip(found.scalar, found.samples, strict=True)]


def _amounts(record: Record) -> Iterator[tuple[str, Amount]]:
    """All that takes time in a record, under names that are the same in every record of the study."""
    if isinstance(record, Measurements):
        yield from _results(cast(Measurements[Result], record))
    if isinstance(record, LadderRecord) and record.graph is not None:
        yield from _timed("a call of " + record.graph.function, record.graph.rungs)
    elif isinstance(record, SweepRecord):
        for point in record.points:
            values = ", ".join(f"{name} {value}" for name, value in point.values.items())
            yield f"{record.kernel} {record.shape} {record.dtype}: {values}", Amount("cycles", [point.cycles])
    elif isinstance(record, ReproductionRecord):
        for figure in record.times_us:
            yield f"{figure.name} ({figure.source})", Amount("us (modelled)", [figure.modelled])
    elif isinstance(record, TraceRecord):
        yield record.title, Amount("cycles", [record.cycles])
    elif not isinstance(record, Measurements):
        raise UsageError(f"a record of `rung {record.study}` holds no times that two records could be compared by")


def _results(record: Measurements[Result]) -> Iterator[tuple[str, Amount]]:
    for group in record.groups():
        first = group[0]
        shape = "x".join(map(str, first.shape))
        yield from _timed(f"{first.kernel} {shape} {first.dtype} on {first.device}", group)


def _timed(name: str, group: Sequence[Timed]) -> Iterator[tuple[str, Amount]]:
    none: list[float] = []
    scalar = next((each.samples for each in group if not any(each.mechanisms) and not each.prefetches), none)
    for each in group:
        point = getattr(each, "point", None)
        words = f" ({', '.join(f'{k} {v}' for k, v in point.model_dump().items())})" if point else ""
        digest = each.evidence.ir_hash if isinstance(each, Result) else ""
        yield f"{name}, {each.rung}{words}", Amount(each.unit, each.samples, scalar, digest)


def changes(before: Environment, after: Environment) -> Iterator[tuple[str, str, str]]:
    """What the two were made with that is not the same."""
    old, new = before.model_dump(), after.model_dump()
    for name in old:
        if name not in _HELD and old[name] != new[name]:
            yield name, _words(old[name]), _words(new[name])
    for kind in ("packages", "machine"):
        was, now = dict(_flat(old[kind])), dict(_flat(new[kind]))
        for name in dict.fromkeys([*was, *now]):
            if was.get(name) != now.get(name):
                yield f"{kind}: {name}", _words(was.get(name)), _words(now.get(name))


def _flat(fields: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(cast(Mapping[str, Any], value), f"{before}{name}.")
        else:
            yield before + name, value


def _words(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, cast(list[Any], value)))
    return "-" if value is None else str(value)
