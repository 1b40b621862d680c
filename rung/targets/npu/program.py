"""Streams as instructions of the event loop (`replay.c`): flat, and with their loops kept, so that a trace takes no
more memory than its text."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from ...errors import RungError
from .trace import Compute, Event, Repeat, Start, Stream, Wait

MAX_NESTING = 16
"""Loops in loops that the event loop follows."""
_COMPUTE, _START, _WAIT, _LOOP, _NEXT, _END = range(6)
_WIDTH = 5


@dataclass(frozen=True)
class Program:
    """`code`: five 64-bit numbers per instruction. `entries`: where each stream begins. `tags`: one more than the
    highest tag."""

    code: bytes
    entries: bytes
    tags: int


def flatten(streams: tuple[Stream, ...]) -> Program:
    """
    ```
    Compute(w)                  -> COMPUTE w, 1
    Repeat(n, Compute(w))       -> COMPUTE w, n
    Start(t, rows, bytes, out)  -> START t, rows, bytes, out
    Repeat(n, body)             -> LOOP n, end; body; NEXT begin
    ```
    Streams that are one object are flattened once. Refuses: loops nested deeper than `MAX_NESTING`, negative tags.
    """
    flat = _Flat()
    entries = array("q")
    known: dict[int, int] = {}
    for stream in streams:
        if id(stream) not in known:
            known[id(stream)] = flat.position
            flat.append(stream, 0)
            flat.emit(_END)
        entries.append(known[id(stream)])
    return Program(flat.code.tobytes(), entries.tobytes(), flat.tags)


class _Flat:
    def __init__(self) -> None:
        self.code = array("q")
        self.tags = 0

    @property
    def position(self) -> int:
        return len(self.code) // _WIDTH

    def emit(self, op: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> None:
        self.code.extend((op, a, b, c, d))

    def append(self, events: tuple[Event, ...], nesting: int) -> None:
        if nesting > MAX_NESTING:
            raise RungError(f"the trace has loops nested deeper than {MAX_NESTING}; the timeline cannot replay it")
        for event in events:
            match event:
                case Compute(work):
                    self.emit(_COMPUTE, work, 1)
                case Start(tag, rows, row_bytes, write):
                    self.emit(_START, self._tag(tag), rows, row_bytes, int(write))
                case Wait(tag):
                    self.emit(_WAIT, self._tag(tag))
                case Repeat(count, body):
                    self._repeat(count, body, nesting)

    def _tag(self, tag: int) -> int:
        if tag < 0:
            raise RungError(f"the trace has the tag {tag}; tags are 0 or more")
        self.tags = max(self.tags, tag + 1)
        return tag

    def _repeat(self, count: int, body: tuple[Event, ...], nesting: int) -> None:
        if len(body) == 1 and isinstance(body[0], Compute):
            self.emit(_COMPUTE, body[0].work, max(count, 0))
            return
        loop = self.position
        self.emit(_LOOP, count)
        self.append(body, nesting + 1)
        self.code[loop * _WIDTH + 2] = self.position
        self.emit(_NEXT, loop + 1)
