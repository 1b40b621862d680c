"""The seam between measuring and compiling: what the bench asks of a compiler and a runtime. Tests put a
fake here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..evidence import Launch
from ..machine import Machine
from ..schedule import Schedule

if TYPE_CHECKING:
    from ..compile import AnyExecutable


class Compile(Protocol):
    def __call__(
        self,
        kernel: Any,
        signature: dict[str, str],
        constexprs: dict[str, object],
        *,
        machine: Machine,
        schedule: Schedule,
        attrs: Mapping[tuple[int, ...], list[list[object]]] | None = None,
        options: Mapping[str, object] | None = None,
        distinct: bool = True,
    ) -> AnyExecutable: ...


@runtime_checkable
class Modelled(Protocol):
    """A bound kernel of a modelled device, which knows what its device did."""

    def counters(self) -> Launch: ...


@dataclass(frozen=True)
class Toolchain:
    """`counters` tells what the runtime did since `reset_counters`: contexts that ran, DMA transfers,
    bytes, in flight. `copy_bandwidth(bytes, contexts)` measures GB/s, read + write;
    None where it cannot be measured."""

    compile: Compile
    reset_counters: Callable[[], None]
    counters: Callable[[], Launch]
    copy_bandwidth: Callable[[int, int], float] | None = None


def native() -> Toolchain:
    """rung's own compiler and runtime."""
    from ..compile import compile_kernel
    from ..runtime import _native

    def counters() -> Launch:
        return Launch.model_validate(_native.counters())

    return Toolchain(compile_kernel, _native.reset_counters, counters, _native.copy_bandwidth)
