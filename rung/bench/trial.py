"""The first launches of a kernel that nobody vouches for, in a copy of this process, between guards.

A store that lacks its mask writes into the memory of whoever lies next to the array: the study goes on with what is
left of it, and dies later, somewhere else. Here every array lies between regions that nobody may touch, first flush
with the one behind it, then with the one before it. The copy launches again and again on the same arrays, as the timing
will on the study's own: what one launch has changed may be where the next one goes.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import os
import resource
import select
import signal
import struct
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import UsageError
from ..runtime import _native
from ..runtime.guarded_memory import GuardedMemory

if TYPE_CHECKING:
    from ..compile import AnyExecutable

LIMIT_S = 60.0
"""On the clock, for two launches. A study launches a hundred times and more: what takes this long is not studied."""
_LEAST, _MOST = 2, 200
_REPEAT_S = 0.1
"""Launches, and for how long there are more than the least."""
_LONGEST_S = 600
"""Of a copy whose study was killed."""
_TURN_S = 0.1
_FAULT = struct.Struct("=iiQ")
"""As `_native.watch_faults` writes it."""
_LAUNCH, _DONE = b"1", b"."
_WORDS = 300


@dataclass(frozen=True)
class Own:
    """What is known of a user's own kernel. `indexes`: (index, array that it addresses) -> what its numbers were drawn
    from, by name. `filled`: the arguments and the grid in words, what was guessed and what was given."""

    indexes: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict[tuple[str, str], Any])
    filled: str = ""


@dataclass(frozen=True)
class Launch:
    """`what` names the kernel and how it was compiled, for messages; `names` and `args`: of its arguments, in order."""

    what: str
    executable: AnyExecutable
    names: Sequence[str]
    args: Sequence[Any]
    grid: tuple[int, int, int]
    own: Own


class StrayAccess(UsageError):
    """The kernel touches what is not its own, or dies of it."""


def try_launch(launch: Launch, turn: Callable[[], None] = lambda: None, limit_s: float = LIMIT_S) -> None:
    """Raises UsageError when the kernel touches what is not its own, dies or does not end: which argument, where.

    `turn` is called ten times a second; what it raises ends the copy. What the kernel raises in an orderly way
    (transfers that race) it raises again outside.
    """
    for at_end in (True, False):
        memory = {
            position: GuardedMemory(value.numel() * value.element_size(), at_end)
            for position, value in enumerate(launch.args)
            if hasattr(value, "data_ptr")
        }
        _try_between(launch, memory, turn, limit_s)
        if all(each.is_exact for each in memory.values()):
            return


def _try_between(launch: Launch, memory: Mapping[int, GuardedMemory], turn: Callable[[], None], limit_s: float) -> None:
    with tempfile.TemporaryFile() as words:
        told, status = _in_copy(lambda pipe: _launch_often(launch, memory, pipe), words.fileno(), turn, limit_s)
        if told.endswith(_DONE):
            return
        words.seek(0)
        said = words.read().decode(errors="replace")
    record = told.lstrip(_LAUNCH)  # no signal has that number, with which a record begins
    number = len(told) - len(record)
    which = "its first launch" if number < 2 else f"launch {number}, on what those before it left behind"
    if status is None:
        raise UsageError(
            f"{launch.what} did not end in {which} within {limit_s:g} s: does it wait for something that no program "
            "does, or loop over numbers that were drawn too large (--range)? Otherwise give a smaller --size"
        )
    if len(record) == _FAULT.size:
        raise StrayAccess(_fault(launch, memory, which, *_FAULT.unpack(record)))
    raise StrayAccess(f"{launch.what} ended the process in {which}: {_death(status, said)}")


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


def _launch_often(launch: Launch, memory: Mapping[int, GuardedMemory], told: int) -> None:
    args = list(launch.args)
    for position, room in memory.items():
        args[position] = room.open()
        _copy(launch.args[position], args[position])
    _native.watch_faults(told)
    try:
        bound = launch.executable.bind(args, launch.grid)
        begun = time.monotonic()
        for number in range(_MOST):
            if number >= _LEAST and time.monotonic() - begun > _REPEAT_S:
                break
            os.write(told, _LAUNCH)
            bound()
    except Exception:
        pass  # told by this process, too, when its turn comes
    os.write(told, _DONE)


def _copy(source: Any, target: Any) -> None:
    ctypes.memmove(target.ctypes.data, source.data_ptr(), target.nbytes)


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


def _fault(
    launch: Launch, memory: Mapping[int, GuardedMemory], which: str, number: int, access: int, address: int
) -> str:
    verb = ("read", "written", "touched", "touched")[access]
    near = [(position, room) for position, room in memory.items() if access < 3 and room.is_near(address)]
    if not near:
        where = "at an address that does not exist" if access == 3 else f"at address {address:#x}"
        return (
            f"{launch.what} touches memory {where}, far from all of its arrays, in {which}: is a number that it "
            "addresses with far too large?"
        )
    position, room = near[0]
    name, value = launch.names[position], launch.args[position]
    element, count = (address - room.address) // value.element_size(), value.numel()
    before, behind = room.address - address, address - room.address - room.size
    place = f"{before:,} bytes before its beginning" if before > 0 else f"{behind:,} bytes beyond its end"
    place = "right behind its end" if behind == 0 else place
    return (
        f"`{name}` is {verb} {place} (element {element:,} of {count:,}) by {launch.what} in {which}: "
        f"{_advice(launch, name, verb)}"
    )


def _advice(launch: Launch, name: str, verb: str) -> str:
    indexes = [(index, bounds) for (index, array), bounds in launch.own.indexes.items() if array == name]
    access = {"read": "load", "written": "store"}.get(verb, "access")
    mask = f"does the {access} lack a mask"
    if not indexes:
        return f"{mask}, or is the array too small for --grid and the numbers given (--size, --range)?"
    drawn = ", ".join(f"`{index}`, drawn from {low:,} to {high - 1:,}" for index, (low, high) in indexes)
    return f"{mask}, or are its indices too large ({drawn}: give --range {indexes[0][0]}=LOW:HIGH)?"
