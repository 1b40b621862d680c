"""One recorded launch: the C runtime's tables become a Trace; what it found wrong becomes an error."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import OutOfMemoryError, TransferError
from ...ir.violations import Violation
from ...runtime import library_path
from .device_code import LOCK
from .host_copy import HostCopy, Site
from .trace import Compute, Event, Region, Repeat, Start, Stream, Trace, Wait
from .weights import Weights

Array = npt.NDArray[np.int64]
_COMPUTE, _LOAD, _STORE, _WAIT, _REPEAT = range(5)
_VIOLATIONS = tuple(Violation)
"""By their numbers in npu.c."""


class _Config(ctypes.Structure):
    _fields_ = [
        ("kernel", ctypes.c_void_p),
        ("counters", ctypes.c_void_p),
        ("weights", ctypes.c_void_p),
        ("counter_count", ctypes.c_int64),
        ("width", ctypes.c_int64),
        ("site_count", ctypes.c_int64),
    ]


class _Result(ctypes.Structure):
    _fields_ = [
        *(
            (name, ctypes.c_int64)
            for name in ("rows", "symbols", "bodies", "codes", "streams", "violations", "violations_kept", "arena")
        ),
        *((f"{name}_at", ctypes.c_void_p) for name in ("rows", "symbols", "bodies", "codes", "streams", "violations")),
    ]


@dataclass(frozen=True)
class Buffer:
    """Memory that the kernel was given: `name` for messages, its address and size."""

    name: str
    address: int
    bytes: int


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(str(library_path()))


def launcher_address() -> int:
    """Of a packed kernel that runs, recorded, the one that `record` was given."""
    return ctypes.cast(_library().rung_npu_launch, ctypes.c_void_p).value or 0


def record(
    copy: HostCopy, entry: str, weights: Weights, launch: Callable[[], None], buffers: tuple[Buffer, ...]
) -> Trace:
    """Run `launch`, which calls `launcher_address()`, and return what `entry`, a function of `copy`, did.

    Raises RungError when packets cannot be counted, TransferError for transfers that are not left alone.
    """
    with LOCK:
        copy.values[:] = 0
        matrix = weights.matrix
        config = _Config(
            copy.address(entry), copy.values.ctypes.data, matrix.ctypes.data, matrix.shape[1], matrix.shape[0],
            len(copy.sites),
        )  # fmt: skip
        if not _library().rung_npu_begin(ctypes.byref(config)):
            raise OutOfMemoryError("out of memory: no room for a trace")
        launch()
        result = _Result()
        _library().rung_npu_end(ctypes.byref(result))
        weights.check(copy.values)
        if result.violations:
            raise TransferError(result.violations, _in_words(result, copy.sites, buffers))
        return replace(_trace(result, weights), memory_bytes=_memory(buffers))


def _memory(buffers: tuple[Buffer, ...]) -> int:
    """Bytes of all of them, each once."""
    return sum({buffer.address: buffer.bytes for buffer in sorted(buffers, key=lambda b: b.bytes)}.values())


def _array(address: int | None, count: int, width: int = 1, kind: Any = ctypes.c_int64) -> npt.NDArray[Any]:
    if not count or address is None:
        return np.zeros((0, width), np.int64)
    return np.ctypeslib.as_array((kind * (count * width)).from_address(address)).reshape(count, width)


def _trace(result: _Result, weights: Weights) -> Trace:
    works = tuple(weights.work(row) for row in _array(result.rows_at, result.rows, weights.matrix.shape[0]))
    events = _events(result)
    codes: list[int] = _array(result.codes_at, result.codes, 1, ctypes.c_int32)[:, 0].tolist()
    regions: dict[int, list[Stream]] = {}
    forked: dict[int, bool] = {}
    for is_forked, _, region, first, end in _array(result.streams_at, result.streams, 5).tolist():
        regions.setdefault(region, []).append(tuple(events[code] for code in codes[first:end]))
        forked[region] = bool(is_forked)
    kept = [Region(tuple(streams), forked[r]) for r, streams in sorted(regions.items()) if forked[r] or any(streams)]
    return Trace(works, tuple(kept), result.arena)


def _events(result: _Result) -> list[Event]:
    """By code. The body of a repeat has smaller codes than the repeat."""
    bodies: list[int] = _array(result.bodies_at, result.bodies, 1, ctypes.c_int32)[:, 0].tolist()
    events: list[Event] = []
    for kind, a, b, c in _array(result.symbols_at, result.symbols, 4).tolist():
        if kind == _COMPUTE:
            events.append(Compute(a))
        elif kind in (_LOAD, _STORE):
            events.append(Start(a, b, c, kind == _STORE))
        elif kind == _WAIT:
            events.append(Wait(a))
        else:
            assert kind == _REPEAT
            events.append(Repeat(a, tuple(events[code] for code in bodies[b : b + c])))
    return events


def _in_words(result: _Result, sites: tuple[Site, ...], buffers: tuple[Buffer, ...]) -> str:
    """The first violations, a line each."""
    lines: list[str] = []
    kept: list[list[int]] = _array(result.violations_at, result.violations_kept, 10).tolist()
    for kind, number, run, context, target, source, rows, row_bytes, other, other_run in kept:
        what = f"{_place(sites, number, run)}, context {context}"
        if target:
            size = f"{rows} x {row_bytes} bytes"
            what = f"a transfer of {size} from {_where(source, buffers)} to {_where(target, buffers)} ({what})"
        by = f": {_place(sites, other, other_run)}" if other >= 0 else ""
        lines.append(f"{what}: {_VIOLATIONS[kind].value}{by}")
    return "\n".join(lines)


def _place(sites: tuple[Site, ...], number: int, run: int) -> str:
    site = sites[number]
    same = [s for s in sites if (s.function, s.block, s.kind) == (site.function, site.block, site.kind)]
    turn = 1 + next(i for i, s in enumerate(same) if s is site)
    return f"the {site.kind} number {turn} of block `{site.block}` in `{site.function}`, run {run + 1}"


def _where(address: int, buffers: tuple[Buffer, ...]) -> str:
    address &= (1 << 64) - 1
    for buffer in buffers:
        if buffer.address <= address < buffer.address + buffer.bytes:
            return f"{buffer.name} at byte {address - buffer.address}"
    return "the scratchpad"
