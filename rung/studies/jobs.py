"""What `rung suite` measures: every study, on the host and on a modelled device, cut into jobs that are kept apart.

A job is a study with its options. It is done when its record lies in the folder, whole, made by the same command on the
same machine with the same rung; so a suite that was killed goes on where it was, and one whose settings changed begins
anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..bench import environment
from ..bench.result import Record
from ..bench.suite import WORKLOADS
from ..errors import UsageError
from ..options.command import arguments
from ..options.declared import MODELLED
from ..processor import cores
from .ladder import LadderOptions
from .overlap import OverlapOptions
from .reproduce import ReproduceOptions
from .scale import ScaleOptions
from .study import StudyOptions

_SMALL = {1: "64K", 2: "64x1024", 3: "128x128x128"}
"""Sizes of a quick suite, by the number of a kernel's dimensions."""


@dataclass(frozen=True)
class Job:
    """`part`: jobs of one part stand on one sheet of the page, as one record. `weight`: seconds that it takes, about,
    compared with others."""

    part: str
    name: str
    study: str
    options: StudyOptions
    weight: float

    @property
    def file(self) -> str:
        return f"{self.name}.json"

    @property
    def command(self) -> list[str]:
        """That makes the same record alone."""
        return ["rung", self.study, *arguments(self.options)]


def jobs(quick: bool, device: str = MODELLED) -> tuple[Job, ...]:
    """In the order in which they run: first what says most."""
    return tuple(_quick(device) if quick else _whole(device))


def _whole(device: str) -> Iterator[Job]:
    for where in ("host", device):
        budget = 8.0 if where == "host" else 0.0
        for workload in WORKLOADS:
            options = LadderOptions(kernels=(workload.name,), device=where, inductor=True)
            yield Job(f"ladder-{where}", f"ladder-{where}-{workload.name}", "ladder", options, 2 * budget + 12)
    yield Job("factorial-host", "factorial-host", "ladder", LadderOptions(kernels=("gelu",), factorial=True), 20)
    npu = LadderOptions(kernels=("gelu",), factorial=True, device=device)
    yield Job(f"factorial-{device}", f"factorial-{device}", "ladder", npu, 20)
    for where in ("host", device):
        yield Job(f"scale-{where}", f"scale-{where}", "scale", ScaleOptions(device=where), 60)
        yield Job(f"overlap-{where}", f"overlap-{where}", "overlap", OverlapOptions(device=where), 90)
    yield Job("reproduction", "reproduction", "reproduce", ReproduceOptions(device=device), 40)


def _quick(device: str) -> Iterator[Job]:
    """The same, small: every kernel, and the shape of every curve."""
    for where in ("host", device):
        for workload in WORKLOADS:
            size = _SMALL[len(workload.dimensions)] if workload.name != "attention" else "128x64"
            options = LadderOptions(
                kernels=(workload.name,),
                device=where,
                size=size,
                rounds=9,
                inductor=workload.name in ("gelu", "softmax"),
            )
            yield Job(f"ladder-{where}", f"ladder-{where}-{workload.name}", "ladder", options, 3)
    for where in ("host", device):
        scale = ScaleOptions(device=where, sizes="1K,4K,16K,64K,256K", rounds=9)
        yield Job(f"scale-{where}", f"scale-{where}", "scale", scale, 10)
        overlap = OverlapOptions(device=where, degrees="1,8,64", size="256K", depths="2", rounds=5)
        yield Job(f"overlap-{where}", f"overlap-{where}", "overlap", overlap, 15)
    yield Job("reproduction", "reproduction", "reproduce", ReproduceOptions(device=device), 40)


def chosen(every: Sequence[Job], only: Sequence[str]) -> tuple[Job, ...]:
    """Those whose name or part holds one of the words. Raises UsageError where none does."""
    found = tuple(job for job in every if not only or any(word in job.name or word in job.part for word in only))
    if not found:
        parts = ", ".join(dict.fromkeys(job.part for job in every))
        raise UsageError(f"--only leaves nothing: {', '.join(only)}; parts are: {parts}")
    return found


def done(job: Job, folder: Path) -> Record | None:
    """The record of a job that was finished before, on this machine and by this rung."""
    from . import read

    try:
        record = read(folder / job.file)
    except UsageError:
        return None
    made, model = record.environment, environment.cpu()[0]
    same = (made.cpu, made.contexts, made.rung, made.git) == (
        model, cores(), environment.rung_version(), environment.git_revision(),
    )  # fmt: skip
    return record if record.complete and same and made.command == job.command else None


def joined(records: Sequence[Any]) -> Any:
    """Records of one part as one: their results after one another."""
    first = records[0]
    if len(records) == 1:
        return first
    return first.model_copy(update={"results": [result for record in records for result in record.results]})
