"""Work that aborts, hangs or raises ends as an error, not with the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from rung.errors import UsageError
from rung.targets.npu import guarded as guard
from rung.targets.npu.guarded import guarded


def abort() -> bytes:
    os.write(2, b"LLVM ERROR: Cannot select: t1\nPLEASE submit a bug report\n")
    os.abort()


def raise_an_error() -> bytes:
    raise ValueError("no such thing")


def children() -> set[str]:
    """Of this process: other tests may have left some."""
    return set(Path("/proc/self/task").joinpath(str(os.getpid()), "children").read_text().split())


def for_ever() -> bytes:
    while True:
        pass


def test_what_is_long_arrives_whole() -> None:
    found = bytes(range(256)) * 10_000
    assert guarded((lambda: found,), "it fails") == found
    assert guarded((lambda: b"",), "it fails") == b""


def test_the_next_attempt_stands_in() -> None:
    assert guarded((abort, lambda: b"plain"), "it fails") == b"plain"


@pytest.mark.parametrize(
    ("work", "words"), [(abort, "it fails: LLVM ERROR: Cannot select: t1"), (raise_an_error, "it fails: no such thing")]
)
def test_the_first_words_are_told(work: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        guarded((work, raise_an_error), "it fails")  # pyright: ignore[reportArgumentType]


def test_what_goes_on_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_LIMIT_S", 1)
    with pytest.raises(UsageError, match="it fails: none in 1 s"):
        guarded((for_ever, lambda: b""), "it fails")


def test_what_takes_all_memory_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_LIMIT_BYTES", 1 << 28)
    with pytest.raises(UsageError, match="it fails: no memory"):
        guarded((all_memory,), "it fails")


def all_memory() -> bytes:
    try:
        return b"x" * (1 << 29)
    except MemoryError:
        raise MemoryError("no memory") from None


def test_a_process_that_ignores_its_children_is_served() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert guarded((abort, lambda: b"plain"), "it fails") == b"plain"
        with pytest.raises(UsageError, match="it fails: LLVM ERROR"):
            guarded((abort,), "it fails")
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_any_thread_may_call() -> None:
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(guarded((abort, lambda: b"plain"), ""))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"plain"] * 4


def test_an_interruption_is_the_waiting_process_s(capfd: pytest.CaptureFixture[str]) -> None:
    """The copy ignores Ctrl-C; this process ends it when it is interrupted itself."""

    before_it = children()

    def to_both() -> bytes:
        os.kill(os.getpid(), signal.SIGINT)
        return b"whole"

    assert guarded((to_both,), "it fails") == b"whole"

    def to_the_other() -> bytes:
        os.kill(os.getppid(), signal.SIGINT)
        return for_ever()

    print("once")
    # What a shell starts in the background ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            guarded((to_the_other,), "it fails")
    finally:
        signal.signal(signal.SIGINT, before)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
    assert children() == before_it
    assert capfd.readouterr() == ("once\n", "")


def test_this_process_may_do_something_meanwhile() -> None:
    called, before_it = list[int](), children()
    found = guarded((abort, lambda: b"plain"), "it fails", meanwhile=lambda: called.append(os.getpid()))
    assert found == b"plain" and called == [os.getpid()]

    def fail() -> None:
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        guarded((for_ever,), "it fails", meanwhile=fail)
    assert children() == before_it


def test_a_copy_finds_the_lock_of_its_work_free() -> None:
    """Another thread has it nearly always."""
    lock, ended = threading.RLock(), threading.Event()

    def hold() -> None:
        while not ended.is_set():
            with lock:
                ended.wait(0.001)

    def with_lock() -> bytes:
        return b"taken" if lock.acquire(timeout=1) else b"not free"

    other = threading.Thread(target=hold)
    other.start()
    try:
        assert [guarded((with_lock,), "it fails", lock) for _ in range(20)] == [b"taken"] * 20
    finally:
        ended.set()
        other.join()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel must tell")
def test_the_copy_dies_with_the_process() -> None:
    read, write = os.pipe()

    def tell_and_wait() -> bytes:
        os.write(write, b"%d" % os.getpid())
        return for_ever()

    other = os.fork()
    if other == 0:
        guarded((tell_and_wait,), "it fails")
    copy = int(os.read(read, 20))
    os.kill(other, signal.SIGKILL)
    os.waitpid(other, 0)
    deadline = time.monotonic() + 10
    # The copy is another process's child now, which may be slow to bury it.
    while Path(f"/proc/{copy}/stat").exists() and _state(copy) != "Z" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert time.monotonic() < deadline


def _state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
