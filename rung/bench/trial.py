"""The first launches of a kernel that nobody vouches for, watched by the sanitizer, in a copy of this process.

A store that lacks its mask writes into the memory of whoever lies next to the array: the study goes on with what is
left of it, and dies later, somewhere else. Here every access is checked before it is performed. The copy launches again
and again on the same arrays, as the timing will: what one launch has changed may be where the next one goes. It is a
copy for what no check sees: memory of no argument, which an address that the kernel makes of numbers may be that of,
and loops that do not end.

One kernel is compiled, with checks, for one context of this machine, whatever is to be measured: what it does to memory
is the same in all variants. It costs that compilation, two launches, and those that fit into a tenth of a second.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import resource
import select
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from ..errors import SanitizerError, UsageError

LIMIT_S = 60.0
"""On the clock, for two launches. A study launches a hundred times and more: what takes this long is not studied."""
_LEAST, _MOST = 2, 200
_REPEAT_S = 0.1
"""Launches, and for how long there are more than the least: of the process's own time, so that a busy machine finds as
much as an idle one."""
_LONGEST_S = 600
"""Of a copy whose study was killed."""
_TURN_S = 0.1
_LAUNCH, _FAULT, _DONE = b"1", b"!", b"."
_WORDS = 300


@dataclass(frozen=True)
class Own:
    """What is known of a user's own kernel. `indexes`: (index, array that it addresses) -> what its numbers were drawn
    from, by name. `filled`: the arguments and the grid in words, what was guessed and what was given."""

    indexes: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict[tuple[str, str], Any])
    filled: str = ""


class Watched(Protocol):
    """A kernel that was compiled with checks."""

    def run(self, args: Sequence[Any], grid: tuple[int, int, int]) -> None: ...


@dataclass(frozen=True)
class Launch:
    """`what` names the kernel, for messages. args: of the study, which the copy of the process has a copy of."""

    what: str
    executable: Watched
    args: Sequence[Any]
    grid: tuple[int, int, int]
    own: Own


class FaultyKernel(UsageError):
    """The kernel has a fault, or dies of one."""


def try_launch(launch: Launch, turn: Callable[[], None] = lambda: None, limit_s: float = LIMIT_S) -> None:
    """Raises UsageError when the kernel has a fault, dies or does not end: which argument, where.

    `turn` is called ten times a second; what it raises ends the copy. What the kernel raises in an orderly way
    (an assertion) it raises again outside.
    """
    with tempfile.TemporaryFile() as words:
        told, status = _in_copy(lambda pipe: _launch_often(launch, pipe), words.fileno(), turn, limit_s)
        if told.endswith(_DONE):
            return
        words.seek(0)
        said = words.read().decode(errors="replace")
    page = told.lstrip(_LAUNCH)
    number = len(told) - len(page)
    which = "its first launch" if number < 2 else f"launch {number}, on what those before it left behind"
    if page.startswith(_FAULT):
        text = json.loads(page.removeprefix(_FAULT))
        late = f"\n\n  in {which}" if number > 1 else ""
        raise FaultyKernel(f"{text}{late}{_advice(launch.own, text)}")
    if status is None:
        raise UsageError(
            f"{launch.what} did not end in {which} within {limit_s:g} s: does it wait for something that no program "
            "does, or loop over numbers that were drawn too large (--range)? Otherwise give a smaller --size"
        )
    raise FaultyKernel(f"{launch.what} ended the process in {which}: {_death(status, said)}")


def _in_copy(
    work: Callable[[int], None], words: int, turn: Callable[[], None], limit_s: float
) -> tuple[bytes, int | None]:
    """What a copy of this process tells that does `work`, which is given a pipe; and its status, None where it had to
    be ended. What the copy prints goes to `words`."""
    read, write = os.pipe()
    try:
        child = _fork(lambda: work(write), words)
    finally:
        os.close(write)
    ended = False
    try:
        told, ended = _listen(read, turn, limit_s)
    finally:
        os.close(read)
        if not ended:
            os.kill(child, signal.SIGKILL)
        status = _wait(child)
    return told, status if ended else None


# ---- in the copy


def _launch_often(launch: Launch, told: int) -> None:
    try:
        begun = time.process_time()
        for number in range(_MOST):
            if number >= _LEAST and time.process_time() - begun > _REPEAT_S:
                break
            os.write(told, _LAUNCH)
            launch.executable.run(launch.args, launch.grid)
    except SanitizerError as fault:
        os.write(told, _FAULT + json.dumps(str(fault)).encode())
        return
    except Exception:
        pass  # told by this process, too, when its turn comes
    os.write(told, _DONE)


def _fork(work: Callable[[], None], words: int) -> int:
    # A handler that raised between the fork and what follows would leave two processes that go on.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of other threads: nothing in the copy waits for one
            child = os.fork()
        if child == 0:
            _work(work, words)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return child


def _work(work: Callable[[], None], words: int) -> NoReturn:
    """Nothing of the study runs on but `work`: no handler, finalizer or buffered output of it."""
    try:
        gc.disable()
        faulthandler.disable()
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            if signal.getsignal(number) is not None:
                signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both: the one that waits decides
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        signal.alarm(_LONGEST_S)
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        for stream in (1, 2):
            os.dup2(words, stream)
        work()
    except BaseException as error:
        os.write(words, str(error).encode())
    finally:
        os._exit(0)


# ---- in the study


def _listen(read: int, turn: Callable[[], None], limit_s: float) -> tuple[bytes, bool]:
    """What the copy told, and whether it ended."""
    told, deadline = b"", time.monotonic() + limit_s
    while time.monotonic() < deadline:
        turn()
        if select.select([read], [], [], _TURN_S)[0]:
            found = os.read(read, 4096)
            if not found:
                return told, True
            told += found
    return told, False


def _wait(child: int) -> int:
    try:
        return os.waitpid(child, 0)[1]
    except ChildProcessError:
        return 0  # SIGCHLD is ignored: it has ended, and left no status


def _death(status: int, said: str) -> str:
    last = ([line.strip() for line in said.splitlines() if line.strip()] or [""])[-1][:_WORDS]
    if not os.WIFSIGNALED(status):
        return last or "without a word"
    name = signal.Signals(os.WTERMSIG(status)).name
    return f"{name}{f' ({last})' if last else ''}"


def _advice(own: Own, page: str) -> str:
    """The launch, of which much was guessed, and from where numbers were drawn that say where the array is accessed."""
    headline = page.partition("\n")[0]
    drawn = [
        f"`{index}` was drawn from {low:,} to {high - 1:,}; give --range {index}=LOW:HIGH if that is too far"
        for (index, array), (low, high) in own.indexes.items()
        if f"`{array}`" in headline and "race" not in headline
    ]
    launched = [f"launched  {own.filled}; give --size, --arg, --range or --grid if that is wrong"] if own.filled else []
    return "".join(f"\n  {each}" for each in (*launched, *drawn))
