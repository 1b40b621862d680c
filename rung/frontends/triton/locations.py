"""Where an operation comes from in the kernel's source."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from torch_mlir import ir

from ...errors import ContractError, RungError, UnsupportedError

Place = tuple[str, int, int]
"""(path, line, column from 0)"""
_FILE_LOCATION = re.compile(r'"((?:[^"\\]|\\.)*)":(\d+):(\d+)')


def _library_folders() -> tuple[str, ...]:
    """Code that kernels call but users did not write: Triton's library and our libdevice."""
    spec = find_spec("triton")
    folders = [str(Path(__file__).parent)]
    return tuple(folders + list(spec.submodule_search_locations or ()) if spec else folders)


_LIBRARIES = _library_folders()


def source_line(op: ir.Operation | ir.OpView) -> str:
    """`file.py:LINE` of the kernel's source that `op` comes from, or an empty string.

    Where the operation was inlined from a library (`tl.sum`), this is the line that calls it.
    """
    return line_of(op.location)


def line_of(location: object) -> str:
    """`file.py:LINE` of a location of either library."""
    file, line, _ = place_of(location)
    return f"{Path(file).name}:{line}" if file else ""


def place_of(location: object) -> Place:
    """Of what `line_of` names; an empty path where nothing is known."""
    return next(iter(frames_of(location)), ("", 0, 0))


def frames_of(location: object) -> list[Place]:
    """What `line_of` names, and what it was called from and inlined into, from the inside out; libraries left out."""
    places = places_of(location)
    return [place for place in places if not place[0].startswith(_LIBRARIES)] or places[:1]


def places_of(location: object) -> list[Place]:
    """From the inside out, libraries included."""
    # A call site prints the callee first, then its callers.
    found: list[tuple[str, str, str]] = _FILE_LOCATION.findall(str(location))
    return [(file, int(line), int(column)) for file, line, column in found]


@contextmanager
def at(op: ir.Operation) -> Generator[None]:
    """While `op` is converted: what is made comes from its line, and what is refused, or fails, names it."""
    try:
        with op.location:
            yield
    except UnsupportedError as error:
        error.where = error.where or source_line(op)
        raise
    except RungError:
        raise
    except Exception as error:
        line = source_line(op)
        where = f" (at {line})" if line else ""
        raise ContractError(f"`{op.name}`{where} cannot be converted: {type(error).__name__}: {error}") from error
