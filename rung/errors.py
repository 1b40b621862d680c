"""The exceptions that rung raises. Every message says what is wrong, where, and what to do about it."""

from __future__ import annotations


class RungError(Exception):
    """Base of all errors that a user can act on. The CLI prints the message and exits with status 2."""


class UsageError(RungError):
    """A bad argument, file, signature or environment variable."""


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


class TransferError(RungError):
    """With `RUNG_DEBUG_DMA=1`, a kernel broke the contract of transfers: buffers, loops and iterations are named."""
