"""Pass and Pipeline: compilation as data. A pass is a frozen dataclass; its fields are its options."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from ..errors import PassError, RungError, UsageError
from .options import options_of, text
from .upstream import not_upstream


@dataclass(frozen=True)
class Pass(ABC):
    """Base class. Subclasses set `name` (kebab-case) and implement `run`, which changes `module` in place.

    Their fields are their options, annotated with what these take (`options.Limits`): UsageError for anything else.
    """

    name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for option in options_of(type(self)):
            option.check(self.name, getattr(self, option.field))

    @abstractmethod
    def run(self, module: ir.Module) -> None:
        """Change the module."""

    def __str__(self) -> str:
        """The textual form: `vectorize{lanes=16 unroll=4}`; options at their defaults are left out."""
        values = ((option, getattr(self, option.field)) for option in options_of(type(self)))
        options = " ".join(f"{option.name}={text(value)}" for option, value in values if value != option.default)
        return f"{self.name}{{{options}}}" if options else self.name


@dataclass(frozen=True)
class Upstream(Pass):
    """Upstream MLIR passes, given as mlir-opt's pipeline text below `builtin.module`."""

    name: ClassVar[str] = "upstream"
    passes: str = ""

    def run(self, module: ir.Module) -> None:
        try:
            manager = PassManager.parse(f"builtin.module({self.passes})")
        except ValueError as error:
            raise UsageError(not_upstream(self.passes, error)) from None
        manager.run(module.operation)

    def __str__(self) -> str:
        return self.passes


@dataclass(frozen=True)
class Stage:
    """A named point between passes: nothing happens here but observation (dump, verification, timing)."""

    name: str

    def __str__(self) -> str:
        return f"// stage `{self.name}`"


Observer = Callable[[str, "Pass | Stage", ir.Module], None]
"""Called with 'before' or 'after' around every pass, and 'stage' at every stage."""


@dataclass(frozen=True)
class Pipeline:
    """A sequence of passes and stages."""

    steps: tuple[Pass | Stage, ...]

    def __iter__(self) -> Iterator[Pass | Stage]:
        return iter(self.steps)

    def __str__(self) -> str:
        return "\n".join(str(step) for step in self.steps)

    def run(self, module: ir.Module, observers: Sequence[Observer] = ()) -> None:
        """Run all steps on `module`. A failing pass raises PassError (RungErrors pass through unchanged)."""
        with module.context, module.operation.location:
            for step in self.steps:
                if isinstance(step, Stage):
                    _notify(observers, "stage", step, module)
                    continue
                _notify(observers, "before", step, module)
                try:
                    step.run(module)
                except RungError:
                    raise
                except (ir.MLIRError, RuntimeError, ValueError) as error:
                    raise PassError(str(step), str(error)) from error
                _notify(observers, "after", step, module)


def _notify(observers: Sequence[Observer], event: str, step: Any, module: ir.Module) -> None:
    for observer in observers:
        observer(event, step, module)
