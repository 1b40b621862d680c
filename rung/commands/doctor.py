"""`rung doctor`: what this installation and this machine are worth, item by item, with advice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.text import Text

from ..bench import environment, noise, probes, suite
from ..bench.problem import signature
from ..bench.toolchain import native
from ..errors import RungError
from ..machine import Machine, host
from ..options.command import Command
from ..processor import cores
from ..report import tables
from ..report.text import counted, duration
from ..schedule import Schedule
from .doctor_items import Item

_TRITON = "3.7.1"
_LAUNCH_LIMIT_S, _DIRECT_LIMIT_S, _FORK_LIMIT_S, _COMPILE_LIMIT_S = 30e-6, 5e-6, 50e-6, 1.0


@dataclass(frozen=True)
class DoctorOptions:
    torch: Annotated[
        bool, typer.Option("--torch", help="Look at torch.compile instead, and what it leaves to ATen.")
    ] = False


def run(options: DoctorOptions) -> int:
    """Prints all items; 0, or 1 when one of them failed outright. Warnings do not change the status."""
    console = tables.console()
    machine = host()
    status = 0
    table = tables.new_table("rung doctor", "item", "found", "", "advice")
    checks: tuple[Callable[[Machine], Iterator[Item]], ...] = (
        versions,
        processor,
        quietness,
        memory,
        launches,
        fork,
        triton_launch,
        compilation,
    )
    if options.torch:
        from . import doctor_torch as of_torch

        checks = (of_torch.versions, of_torch.compilation, of_torch.cpp, of_torch.left_to_aten)
    for check in checks:
        with console.status(f"{check.__name__.replace('_', ' ')} ..."):
            try:
                items = list(check(machine))
            except (RungError, ImportError) as error:
                name = check.__name__.replace("_", " ")
                items, status = [Item(name, f"failed: {error}", False, "see the message")], 1
        for item in items:
            mark = Text("OK", "green") if item.fine else Text("warning", "yellow")
            advice = "" if item.fine else item.advice
            table.add_row(escape(item.name), escape(item.found), mark, escape(advice))
    console.print(table)
    return status


def versions(_: Machine) -> Iterator[Item]:
    yield Item("rung", environment.rung_version())
    triton = environment.version("triton")
    yield Item("triton", triton, triton == _TRITON, f"rung is tested with {_TRITON}: pip install triton=={_TRITON}")
    for package in ("torch-mlir", "torch"):
        found = environment.version(package)
        yield Item(package, found, found != "not installed", "pip install 'rung[torch]'")
    plugins = [entry for entry in metadata.entry_points(group="triton.backends") if entry.name == "cpu"]
    values = ", ".join(entry.value for entry in plugins) or "none"
    fine = values == "rung.triton_backend"
    yield Item("Triton's cpu backend", values, fine, "install rung (pip install .), and no other cpu backend")


def processor(machine: Machine) -> Iterator[Item]:
    model, flags = environment.cpu()
    yield Item("CPU", model)
    wide = machine.vector_bytes >= machine.isa.full_vector_bytes
    found = f"{machine.vector_bytes} bytes: {', '.join(flags)}"
    yield Item("vectors", found, wide, "no AVX2: expect less of Vec")
    contexts = f"{counted(machine.contexts, 'context')} on {counted(cores(), 'core')}"
    advice = "MT needs two cores: see taskset, or the container's limit"
    yield Item("contexts", contexts, 1 < machine.contexts <= cores(), advice)
    governor = environment.governor()
    if governor is not None:
        yield Item("governor", governor, governor == "performance", "cpupower frequency-set -g performance")


def quietness(_: Machine) -> Iterator[Item]:
    before = noise.read()
    time.sleep(0.5)
    window = noise.compare(before, noise.read())
    idle = before.load < cores() / 2
    yield Item("load", f"{before.load:.2f}", idle, "other work runs here: numbers will spread")
    stolen = window.steal <= noise.STEAL_LIMIT
    yield Item("stolen time", f"{window.steal:.1%}", stolen, "a busy virtual machine host: compare only within a run")


def memory(machine: Machine) -> Iterator[Item]:
    from ..runtime import _native

    for contexts in sorted({1, machine.contexts}):
        rate = _native.copy_bandwidth(1 << 27, contexts)
        name = f"copy bandwidth, {counted(contexts, 'context')}"
        yield Item(
            name,
            f"{rate:.1f} GB/s, read + write",
            rate > 5,
            "slow memory: it will bound vec-add and the like",
        )


def launches(machine: Machine) -> Iterator[Item]:
    cost = probes.empty_launch(native(), machine)()
    yield Item("empty launch, from C", duration(cost), cost < 1e-6, "the machine is busy or slow: run again")


def fork(machine: Machine) -> Iterator[Item]:
    if machine.contexts < 2:
        return
    from ..runtime import _native

    cost = _native.empty_fork(machine.contexts, 2000)
    advice = "the other cores answer slowly: MT pays only for larger sizes"
    yield Item(f"empty fork, {counted(machine.contexts, 'context')}", duration(cost), cost < _FORK_LIMIT_S, advice)


def triton_launch(_: Machine) -> Iterator[Item]:
    through_grid, direct = probes.triton_launches()
    slow = "slower than a launch should be: run again on an idle machine"
    yield Item("empty launch, kernel[grid]", duration(through_grid), through_grid < _LAUNCH_LIMIT_S, slow)
    yield Item("empty launch, compiled[grid]", duration(direct), direct < _DIRECT_LIMIT_S, slow)


def compilation(machine: Machine) -> Iterator[Item]:
    from ..frontends.triton.loader import load_kernel

    workload = suite.find("gelu")
    problem = workload.problem(workload.shape, "f32", 0)
    kernel: Any = load_kernel(workload.kernel)
    types, constexprs = signature(kernel.arg_names, problem), dict(problem.constexprs)
    start = time.perf_counter()
    native().compile(kernel, types, constexprs, machine=machine, schedule=Schedule())
    seconds = time.perf_counter() - start
    yield Item("compile GELU, no cache", duration(seconds), seconds < _COMPILE_LIMIT_S, "run again when idle")


COMMAND = Command(DoctorOptions, run)
