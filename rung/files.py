"""Writing a file in one step: whoever reads it sees the old contents or the new ones, whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .errors import UsageError


def write_file(data: str | bytes, path: str | Path) -> None:
    """Puts `data` at `path`: written aside, then renamed. Raises UsageError when that cannot be done.

    A link stays one, and what it names is replaced. What is no regular file (/dev/null, /dev/stdout, a pipe) is
    written to, and never replaced.
    """
    content = data.encode() if isinstance(data, str) else data
    try:
        target = Path(path)
        if target.exists() and (not target.is_file() or target.parent == Path("/dev")):
            with target.open("wb") as stream:
                stream.write(content)
        else:
            _replace(target.resolve(), content)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def _replace(target: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
