"""Files are written whole; devices, pipes and links stay what they are."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from rung.errors import UsageError
from rung.files import why_not_writable, write_file


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_file("first", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    path.chmod(0o600)
    with path.open() as reader:
        write_file(b"second", path)
        assert reader.read() == "first"
    assert path.read_text() == "second" and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    link, path = tmp_path / "link", tmp_path / "a"
    path.write_text("old")
    link.symlink_to(path)
    write_file("new", link)
    assert link.is_symlink() and path.read_text() == "new"


def test_a_device_is_written_to() -> None:
    """As root, a rename would put a file in its place, for every program of the machine."""
    ours, theirs = os.openpty()
    try:
        write_file("x", os.ttyname(theirs))
        assert os.read(ours, 1) == b"x" and stat.S_ISCHR(Path(os.ttyname(theirs)).stat().st_mode)
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    write_file("x", pipe)
    reader.join(10)
    assert got == ["x"] and stat.S_ISFIFO(pipe.stat().st_mode)


def test_asking_whether_a_file_can_be_written_leaves_no_trace(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("old")
    before = kept.stat()
    assert why_not_writable(kept) is None and why_not_writable(tmp_path / "new") is None
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]
    assert kept.read_text() == "old" and kept.stat() == before
    assert why_not_writable(Path("/dev/null")) is None


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/proc/x.json", "cannot be written: No such file or directory"),
        ("none/a", "there is no folder `"),
        ("", "is a folder; give a file"),
        ("file/a", "there is no folder `"),
        ("a" * 300, "cannot be written: File name too long"),
        ("broken", "cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_written_is_known_before(tmp_path: Path, path: str, words: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere" / "a")
    assert words in (why_not_writable(tmp_path / path) or "")


def test_the_file_of_another_user_in_a_shared_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert why_not_writable(path) is None
    tmp_path.chmod(0o1777)
    assert "another user's" in (why_not_writable(path) or "")
    assert why_not_writable(tmp_path / "b") is None


@pytest.mark.parametrize("name, words", [("none/a", "No such file"), ("", "Is a directory")])
def test_what_cannot_be_written_is_one_sentence(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=f"cannot write .*: {words}"):
        write_file("x", tmp_path / name)
