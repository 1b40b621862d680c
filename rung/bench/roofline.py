"""Where results stand below the limits of the machine, measured in the same run (Williams et al., Roofline, 2009)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..machine import Machine
from ..schedule import Schedule
from .group import Case
from .measure import mean_of
from .problem import Problem, signature
from .result import Result, Roofline
from .toolchain import Toolchain

_STEPS = 64
_BLOCK = 1024
_PROGRAMS_PER_CONTEXT = 32
_IN_FLIGHT = 8
"""Independent chains of vectors: as many as two units with a latency of four cycles keep busy."""
_REPEATS = 7
_LAUNCHES = 10


@dataclass(frozen=True)
class Roofs:
    """Measured when they are first asked for; copies perhaps before, too.

    copy(bytes, contexts): bytes per second, read + write, of a copy that touches so many bytes. fma(contexts): flop/s.
    """

    copy: Callable[[int, int], float]
    fma: Callable[[int], float]


def roofs(
    toolchain: Toolchain, machine: Machine, case: Case | None = None, schedules: Sequence[Schedule] = ()
) -> Roofs | None:
    """The host's; None for a toolchain that does not measure copies.

    To be called before `case` is timed under `schedules`, so that its copies are measured before and after and the
    better one is the limit: a spell of other work on the machine must not lower the limit alone.
    """
    measure_copy = toolchain.copy_bandwidth
    if measure_copy is None or machine.kind != "host":
        return None

    def rate(touched: int, contexts: int) -> float:
        return 1e9 * measure_copy(max(touched // 2, 1), contexts)

    likely = {1, *(schedule.threads or machine.contexts for schedule in schedules)}
    before = {(touched, p): rate(touched, p) for touched in ([_touched(case)] if case else []) for p in likely}

    @cache
    def copy(touched: int, contexts: int) -> float:
        return max(before.get((touched, contexts), 0.0), rate(touched, contexts))

    @cache
    def fma(contexts: int) -> float:
        return _fma_peak(toolchain, machine, contexts)

    return Roofs(copy, fma)


def _fma_peak(toolchain: Toolchain, machine: Machine, contexts: int) -> float:
    """The best of several means: the data stays in the nearest cache, the chains are independent."""
    import torch

    from .fma_chain import fma_chain

    kernel: Any = fma_chain
    elements = _BLOCK * _PROGRAMS_PER_CONTEXT * contexts
    x = torch.full((elements,), 0.5)
    problem = Problem(
        (x, torch.empty_like(x), elements), (1,), {"STEPS": _STEPS, "BLOCK": _BLOCK}, (elements // _BLOCK, 1, 1), None
    )
    schedule = Schedule(threads=contexts, unroll=_IN_FLIGHT, profitability=False)
    types = signature(kernel.arg_names, problem)
    executable = toolchain.compile(kernel, types, dict(problem.constexprs), machine=machine, schedule=schedule)
    bound = executable.bind(problem.args, problem.grid)
    best = min(mean_of(bound.time, _LAUNCHES) for _ in range(_REPEATS))
    return 2 * _STEPS * elements / best


def _touched(case: Case) -> int:
    """Bytes of all arrays."""
    tensors = [value for value in case.problem.args if hasattr(value, "element_size")]
    return sum(value.numel() * value.element_size() for value in tensors)


def placed(result: Result, case: Case, found: Roofs | None) -> Result:
    """The result with its limits; as it is when it carries no time or the limits are not known."""
    if found is None or result.median is None or result.unit != "s":
        return result
    contexts = max(1, result.launch.contexts_ran or 1)
    touched = _touched(case)
    roofline = Roofline(
        contexts=contexts,
        bytes=touched,
        flops=case.flops,
        copy_bytes_per_s=found.copy(touched, contexts),
        fma_flops_per_s=found.fma(contexts) if case.flops else None,
    )
    return result.model_copy(update={"roofline": roofline})
