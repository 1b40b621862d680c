"""The first call of a graph, in which Inductor times its kernels, is made by one thread at a time."""

from __future__ import annotations

import os
import threading
from typing import Any
from weakref import WeakSet


def alone(compiled: Any) -> Any:
    """The graph that Inductor compiled, whose first call others wait for.

    Inductor chooses among the versions of a kernel when it is first launched, and two threads that choose at once end
    with an assertion of its own. Behind the first call that succeeds, nothing is in the way.
    """
    if getattr(compiled, "current_callable", None) is not None:
        compiled.current_callable = _First(compiled)
    return compiled


class _First:
    """A lock for each graph: what runs inside may wait for a thread that calls another one."""

    def __init__(self, graph: Any) -> None:
        self._graph, self._call = graph, graph.current_callable
        self.lock = threading.RLock()  # an operator of a user may call the function that it is in
        _first.add(self)

    def __call__(self, inputs: Any) -> Any:
        if self._graph.current_callable is not self:  # others were here while this thread came
            return self._call(inputs)
        with self.lock:
            found = self._call(inputs)
            if self._graph.current_callable is self:
                self._graph.current_callable = self._call
            return found


_first: WeakSet[_First] = WeakSet()


def _free() -> None:
    """In a forked process the thread that held a lock is not there."""
    for each in _first:
        each.lock = threading.RLock()


os.register_at_fork(after_in_child=_free)
