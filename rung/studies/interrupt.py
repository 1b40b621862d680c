"""Ctrl-C as a request that is honoured at safe points.

Python raises KeyboardInterrupt wherever it happens to be. Inside the import of a native module, or in a callback from
C++, that ends the process (`terminate called after throwing ... KeyboardInterrupt`) before anything is written.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""Exit status of a process that Ctrl-C ended: 128 + SIGINT."""


@contextmanager
def cooperative() -> Generator[Callable[[], None]]:
    """Within the block, the first SIGINT is only remembered; what is yielded is a function that raises it.

    Call that function between steps, where nothing but Python is on the stack. The second SIGINT is what it was before
    the block, so that a step that hangs can be stopped. Where signals cannot be had (another thread than the
    main one) or are ignored (a job in the background), nothing changes.
    """
    requested = False
    before = signal.getsignal(signal.SIGINT)

    def remember(number: int, frame: FrameType | None) -> None:
        nonlocal requested
        requested = True
        signal.signal(signal.SIGINT, before)

    def check() -> None:
        if requested:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread() or before in (signal.SIG_IGN, None):
        yield check
        return
    signal.signal(signal.SIGINT, remember)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
