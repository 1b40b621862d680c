"""Stretches of a graph in one call, as the code that Inductor writes makes them (python_wrapper.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import get_ident
from types import FunctionType, SimpleNamespace
from typing import Any

from ..runtime import _native

_KINDS = {name: n for n, name in enumerate(("check", "allocate", "scratch", "reuse", "view", "launch", "drop"))}
"""As in rung/runtime/src/steps.h."""

Step = tuple[Any, ...]


def sequence(
    lines: FunctionType,
    values: Callable[..., tuple[Any, ...]],
    *,
    steps: Sequence[Step],
    results: tuple[int, ...],
    inputs: int,
    registers: int,
    count: int,
) -> _native.Sequence:
    """`sequence_0(tensors, *symbols) -> results`: what `lines` does.

    lines: Inductor's own, with the same arguments. values: of the symbols, what steps refer to, `count` of it.
    steps: a kind and its numbers; ("launch", name of the kernel, its arguments: registers, or ~value).
    """
    return _native.Sequence(lines, _Learner(lines, values, steps, results, inputs, registers, count).learn)


class _UnknownYet(Exception):
    """No kernel has been chosen."""


class _Refused(Exception):
    """Python has to launch."""


@dataclass
class _Learner:
    """Finds what Inductor launches: the last of its kernels' versions is chosen in their first call."""

    lines: Any
    values: Callable[..., tuple[Any, ...]]
    steps: Sequence[Step]
    results: tuple[int, ...]
    inputs: int
    registers: int
    count: int

    def learn(self) -> tuple[Any, ...] | bool | None:
        try:
            return self._program()
        except _UnknownYet:
            return None
        except _Refused:
            return False

    def _program(self) -> tuple[Any, ...]:
        import torch.autograd.profiler
        from torch.utils._debug_mode import get_active_debug_mode

        names: dict[str, Any] = self.lines.__globals__
        launches = [_Launch.of(names[step[1]], step[2]) for step in self.steps if step[0] == "launch"]
        constants: list[Any] = []
        bound: list[tuple[Any, int, tuple[int, ...]]] = []
        for launch in launches:
            sources = [~(self.count + len(constants) + n) for n in range(len(launch.constants))]
            constants += launch.constants
            bound.append((launch.runner, launch.function, launch.sources(sources)))

        def prepare(*symbols: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
            found = self.values(*symbols)
            return (*found, *constants), tuple(size for launch in launches for size in launch.grid(found))

        number = iter(range(len(launches)))
        steps = tuple(
            (_KINDS[kind], *((next(number),) if kind == "launch" else operands)) for kind, *operands in self.steps
        )
        hooks = {id(hook): hook for launch in launches for hook in launch.hooks}
        functions = [names[name] for name in ("assert_size_stride", "empty_strided_cpu", "reinterpret_tensor")]
        return (
            self.registers,
            self._dtypes(launches),
            tuple(bound),
            steps,
            self.results,
            prepare,
            *functions,
            torch.autograd.profiler.__dict__,
            get_active_debug_mode,
            tuple(hooks.values()),
        )

    def _dtypes(self, launches: Sequence[_Launch]) -> tuple[Any, ...]:
        """Of the inputs, as the kernels want them; None for those of which only others read."""
        import torch

        found: dict[int, str] = {}
        for launch in launches:
            for register, dtype in launch.dtypes:
                if register < self.inputs and (dtype is None or found.setdefault(register, dtype) != dtype):
                    raise _Refused
        return tuple(
            getattr(torch, found[n].removeprefix("torch.")) if n in found else None for n in range(self.inputs)
        )


class _Number(int):
    """Stands for an argument."""


@dataclass
class _Launch:
    """One launch of a kernel: what Inductor's function around it hands to rung's launcher."""

    launcher: Any
    given: tuple[int, ...]
    """Arguments of Inductor's function: a register, or ~value."""
    _seen: dict[int, tuple[Any, ...]] = field(default_factory=dict[int, tuple[Any, ...]])
    """By thread."""

    @staticmethod
    def of(tuner: Any, given: tuple[int, ...]) -> _Launch:
        from torch._inductor.runtime.triton_heuristics import CachingAutotuner

        if type(tuner) is not CachingAutotuner:
            raise _Refused
        known: Any = tuner
        if not known._cache_eligible:
            raise _Refused
        if known._cached_launcher is None:
            raise _UnknownYet
        found = _Launch(known._cached_launcher, given)
        if type(found.runner) is not _native.Launcher or found.runner.structure or found.runner.dtypes is None:
            raise _Refused
        return found

    @cached_property
    def runner(self) -> Any:
        return self.launcher.__globals__["runner"]

    @cached_property
    def function(self) -> int:
        return self.launcher.__globals__["function"]

    @property
    def hooks(self) -> tuple[Any, Any]:
        names = self.launcher.__globals__
        return names["launch_enter_hook"], names["launch_exit_hook"]

    def _handed(self, args: Sequence[Any]) -> tuple[Any, ...]:
        """What the launcher would be called with: the grid, six values of Triton's own, the kernel's arguments."""
        self._instead(*args, stream=0)
        return self._seen.pop(get_ident())

    @cached_property
    def _instead(self) -> FunctionType:
        def note(*handed: Any) -> None:
            self._seen[get_ident()] = handed

        def nothing(*_: Any) -> None:
            pass

        silent = SimpleNamespace(launch_metadata=nothing)
        return FunctionType(self.launcher.__code__, {**self.launcher.__globals__, "runner": note, "bin": silent})

    @cached_property
    def _marked(self) -> tuple[Any, ...]:
        """Arguments of the kernel: numbers in `given`, as _Number, or constants."""
        marks = [_Number(1) for _ in self.given]
        places = {id(mark): n for n, mark in enumerate(marks)}
        handed = self._handed(marks)[9:]
        if len(handed) != len(self.runner.kinds):
            raise _Refused
        return tuple(_Number(places[id(arg)]) if id(arg) in places else arg for arg in handed)

    @property
    def constants(self) -> list[Any]:
        return [arg for arg in self._marked if not isinstance(arg, _Number)]

    def sources(self, constants: Sequence[int]) -> tuple[int, ...]:
        """Of the kernel's arguments: a register, or ~value. constants: those that Inductor has put in."""
        left = iter(constants)
        return tuple(self.given[arg] if isinstance(arg, _Number) else next(left) for arg in self._marked)

    @property
    def dtypes(self) -> list[tuple[int, str | None]]:
        """Registers, and the type that the kernel reads them as."""
        places = zip(self._marked, self.runner.kinds, self.runner.dtypes, strict=True)
        return [(self.given[arg], dtype) for arg, kind, dtype in places if kind == "P" and self._is_tensor(arg)]

    def _is_tensor(self, arg: Any) -> bool:
        return isinstance(arg, _Number) and self.given[arg] >= 0

    def grid(self, values: Sequence[Any]) -> tuple[Any, ...]:
        return self._handed([1 if place >= 0 else values[~place] for place in self.given])[:3]
