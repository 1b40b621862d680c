"""Writing a file in one step: whoever reads it sees the old contents or the new ones, whole."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
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
        if _is_written_to(target):
            with target.open("wb") as stream:
                stream.write(content)
        else:
            _replace(target.resolve(), content)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def why_not_writable(path: Path) -> str | None:
    """Why `write_file` could not write there, as far as that can be known without doing it; None where it could."""
    try:
        if path.is_dir():
            return "is a folder; give a file"
        if not path.parent.is_dir():
            return f"cannot be written: there is no folder `{path.parent}`"
        if _is_written_to(path):
            return None if os.access(path, os.W_OK) else "cannot be written: Permission denied"
        target = path.resolve()
        if target.exists() and not _may_replace(target):
            return "cannot be written: it is another user's, in a folder where only that one may replace it"
        handle, name = _aside(target)
        os.close(handle)
        Path(name).unlink()
    except OSError as error:
        return f"cannot be written: {error.strerror}"
    return None


def _is_written_to(path: Path) -> bool:
    """No regular file, and not to be replaced by one."""
    return path.exists() and (not path.is_file() or path.parent == Path("/dev"))


def _may_replace(target: Path) -> bool:
    """In a folder such as /tmp, a file is replaced by its owner, the folder's and root only."""
    folder = target.parent.stat()
    return not folder.st_mode & stat.S_ISVTX or os.geteuid() in (0, folder.st_uid, target.stat().st_uid)


def _aside(target: Path) -> tuple[int, str]:
    """A new file beside the target: whether there can be one says whether the folder is writable."""
    return tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")


def _replace(target: Path, content: bytes) -> None:
    handle, name = _aside(target)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def folder_beside(target: Path) -> Generator[Path]:
    """A new folder beside a file or folder, from which that can be renamed; gone afterwards. Raises OSError."""
    made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@dataclass(frozen=True)
class Folder:
    """A folder of files that is written whole or not at all: aside, then renamed.

    option: that names it, for messages. `known` gives the names of our files in an earlier one of the same kind, which
    is replaced; None of other folders, which are written into only where `into` is true: what else they hold stays.
    """

    path: Path
    option: str
    into: bool
    known: Callable[[Path], list[str] | None]

    def check(self) -> None:
        """Raises UsageError where it cannot be written, as far as that is known before."""
        if reason := self._why_not():
            raise UsageError(f"{self.option} is `{self.path}`, which {reason}")

    def _why_not(self) -> str | None:
        parent = self.path.absolute().parent
        try:
            if self.path.exists() and not self.path.is_dir():
                return "is a file; give a folder"
            if not parent.is_dir():
                return f"cannot be made: there is no folder `{parent}`"
            if not os.access(parent, os.W_OK) or (self.path.exists() and not os.access(self.path, os.W_OK)):
                return "cannot be written: Permission denied"
            if self.path.exists() and not self.into and any(self.path.iterdir()) and self.known(self.path) is None:
                return "holds other files; give an empty folder, a new one, or --force to write beside them"
            with folder_beside(self.path.resolve()):  # not all that is refused is refused by permissions
                pass
        except OSError as error:
            return f"cannot be written: {error.strerror}"
        return None

    @contextmanager
    def writing(self) -> Generator[Path]:
        """A folder to write into, which becomes this one where nothing fails."""
        target = self.path.resolve()
        try:
            with folder_beside(target) as aside:
                yield aside
                aside.chmod(0o755)
                self._put(aside, target)
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror or error}") from None

    def _put(self, aside: Path, target: Path) -> None:
        before = self.known(target) if target.is_dir() else None
        others = {each.name for each in target.iterdir()} - set(before or []) if target.is_dir() else set[str]()
        if not others:
            if target.is_dir():
                old = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
                target.replace(old)
                try:
                    aside.replace(target)
                except OSError:
                    old.replace(target)
                    raise
                shutil.rmtree(old, ignore_errors=True)
            else:
                aside.replace(target)
            return
        for name in before or []:
            (target / name).unlink(missing_ok=True)
        for each in aside.iterdir():
            each.replace(target / each.name)
