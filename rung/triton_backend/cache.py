"""Triton's disk cache, where entries may be damaged and the disk full, read-only or taken away: no launch fails then.

Triton believes what it finds, and fails where it cannot write. Here the digests of an entry's files lie beside them. An
entry that is not what was put there is none: Triton compiles the kernel and puts it there anew. What Triton reads while
it compiles are copies of its own. An entry is written when all of its files are there; if it cannot be, it is not kept.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from triton import knobs
from triton.runtime.cache import CacheManager, FileCacheManager

from ..errors import UsageError

_MEMORY = "/dev/shm"
"""Of Linux: a directory that is no disk, where files come and go a hundred times faster."""


def check_entries() -> None:
    """From here on, Triton uses the cache manager that the user has chosen, or its own, in the way said above."""
    manager = knobs.cache.manager_class or FileCacheManager
    if not (isinstance(manager, partial) and manager.func is _open):
        knobs.cache.manager_class = partial(_open, manager)


def _open(manager: Callable[..., CacheManager], key: str, override: bool = False, dump: bool = False) -> CacheManager:
    """Files that stand in for those of a compilation, and those that a user wants to see, are no cache."""
    return manager(key, override=override, dump=dump) if override or dump else CheckedCache(manager, key)


class CheckedCache(CacheManager):
    """One entry: a group of files, by the name of one of them, or single files. It lives as long as the compilation."""

    def __init__(self, manager: Callable[..., CacheManager], key: str) -> None:
        self._key, self._copies = key, _Copies()
        self._kept: CacheManager | None = None
        self._is_group = False
        self._contents = dict[str, bytes]()
        self._moves = list[tuple[dict[str, str], dict[str, str]]]()
        """Groups of copies, and where the same files are kept."""
        with _as_well_as_can_be():
            self._kept = manager(key)

    def get_group(self, filename: str) -> dict[str, str] | None:
        self._is_group = True
        contents, places = self._read(filename)
        self._contents.update(contents)
        group = dict(places)
        self._copy(group, places)
        return group or None

    def get_file(self, filename: str) -> str | None:
        if filename not in self._contents:
            self._contents.update(self._read(filename)[0])
        found = self._contents.get(filename)
        return None if found is None else self._copies.write(filename, found)

    def put(self, data: object, filename: str, binary: bool = True) -> str:
        if data is None:  # what Triton makes of a file whose kind it does not know
            raise UsageError(
                f"{filename} cannot be overridden: change the kernel's .ttir instead, and leave only that in the "
                "directory that TRITON_KERNEL_OVERRIDE reads"
            )
        content = self._contents[filename] = data if isinstance(data, bytes) else str(data).encode()
        if self._is_group:
            return filename  # a path when the group is whole: a compilation that is killed leaves no files
        return self._keep(filename, [filename]).get(filename) or self._copies.write(filename, content)

    def put_group(self, filename: str, group: dict[str, str]) -> None:
        places = self._keep(filename, list(group))
        with _as_well_as_can_be():
            if self._kept is not None and places:
                self._kept.put_group(filename, places)
        self._copy(group, places)

    def __del__(self) -> None:
        for group, places in self._moves:
            group.update(places)
        self._copies.remove()

    def _copy(self, group: dict[str, str], places: dict[str, str]) -> None:
        """Has Triton read copies; where there is no room for them, what is kept in `places`, if it is."""
        self._moves.append((group, places))
        try:
            group.update({name: self._copies.write(name, self._contents[name]) for name in group})
        except UsageError:
            if not places:
                raise
            group.update(places)

    def _read(self, filename: str) -> tuple[dict[str, bytes], dict[str, str]]:
        """Contents and places of the files that were kept as `filename`; none of them unless all are what they were."""
        contents, places = dict[str, bytes](), dict[str, str]()
        try:
            listing, _ = self._content(_listing_name(filename))
            for name, digest in _read_listing(listing, self._key).items():
                contents[name], places[name] = self._content(name)
                if _digest(contents[name]) != digest:
                    return {}, {}
        except Exception:  # whatever it is that cannot be read, and why
            return {}, {}
        return contents, places

    def _content(self, name: str) -> tuple[bytes, str]:
        place = None if self._kept is None else self._kept.get_file(name)
        if place is None:
            raise LookupError(name)
        return Path(place).read_bytes(), place

    def _keep(self, filename: str, names: list[str]) -> dict[str, str]:
        """Where the files of these names are kept, as `filename`; nowhere if any cannot be."""
        if self._kept is None:
            return {}
        with _as_well_as_can_be():
            places = {name: self._kept.put(self._contents[name], name) for name in names}
            digests = {name: _digest(self._contents[name]) for name in names}
            self._kept.put(_listing(digests, self._key), _listing_name(filename))
            return places
        return {}


class _Copies:
    """Files that nobody else changes or takes away, for as long as this object lives."""

    def __init__(self) -> None:
        self._directories, self._process = dict[str | None, Path](), os.getpid()

    def write(self, name: str, content: bytes) -> str:
        """The path of a new file. Raises UsageError when there is no room for it."""
        reasons: list[str] = []
        for parent in (_MEMORY, None):
            try:
                path = self._directory(parent) / name
                path.write_bytes(content)
                return str(path)
            except OSError as error:
                reasons.append(str(error))
        raise UsageError(
            f"Triton reads a kernel from files, and {name} could not be written: {'; '.join(reasons)}; "
            "set TMPDIR to a directory with room"
        )

    def _directory(self, parent: str | None) -> Path:
        if parent not in self._directories:
            self._directories[parent] = Path(tempfile.mkdtemp(prefix="rung-", dir=parent))
        return self._directories[parent]

    def remove(self) -> None:
        if os.getpid() == self._process:  # not a copy of it
            for directory in self._directories.values():
                shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _as_well_as_can_be() -> Generator[None, None, None]:
    try:
        yield
    except Exception as error:
        _tell(knobs.cache.dir, getattr(error, "strerror", None) or str(error))


@cache
def _tell(directory: str, reason: str) -> None:
    logging.getLogger("rung").warning(
        "compiled kernels are not kept in %s: %s; every process compiles them anew; let TRITON_CACHE_DIR name a "
        "directory with room that may be written",
        directory,
        reason,
    )


# ---- listings: the digest of what follows, the entry's key, and a line for each file: its digest, its name


def _listing_name(filename: str) -> str:
    return f"{filename}.sha256"


def _listing(digests: Mapping[str, str], key: str) -> bytes:
    body = "\n".join((key, *(f"{digest} {name}" for name, digest in digests.items()))).encode()
    return f"{_digest(body)}\n".encode() + body


def _read_listing(listing: bytes, key: str) -> dict[str, str]:
    digest, _, body = listing.partition(b"\n")
    found, *lines = body.decode().split("\n")
    if digest.decode() != _digest(body) or found != key:
        raise ValueError("another entry's listing, or a damaged one")
    return {name: digest for digest, _, name in (line.partition(" ") for line in lines)}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
