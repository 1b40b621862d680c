"""How long a session still takes, from what it has taken so far; as a bar, or as a line every ten seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bar

from ..bench.group import Step
from ..bench.measure import Progress

LINE_S = 10.0
"""Between two lines, where there is no terminal to draw a bar on."""
_BESIDE_S = 2.0
"""Compiling and checking of a part on an idle machine: a first guess, good until the first part is done."""
Clock = Callable[[], float]


@dataclass
class Estimate:
    """Of `parts` that are measured one after another. `budget_s`: of timing in one; None where that is not limited by
    time, so that nothing is guessed before something has been measured.

    Parts that are not begun take what those that are done took in the mean, the current one counted as it looks by now:
    on a busy machine that is many times the guess.
    """

    parts: int
    budget_s: float | None
    clock: Clock = time.monotonic
    _durations: list[float] = field(default_factory=list[float])
    _begun: float | None = None
    _rounds: tuple[float, Progress] | None = None
    """What was last said of the rounds of this part, and when."""

    def begin(self) -> None:
        """The next part begins; the one before, if any, is done."""
        now = self.clock()
        if self._begun is not None:
            self._durations.append(now - self._begun)
        self._begun, self._rounds = now, None

    def told(self, progress: Progress) -> None:
        """What the current part says of its rounds."""
        self._rounds = self.clock(), progress

    @property
    def left_s(self) -> float | None:
        """Seconds to the end of the last part; None where nothing tells."""
        if self._begun is None:
            return None if self.budget_s is None else self.parts * (self.budget_s + _BESIDE_S)
        elapsed = self.clock() - self._begun
        rest = self._rest_s(elapsed)
        if rest is None:
            return None
        waiting = self.parts - len(self._durations) - 1
        each = (sum(self._durations) + elapsed + rest) / (len(self._durations) + 1)
        return rest + max(waiting, 0) * each

    def _rest_s(self, elapsed: float) -> float | None:
        """Of the current part."""
        if self._rounds is not None:
            at, progress = self._rounds
            return max(0.0, progress.remaining_s - (self.clock() - at))
        if self._durations:
            return max(0.0, sum(self._durations) / len(self._durations) - elapsed)
        # What comes before the timing may take longer than was guessed; the timing is still to come.
        return None if self.budget_s is None else max(self.budget_s, self.budget_s + _BESIDE_S - elapsed)


class Lines:
    """Lines on a console that is no terminal, at most one every ten seconds."""

    def __init__(self, console: Console, clock: Clock = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._last = clock()

    def offer(self, line: str) -> None:
        """Prints the line if it is time for one."""
        now = self._clock()
        if not self._console.is_terminal and now - self._last >= LINE_S:
            self._last = now
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def about(seconds: float) -> str:
    """`about 40 s`, `about 3 min`, `about 2 h`: no estimate is better than that."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


class Display:
    """Shows steps on `console`: as a bar on a terminal, otherwise as a line at most every ten seconds."""

    def __init__(self, console: Console, estimate: Estimate, bar: Bar, what: str) -> None:
        self._estimate, self._bar = estimate, bar
        self._lines = Lines(console, estimate.clock)
        self._task = bar.add_task(what, total=None, left="")

    def show(self, label: str, step: Step) -> None:
        """`label` names the part, `step` what is done in it."""
        if step.progress:
            self._estimate.told(step.progress)
        rounds, left_s = step.progress, self._estimate.left_s
        words = [f"{rounds.done}/{rounds.rounds} rounds"] if rounds else []
        if step.limit_s is not None:  # perhaps it never ends: no estimate holds
            words.append(f"gives up after {step.limit_s:g} s")
        elif left_s is not None:
            words.append(f"{about(left_s)} left")
        self._bar.update(
            self._task,
            description=f"{label}: {step.what}",
            total=rounds.rounds if rounds else None,
            completed=rounds.done if rounds else 0,
            left=", ".join(words),
        )
        self._lines.offer(f"{label}: {', '.join([step.what, *words])}")

    @contextmanager
    def set_aside(self) -> Generator[None]:
        """While something else is printed."""
        self._bar.stop()
        yield
        self._bar.start()


@contextmanager
def display(console: Console, estimate: Estimate, what: str) -> Generator[Display]:
    """`what` is announced first, with how long it will take, as far as that can be guessed."""
    left_s = estimate.left_s
    announcement = what if left_s is None else f"{what}; {about(left_s)}"
    if not console.is_terminal:
        console.print(announcement, highlight=False, markup=False, soft_wrap=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[left]}", markup=False),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        yield Display(console, estimate, bar, f"{announcement}: loading torch, Triton and MLIR")
