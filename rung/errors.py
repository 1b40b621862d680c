"""The exceptions that rung raises. Every message says what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_WORDS = 300


class RungError(Exception):
    """Base of all errors that a user can act on. The CLI prints the message and exits with status 2."""


class UsageError(RungError):
    """A bad argument, file, signature or environment variable."""


class LaunchKeywordError(UsageError, AssertionError):
    """A keyword of a launch that has no such value. As in Triton's own back ends, an AssertionError."""


class UnsupportedError(RungError):
    """An operation or form that rung does not compile yet: names the op, its source line and what is supported."""

    def __init__(self, what: str, where: str = "", supported: str = "") -> None:
        super().__init__(what, where, supported)
        self.what, self.where, self.supported = what, where, supported

    def __str__(self) -> str:
        where = f" (at {self.where})" if self.where else ""
        supported = f"; supported: {self.supported}" if self.supported else ""
        return f"{self.what} is not supported{where}{supported}"


class ContractError(RungError):
    """A stage's contract does not hold: a bug in rung, reported with the offending operation."""


class PassError(RungError):
    """A pass failed. `reproducer` is a command that replays it, once one has been written."""

    def __init__(self, pass_name: str, reason: str, reproducer: str | None = None) -> None:
        text = f"pass `{pass_name}` failed: {reason}"
        if reproducer:
            text += f"\nreproducer: {reproducer}"
        super().__init__(text)
        self.pass_name, self.reason, self.reproducer = pass_name, reason, reproducer


class LaunchError(RungError):
    """A kernel was called with arguments that it cannot take."""


class KernelError(RungError, RuntimeError):
    """A kernel could not go on. What its programs have stored by then stays; the process is as usable as before."""


class DeviceAssertError(KernelError):
    """`tl.device_assert` did not hold: the source line, the kernel, the program and the message, as CUDA words them."""


class SanitizerError(KernelError):
    """A kernel that was run with `RUNG_SANITIZE=1` has a fault: which, where, and what to look at, on one page.

    where: `file.py:LINE` of the access.
    """

    def __init__(self, page: str, where: str = "") -> None:
        super().__init__(page)
        self.where = where


class OutOfMemoryError(KernelError, MemoryError):
    """There was no memory for what a kernel keeps while it runs."""


class TransferError(RungError):
    """A kernel broke the contract of transfers, `count` times; the first ones in words, a line each.

    Raised by the engines that watch it: that of `RUNG_DEBUG_DMA=1`, and that of modelled devices.
    """

    def __init__(self, count: int, lines: str) -> None:
        super().__init__(count, lines)
        self.count, self.lines = count, lines

    def __str__(self) -> str:
        how_many = "a violation" if self.count == 1 else f"{self.count} violations"
        return f"{how_many} of the contract of transfers{'' if self.count == 1 else '; the first ones'}:\n{self.lines}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean `threads`?)` where `word` is nearly one of those that are known; otherwise nothing."""
    near = get_close_matches(word, list(known), 1)
    return f" (did you mean `{near[0]}`?)" if near else ""


class FallbackWarning(UserWarning):
    """A part of a graph of `torch.compile(backend="rung")` runs in ATen, because no kernel could be made of it."""


def one_line(error: BaseException) -> str:
    """Somebody else's exception in a line: `ValueError: what it says first`."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    words = lines.pop(0)
    while words.endswith(":") and lines:  # the reason stands below
        words = f"{words} {lines.pop(0)}"
    return f"{type(error).__name__}: {words[:_WORDS]}" if words else type(error).__name__
