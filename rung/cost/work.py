"""Work: what a piece of code does, in counts that hold on every machine of its lanes; `price` says what each takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

Kind = Literal[
    "multiply", "add", "logic", "divide", "root", "scalar", "integer_divide", "load", "store", "atomic", "call"
]
"""`multiply`: products, fused ones, comparisons, minima, choices; `logic`: integers, logic and shuffles of vectors, and
their moves from and to scalars; `scalar`: all else on integers."""


class Op(NamedTuple):
    """Operations of one kind on so many bytes each: 4 of a single f32, 64 of a vector of sixteen."""

    kind: Kind
    bytes: int


Counts = Mapping[Op, float]


class Path(NamedTuple):
    """Operations of each kind, one behind the other: each waits for the result of the one before."""

    loads: int = 0
    multiplies: int = 0
    adds: int = 0
    divisions: int = 0
    others: int = 0

    @property
    def length(self) -> int:
        return sum(self)


NO_PATH = Path()


class Flow(NamedTuple):
    """Bytes of one array that a stretch is the first to touch."""

    reads: float = 0.0
    writes: float = 0.0
    streamed: float = 0.0
    """Of `writes`, past the caches."""


@dataclass(frozen=True)
class Stretch:
    """Code without a branch in it, run `times` times."""

    times: float
    counts: Counts
    chain: Path = NO_PATH
    """What an iteration waits for of the one before."""
    path: Path = NO_PATH
    """The longest within an iteration."""
    enters: float = 0.0
    """How often a loop around it begins."""
    flows: Mapping[int, Flow] = field(default_factory=dict[int, Flow])
    """Of all `times`, by argument."""

    def __mul__(self, times: float) -> Stretch:
        flows = {argument: Flow(*(each * times for each in f)) for argument, f in self.flows.items()}
        return replace(self, times=self.times * times, enters=self.enters * times, flows=flows)


@dataclass(frozen=True)
class Stream:
    """What goes between one array of the launch and the code, in bytes. `reads` and `writes` count a footprint once
    where it is made, however often it is read; the others count every access."""

    reads: float = 0.0
    writes: float = 0.0
    scalars: float = 0.0
    """Accesses of one element."""
    vectors: float = 0.0
    accessed: float = 0.0
    """Bytes of the vectors."""

    def __add__(self, other: Stream) -> Stream:
        return Stream(*(a + b for a, b in zip(self._fields(), other._fields(), strict=True)))

    def __mul__(self, times: float) -> Stream:
        return Stream(*(each * times for each in self._fields()))

    def _fields(self) -> tuple[float, ...]:
        return self.reads, self.writes, self.scalars, self.vectors, self.accessed


@dataclass(frozen=True)
class Work:
    """Of one launch, or of one iteration of a loop. `streams` by the number of the kernel's argument."""

    stretches: tuple[Stretch, ...] = ()
    streams: Mapping[int, Stream] = field(default_factory=dict[int, Stream])
    transfers: float = 0.0
    """Descriptors given to a copy engine."""
    moved: float = 0.0
    """Bytes of them."""
    rows: float = 0.0
    """Of descriptors that have more than one."""
    ahead: float = 0.0
    """Of the transfers, those in front of a loop: nothing overlaps them."""
    moved_ahead: float = 0.0

    def __mul__(self, times: float) -> Work:
        return Work(
            tuple(s * times for s in self.stretches),
            {argument: stream * times for argument, stream in self.streams.items()},
            self.transfers * times,
            self.moved * times,
            self.rows * times,
            self.ahead * times,
            self.moved_ahead * times,
        )

    @classmethod
    def total(cls, parts: Iterable[Work]) -> Work:
        stretches: list[Stretch] = []
        streams: dict[int, Stream] = {}
        transfers = moved = rows = ahead = moved_ahead = 0.0
        for part in parts:
            stretches += part.stretches
            for argument, stream in part.streams.items():
                streams[argument] = streams.get(argument, Stream()) + stream
            transfers += part.transfers
            moved += part.moved
            rows += part.rows
            ahead += part.ahead
            moved_ahead += part.moved_ahead
        return cls(tuple(stretches), streams, transfers, moved, rows, ahead, moved_ahead)

    def count(self, *kinds: Kind) -> float:
        """Operations of these kinds."""
        return sum(s.times * n for s in self.stretches for op, n in s.counts.items() if not kinds or op.kind in kinds)
