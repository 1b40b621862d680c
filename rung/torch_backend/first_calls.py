"""The first call of a graph, in which Inductor times its kernels, is made by one thread at a time."""

from __future__ import annotations

import os
import threading
from typing import Any


def alone(compiled: Any) -> Any:
    """The graph that Inductor compiled, whose first call waits for those of others.

    Inductor chooses among the versions of a kernel when it is first launched, and two threads that choose at once end
    with an assertion of its own; graphs with the same kernel share it. Behind the first call that succeeds, nothing is
    in the way.
    """
    if getattr(compiled, "current_callable", None) is not None:
        compiled.current_callable = _First(compiled)
    return compiled


class _First:
    def __init__(self, graph: Any) -> None:
        self._graph, self._call = graph, graph.current_callable

    def __call__(self, inputs: Any) -> Any:
        if self._graph.current_callable is not self:  # others were here while this thread came
            return self._call(inputs)
        with _turns.lock:
            found = self._call(inputs)
            if self._graph.current_callable is self:
                self._graph.current_callable = self._call
            return found


class _Turns:
    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.lock = threading.RLock()  # an operator of a user may call the function that it is in


_turns = _Turns()
# In a forked process the thread that held the lock is not there.
os.register_at_fork(after_in_child=_turns.renew)
