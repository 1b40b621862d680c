"""Where an operation comes from in the kernel's source."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from torch_mlir import ir

_FILE_LOCATION = re.compile(r'"((?:[^"\\]|\\.)*)":(\d+):\d+')


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
    # A call site prints the callee first, then its callers from the inside out.
    locations: list[tuple[str, str]] = _FILE_LOCATION.findall(str(op.location))
    own = [entry for entry in locations if not entry[0].startswith(_LIBRARIES)]
    for file, line in own[:1] or locations[:1]:
        return f"{Path(file).name}:{line}"
    return ""
