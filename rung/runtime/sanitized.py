"""Launches that the sanitizer watches: the memory that they are given, and what was found."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any, cast

from .. import knobs
from ..errors import SanitizerError
from ..sanitizer import KINDS, UPDATES, Sanitizer, Site, unwritten_of
from . import _native
from .findings import Finding, Memory
from .findings_log import summary, write_log
from .pages import page

_MOST_PROGRAMS = (1 << 32) - 1
_logged: set[str] = set()
"""Kernels that the log has."""


@dataclass(frozen=True)
class Watched:
    """A kernel that was compiled with checks: what its metadata says."""

    kernel: str
    sanitizer: Sanitizer
    sites: tuple[Site, ...]
    arguments: tuple[str, ...]
    """Their names, without constants."""

    @staticmethod
    def of(metadata: Mapping[str, Any]) -> Watched:
        """From the metadata of `Compiled`."""
        sanitizer = Sanitizer.parse(metadata["sanitizer"])
        assert sanitizer is not None
        return Watched(
            metadata["name"], sanitizer, tuple(map(Site.of_json, metadata["sites"])), tuple(metadata["arguments"])
        )

    @contextmanager
    def launch(self, arguments: Mapping[str, object], grid: Sequence[int]) -> Generator[None]:
        """Around one launch on the calling thread. Raises a SanitizerError, or writes what was found to stderr."""
        found = list(memories_of(arguments.items()))
        memories = [memory for memory in found if memory is not None]
        tensors = tuple((m.data, m.begin, m.end, m.unwritten) for m in memories)
        sites = tuple(_numbers(site, all_known=len(memories) == len(found)) for site in self.sites)
        programs = min(max(prod(grid), 0), _MOST_PROGRAMS)  # a grid that cannot be is refused by the launcher
        _native.sanitize_begin(tensors, sites, programs, self.sanitizer.stop, self.sanitizer.order)
        faults: list[_native.Fault] = []
        try:
            yield
        except SanitizerError:
            faults, _ = _native.sanitize_end()
            findings = self._findings(faults, memories, grid)
            self._log(findings)
            *before, last = (f for f in findings if not f.is_benign)  # what ends a launch is found last
            if before:
                print(summary(before), file=sys.stderr)
            raise SanitizerError(page(last), last.where) from None
        except BaseException:
            _native.sanitize_end()
            raise
        else:
            faults, _ = _native.sanitize_end()
        findings = self._findings(faults, memories, grid)
        if not self._log(findings) and findings:
            print(summary(findings), file=sys.stderr)

    def _log(self, findings: Sequence[Finding]) -> bool:
        """Whether there is a log."""
        path = knobs.sanitize_log()
        if path is None:
            return False
        if findings or self.kernel not in _logged:
            write_log(path, self.kernel, findings)
            _logged.add(self.kernel)
        return True

    def _findings(
        self, faults: Sequence[_native.Fault], memories: Sequence[Memory], grid: Sequence[int]
    ) -> list[Finding]:
        found = [Finding.of(self.kernel, fault, self.sites, memories, grid) for fault in faults]
        races = {f.pair for f in found if f.kind == "race"}
        return [f for f in found if f.kind != "same" or f.pair not in races]  # not every program writes the same


def _numbers(site: Site, all_known: bool) -> tuple[int, int, int, bool, bool, bool, bool]:
    """As the runtime wants it. all_known: the memory of all arguments."""
    kind = KINDS.index(site.kind) if site.kind in KINDS else 0
    return (
        kind,
        site.element_bytes,
        UPDATES.index(site.update) if site.update in UPDATES else 0,
        site.acquires,
        site.releases,
        site.closed and all_known,
        site.vital,
    )


def memories_of(arguments: Iterable[tuple[str, object]]) -> Iterator[Memory | None]:
    """Of all tensors and arrays among arguments, in tuples and descriptors, too; None where it is not known."""
    for name, value in arguments:
        if isinstance(value, tuple | list):
            inner = cast("Sequence[object]", value)
            yield from memories_of((f"{name}[{k}]", each) for k, each in enumerate(inner))
        elif hasattr(value, "data_ptr"):
            yield _of_tensor(name, value)
        elif hasattr(value, "base") and hasattr(value, "block_shape"):  # a tensor descriptor, made by the host
            yield from memories_of([(name, cast(Any, value).base)])
        elif hasattr(value, "__array_interface__"):
            yield _of_array(name, value)


def _of_array(name: str, array: Any) -> Memory:
    whole = array
    while hasattr(whole.base, "__array_interface__"):
        whole = whole.base
    steps = list(zip(whole.shape, whole.strides, strict=True))
    begin = whole.__array_interface__["data"][0] + sum((n - 1) * min(s, 0) for n, s in steps)
    size = sum((n - 1) * abs(s) for n, s in steps) + whole.itemsize if whole.size else 0
    data = array.__array_interface__["data"][0]
    return Memory(name, data, begin, begin + size, array.itemsize, str(array.dtype), array.shape)


def _of_tensor(name: str, tensor: Any) -> Memory | None:
    if not hasattr(tensor, "untyped_storage"):
        inner = getattr(tensor, "base", None)  # Triton's `reinterpret`
        return _of_tensor(name, inner) if hasattr(inner, "data_ptr") else None
    storage = tensor.untyped_storage()
    begin, size = storage.data_ptr(), storage.nbytes()
    dtype, shape, marks = str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape), unwritten_of(tensor)
    return Memory(name, tensor.data_ptr(), begin, begin + size, tensor.element_size(), dtype, shape, marks)
