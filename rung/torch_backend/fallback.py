"""What a compilation fails at runs in ATen instead: the graph is compiled again with those nodes marked.

Inductor lowers a node with `should_fallback` among its facts to a call of ATen. Who is to blame is read from where the
error came from: the node that was being lowered, or the kernel that was being compiled and the nodes that it holds.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from traceback import walk_tb
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from torch._inductor.custom_graph_pass import CustomGraphPass

from ..errors import FallbackWarning, RungError
from .places import is_operation, operation, place, source_line

if TYPE_CHECKING:
    from torch.fx import Graph, Node

T = TypeVar("T")
log = logging.getLogger(__name__)
_ATTEMPTS = 20
"""Of one graph, after which all of it runs in ATen."""


@dataclass
class Marks:
    """What runs in ATen, and is known of the kernels, of the graph that is being compiled."""

    names: set[str] = field(default_factory=set[str])
    """Of nodes of the graph that Inductor lowers."""
    everything: bool = False
    kernels: dict[str, list[Node]] = field(default_factory=dict[str, "list[Node]"])
    """What each kernel computes."""

    @property
    def key(self) -> tuple[bool, tuple[str, ...]]:
        return self.everything, tuple(sorted(self.names))


_marks: ContextVar[Marks | None] = ContextVar("marks", default=None)


def note_kernel(name: str, nodes: Iterable[Node]) -> None:
    """Of the graph that is being compiled: what a kernel computes."""
    if (marks := _marks.get()) is not None:
        known = marks.kernels.setdefault(name, [])
        known += [node for node in nodes if node not in known]


class MarkNodes(CustomGraphPass):
    """The last pass before lowering."""

    def __init__(self, allowed: bool) -> None:
        self._allowed = allowed

    def __call__(self, graph: Graph) -> None:
        marks = _marks.get()
        if marks is None or not (marks.names or marks.everything):
            return
        for node in graph.nodes:
            if is_operation(node) and (marks.everything or node.name in marks.names):
                node.meta["should_fallback"] = True

    def uuid(self) -> object:
        """A part of the key under which Inductor keeps what it has compiled."""
        from ..triton_backend.fingerprint import fingerprint

        return fingerprint(), self._allowed, (_marks.get() or Marks()).key


def compile_with_fallback(attempt: Callable[[], T], allowed: bool) -> T:
    """What `attempt` gives, which compiles a graph and is called again when nodes of it have come to run in ATen.

    Raises the attempt's own error where no node is to blame; where none is `allowed` to run in ATen, a RungError that
    names it.
    """
    with _marking() as marks, _quietly():
        for number in range(_ATTEMPTS):
            try:
                return attempt()
            except Exception as error:
                if not _learn(marks, error, allowed, last=number == _ATTEMPTS - 2):
                    raise
        raise AssertionError("a graph that runs in ATen was blamed again")


@contextmanager
def _quietly() -> Generator[None]:
    """Inductor prints a kernel that does not compile, all of it: here that is told in a sentence. `TORCH_LOGS=+rung`
    shows it."""
    theirs = logging.getLogger("torch._inductor.runtime.triton_heuristics")

    def take(record: logging.LogRecord) -> bool:
        if not str(record.msg).startswith("Triton compilation failed"):
            return True
        log.debug("%s", record.getMessage(), exc_info=record.exc_info)
        return False

    theirs.addFilter(take)
    try:
        yield
    finally:
        theirs.removeFilter(take)


@contextmanager
def _marking() -> Generator[Marks]:
    token = _marks.set(marks := Marks())
    try:
        yield marks
    finally:
        _marks.reset(token)


def _learn(marks: Marks, error: Exception, allowed: bool, last: bool) -> bool:
    """Whether another attempt is worth it, of which the user is told."""
    culprit = _Culprit.of(error, marks)
    if culprit is None or marks.everything:
        return False
    nodes = [node for node in culprit.nodes if is_operation(node)]
    if any(not is_operation(node) and node.op == "call_function" for node in culprit.nodes):
        return False  # a kernel of the user's own, or a loop: ATen has nothing to run instead
    new = {node.name for node in nodes} - marks.names
    what = f"kernel `{culprit.kernel}` cannot be compiled" if culprit.kernel else "Inductor cannot lower a node"
    listed = ", ".join(dict.fromkeys(f"{operation(node)}{place(node)}" for node in nodes))
    if not allowed:
        raise RungError(f"{what}: {culprit.reason}; with fallback=False it may not run in ATen: {listed}") from error
    marks.everything = last or not new
    marks.names |= new
    runs = "the whole graph runs in ATen" if marks.everything else f"in ATen instead: {listed}"
    file, line = next(filter(None, map(source_line, nodes)), (__file__, 1))
    warnings.warn_explicit(f"{what}, {runs}. Reason: {culprit.reason}", FallbackWarning, file, line)
    marks.kernels.clear()
    return True


@dataclass(frozen=True)
class _Culprit:
    kernel: str | None
    nodes: list[Node]
    reason: str

    @staticmethod
    def of(error: BaseException, marks: Marks) -> _Culprit | None:
        """The innermost that an error was raised in; None where it is none of a kernel or node."""
        for cause in reversed(list(_causes(error))):
            for frame, _ in reversed(list(walk_tb(cause.__traceback__))):
                kernel = _kernel_of(frame)
                nodes = marks.kernels.get(kernel, []) if kernel else _nodes_of(frame)
                if nodes:
                    return _Culprit(kernel, nodes, _reason(error))
        return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = getattr(error, "inner_exception", None) or error.__cause__ or error.__context__


def _kernel_of(frame: FrameType) -> str | None:
    """The kernel that a function of Inductor's was compiling, or running to see how fast it is."""
    from torch._inductor.async_compile import AsyncCompile
    from torch._inductor.runtime.triton_heuristics import CachingAutotuner

    variables: Mapping[str, Any] = frame.f_locals
    self: Any = variables.get("self")
    tuner: Any = self if isinstance(self, CachingAutotuner) else None
    if tuner is not None:
        return tuner.inductor_meta.get("kernel_name")
    if isinstance(self, AsyncCompile):  # `triton` in this process, `_wait_futures` for what others have compiled
        return variables.get("kernel_name") or variables.get("key")
    return None


def _nodes_of(frame: FrameType) -> list[Node]:
    """What a function of Inductor's was lowering, or writing a kernel for."""
    import torch
    from torch._inductor.graph import GraphLowering
    from torch._inductor.scheduler import BaseSchedulerNode, Scheduler

    variables: Mapping[str, Any] = frame.f_locals
    self = variables.get("self")
    node: Any = variables.get("n" if isinstance(self, GraphLowering) else "node")
    if isinstance(self, GraphLowering) and isinstance(node, torch.fx.Node):
        return [node] if node.op == "call_function" else []
    if isinstance(self, Scheduler) and isinstance(node, BaseSchedulerNode):
        parts: list[Any] = list(node.get_nodes())
        return list(dict.fromkeys(origin for part in parts for origin in (part.node.origins if part.node else ())))
    return []


def _reason(error: BaseException) -> str:
    """In one line: the innermost error's."""
    *_, innermost = _causes(error)
    details = getattr(innermost, "details", None)  # of another process: a traceback as text
    if isinstance(details, str):
        lines = [line.strip() for line in details.splitlines() if line and not line.startswith((" ", "\t"))]
        return next((line for line in reversed(lines) if ": " in line), details.strip())
    words = str(innermost).strip().splitlines()
    return f"{type(innermost).__name__}: {words[0] if words else 'without a word'}"
