"""Work of LLVM's that may abort the process is done in a copy of it."""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import os
import resource
import signal
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NoReturn

from ...errors import UsageError
from ...forks import without_waiting

_LIMIT_S = 60
"""Of processor time; the largest kernels take seconds."""
_LONGEST_S = 600
"""On the clock: a copy that waits for a thread that it does not have uses no processor."""
_LIMIT_BYTES = 4 << 30
"""More than this process has; LLVM doubles what it cannot fold."""
_SHOWN = 300
"""Characters of LLVM's last words that an error repeats."""
_WHOLE = b"\nwhole\n"
"""Behind a result: where SIGCHLD is ignored, no status says whether the copy came to its end."""
_NOTHING = nullcontext()
_PRCTL = getattr(ctypes.CDLL(None), "prctl", None)
_DIES_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux; elsewhere a copy goes on to its end when this process is killed."""
_TIMES = (signal.SIGXCPU, signal.SIGALRM)


def guarded(
    attempts: Sequence[Callable[[], bytes]],
    failure: str,
    alone: AbstractContextManager[object] = _NOTHING,
    meanwhile: Callable[[], object] | None = None,
) -> bytes:
    """What the first of `attempts` that succeeds returns, each computed in a forked process: where LLVM's code
    generator meets what it cannot do it aborts, or goes on for ever, and no exception could tell.

    Raises UsageError, `failure` and LLVM's words in the first attempt, when all die or one takes longer than a minute.
    They must start no threads and wait for none. What they change in this process (options of LLVM's) is changed in the
    copy only. `alone`: the lock of what they use; in a copy made while another thread has it, nobody would release it.
    `meanwhile` is called in this process while the first runs.
    """
    said: list[str] = []
    for attempt in attempts:
        with tempfile.TemporaryFile() as result, tempfile.TemporaryFile() as words:
            status = _run(attempt, result.fileno(), words.fileno(), alone, meanwhile)
            meanwhile = None
            result.seek(0)
            found = result.read()
            if found.endswith(_WHOLE):
                return found.removesuffix(_WHOLE)
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) in _TIMES:
                raise UsageError(f"{failure}: none in {_LIMIT_S} s")
            words.seek(0)
            said.append(_last_words(words.read().decode(errors="replace")))
    raise UsageError(f"{failure}: {said[0]}")


def _run(
    work: Callable[[], bytes],
    result: int,
    words: int,
    alone: AbstractContextManager[object],
    meanwhile: Callable[[], object] | None,
) -> int:
    """The status of the process in which `work` was done, which ends with this one's wait; 0 where nobody knows."""
    with alone:
        # A handler that raised between the fork and the `try` would leave two processes that go on.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        with warnings.catch_warnings(), without_waiting():
            # Python 3.12 warns of threads that are not in the copy; nothing there waits for one.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            _work(work, result, words)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if meanwhile is not None:
            meanwhile()
        return os.waitpid(child, 0)[1]
    except ChildProcessError:
        return 0  # SIGCHLD is ignored: it has ended, and left no status
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise


def _work(work: Callable[[], bytes], result: int, words: int) -> NoReturn:
    """In the copy: nothing of this process runs on but `work`, no handler, finalizer or buffered output of it."""
    try:
        gc.disable()  # what is garbage here may own threads, and would wait for them
        faulthandler.disable()
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            if number in _TIMES or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both: the one that waits decides
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if _PRCTL is not None:
            _PRCTL(_DIES_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        os.dup2(words, 2)
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_CPU, _LIMIT_S)
        signal.alarm(_LONGEST_S)
        _limit_memory()
        found = work() + _WHOLE
        while found:
            found = found[os.write(result, found) :]
    except BaseException as error:
        os.write(words, str(error).encode())
    finally:
        os._exit(0)


def _limit(what: int, amount: int) -> None:
    hard = resource.getrlimit(what)[1]
    resource.setrlimit(what, (amount if hard == resource.RLIM_INFINITY else min(amount, hard), hard))


def _limit_memory() -> None:
    """Of the address space, which is what can be limited; where its size is not told (macOS), it is not."""
    sizes = Path("/proc/self/statm")
    if sizes.exists():
        _limit(resource.RLIMIT_AS, int(sizes.read_text().split()[0]) * resource.getpagesize() + _LIMIT_BYTES)


def _last_words(text: str) -> str:
    """The line in which LLVM says what it cannot do, or the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "ERROR" in line or "Assertion" in line or "UNREACHABLE" in line]
    found = (telling or lines or ["it ended without a word"])[-1]
    found = found[max(found.find("Assertion"), 0) :]  # without the path of LLVM's source
    return found if len(found) <= _SHOWN else f"{found[:_SHOWN]}..."
