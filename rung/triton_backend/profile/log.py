"""What the processes of a program tell `rung profile`: a file for each, a line for each launch, written at once.

A line is a JSON object with one key, its kind:

    {"kernel": [0, "softmax", "model.py:12", "double_buffer=on"]}     number, name, place, schedule
    {"timeline": [0, {"cycles": 5428.0, ...}, [[0, 7, 0.0, 900.0, ...], ...]]}      number, facts, intervals
    {"launch": [0, 0, 12.5, 5428.0, false]}           kernel, timeline, begin, time, whether it only chose a schedule
    {"refusal": [0, "..."]}                           kernel, why it is not modelled
    {"race": [0, "..."]}                              kernel, the violations
    {"unheeded": "fusion"}                            a launch keyword that has no effect

So what was told stays, however a process ends. The last line may be half a line.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from ...forks import free_in_forks


@dataclass(frozen=True)
class Kernel:
    """Of a program: one specialisation of a kernel, under one schedule."""

    name: str
    where: str
    """`file.py:LINE`, if that is known"""
    schedule: str


@dataclass(frozen=True, eq=False)
class Facts:
    """A timeline in numbers, and its intervals, if these are asked for. Launches that did the same share one."""

    number: int
    """Of this timeline, in its process."""
    numbers: Mapping[str, Any]
    intervals: Sequence[Sequence[float]] = field(default=(), repr=False)


class Log:
    """The file of this process. A forked one has a file of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        free_in_forks(self._lock)
        self._process, self._file = 0, None
        self._kernels: dict[Kernel, int] = {}
        self._told: set[object] = set()
        """Timelines, by their numbers, and keywords."""

    def launch(self, kernel: Kernel, facts: Facts | None, begin_s: float, amount: float, tuning: bool) -> None:
        """amount: cycles of a modelled device, seconds of this machine."""
        with self._lock:
            timeline = None if facts is None else self._timeline(facts)
            self._tell("launch", [self._kernel(kernel), timeline, round(begin_s, 9), amount, tuning])

    def refusal(self, kernel: Kernel, why: str) -> None:
        self._of_kernel("refusal", kernel, why)

    def race(self, kernel: Kernel, violations: str) -> None:
        self._of_kernel("race", kernel, violations)

    def unheeded(self, keyword: str) -> None:
        """Once for each."""
        with self._lock:
            if self._is_new(keyword):
                self._tell("unheeded", keyword)

    def _of_kernel(self, kind: str, kernel: Kernel, text: str) -> None:
        with self._lock:
            self._tell(kind, [self._kernel(kernel), text])

    def _kernel(self, kernel: Kernel) -> int:
        self._open()
        if kernel not in self._kernels:
            number = self._kernels[kernel] = len(self._kernels)
            self._tell("kernel", [number, kernel.name, kernel.where, kernel.schedule])
        return self._kernels[kernel]

    def _timeline(self, facts: Facts) -> int:
        if self._is_new(facts.number):
            self._tell("timeline", [facts.number, dict(facts.numbers), list(facts.intervals)])
        return facts.number

    def _is_new(self, thing: object) -> bool:
        self._open()
        if thing in self._told:
            return False
        self._told.add(thing)
        return True

    def _open(self) -> TextIO | None:
        if self._process != os.getpid():
            self._process, self._kernels, self._told = os.getpid(), {}, set()
            try:
                self._file = (self._folder / f"{self._process}-{time.time_ns()}.jsonl").open("w")
            except FileNotFoundError:  # the command has ended before
                self._file = None
        return self._file

    def _tell(self, kind: str, value: object) -> None:
        if (file := self._open()) is not None:
            file.write(json.dumps({kind: value}) + "\n")
            file.flush()


@dataclass(frozen=True)
class Launch:
    kernel: Kernel
    facts: Facts | None
    begin_s: float
    """Of the process's clock: the modelled device's, or of this machine."""
    amount: float
    tuning: bool


@dataclass
class Told:
    """What one process has told."""

    launches: list[Launch] = field(default_factory=list[Launch])
    refusals: dict[tuple[Kernel, str], None] = field(default_factory=dict[tuple[Kernel, str], None])
    races: list[tuple[Kernel, str]] = field(default_factory=list[tuple[Kernel, str]])
    unheeded: list[str] = field(default_factory=list[str])


def read(folder: Path) -> list[Told]:
    """Of all processes that launched, in the order of their first launch."""
    files = sorted(folder.glob("*.jsonl"), key=lambda path: int(path.stem.partition("-")[2]))
    return [_told(file) for file in files]


def _told(file: Path) -> Told:
    told = Told()
    kernels: dict[int, Kernel] = {}
    timelines: dict[int, Facts] = {}
    for kind, value in _lines(file):
        match kind:
            case "kernel":
                kernels[value[0]] = Kernel(*value[1:])
            case "timeline":
                timelines[value[0]] = Facts(*value)
            case "launch":
                facts = None if value[1] is None else timelines[value[1]]
                told.launches.append(Launch(kernels[value[0]], facts, *value[2:]))
            case "refusal":
                told.refusals[kernels[value[0]], value[1]] = None
            case "race":
                told.races.append((kernels[value[0]], value[1]))
            case _:
                told.unheeded.append(value)
    return told


def _lines(file: Path) -> Iterator[tuple[str, Any]]:
    for line in file.read_text().splitlines(keepends=True):
        if line.endswith("\n"):  # a process that was killed may have left half a line
            yield from json.loads(line).items()
