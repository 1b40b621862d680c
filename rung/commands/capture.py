"""`rung capture`: the kernels that Inductor writes for a torch function, as files that run by themselves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import machine as machines
from ..bench import captured, environment, kernel_file, kernel_source, manifest
from ..bench.group import Case, Step
from ..bench.problem import compare, outputs, restore, snapshot
from ..errors import UsageError
from ..files import Folder
from ..options import parse
from ..options.command import Command
from ..options.declared import Inputs, Seed
from ..report import tables, text
from ..schedule import Schedule
from ..studies import function_ladder

if TYPE_CHECKING:
    import torch

    from ..frontends.inductor import CapturedKernel, CompiledFunction
    from ..frontends.torch_function import TorchFunction

_SCALAR = Schedule().with_mechanisms(False, False, False)


@dataclass(frozen=True)
class CaptureOptions:
    function: Annotated[str, typer.Argument(help="file.py::name of a torch function or module.")]
    folder: Annotated[str, typer.Option("--output", "-o", help="A folder, which is made.")]
    inputs: Inputs = None
    limit: Annotated[
        str, typer.Option(help="Bytes of tensors that a kernel may have, such as 64M; others are left out.")
    ] = "256M"
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that holds other files, too.")] = False
    seed: Seed = 0


def run(options: CaptureOptions) -> int:
    """Writes all files, or none. 1 when a kernel writes something else under the scalar rung."""
    limit = parse.count(options.limit, "--limit")
    folder = Folder(Path(options.folder), "-o", options.force, _known)
    folder.check()
    kernel_file.library()
    function = function_ladder.load(options.function, options.inputs, parse.seed(options.seed))

    def tell(step: Step) -> None:
        print(f"{function.where}: {step.what}", file=sys.stderr)

    with folder.writing() as target, function_ladder.compiled(function, tell) as found:
        entries = _write_all(function, found, target, limit, tell)
        made = manifest.Manifest(
            function=function.where,
            inputs=function.words,
            environment=environment.describe(machines.host(), options.seed),
            kernels=entries,
            breaks=found.breaks,
        )
        (target / manifest.NAME).write_text(made.model_dump_json(by_alias=True, indent=1) + "\n")
    _show(made, options.folder)
    return 1 if any(entry.agrees is False for entry in entries) else 0


def _known(folder: Path) -> list[str] | None:
    """The files of an earlier capture; None of any other folder."""
    found = manifest.read(folder)
    return None if found is None else found.files()


def _write_all(
    function: TorchFunction, found: CompiledFunction, target: Path, limit: int, tell: Callable[[Step], None]
) -> list[manifest.KernelEntry]:
    entries: list[manifest.KernelEntry] = []
    labels = captured.labels(found.kernels)
    for number, (label, kernel) in enumerate(zip(labels, found.kernels, strict=True)):
        tell(Step(f"kernel {number} of {len(labels)}: {label}"))
        before, after = found.arguments(kernel)
        about = f"Kernel {number} of {len(labels)} that Inductor wrote for {function.where} on {function.words}"
        about += f"; a call launches it {'once' if kernel.launches == 1 else f'{kernel.launches} times'}"
        case = captured.case_of(kernel, label, before, after)
        entries.append(_write(kernel, case, after, target, f"kernel_{number}.py", about, limit))
    return entries


def _write(
    kernel: CapturedKernel, case: Case, after: Any, target: Path, file: str, about: str, limit: int
) -> manifest.KernelEntry:
    entry: dict[str, Any] = {"kernel": case.name, "launches": kernel.launches, "grid": list(kernel.grid)}
    touched = sum(value.untyped_storage().nbytes() for value in case.problem.args if hasattr(value, "untyped_storage"))
    if touched > limit:
        why = f"{text.size(touched)} of tensors are more than --limit"
        return manifest.KernelEntry(**entry, bytes=touched, file=None, left_out=why, agrees=None)
    launch = kernel_file.describe(kernel, case)
    try:
        source = kernel_source.text(launch, kernel_source.of_function(kernel.fn), about, file)
    except UsageError as error:
        return manifest.KernelEntry(**entry, bytes=touched, file=None, left_out=str(error), agrees=None)
    reference = _scalar(case)
    wrote = [after[kernel.passed[position]] for position in case.problem.outputs]
    agrees = compare(wrote, reference, case.tolerance).within
    stored = kernel_file.tensors(launch, case.problem.args, reference)
    size = kernel_file.size_of(stored)
    if size > limit:
        why = f"{text.size(size)} of tensors are more than --limit"
        return manifest.KernelEntry(**entry, bytes=size, file=None, left_out=why, agrees=agrees)
    tensors = (target / file).with_suffix(".safetensors")
    kernel_file.library().save_file(stored, str(tensors))
    tensors.chmod(0o644)
    (target / file).write_text(source)
    return manifest.KernelEntry(**entry, bytes=size, file=file, agrees=agrees)


def _scalar(case: Case) -> list[torch.Tensor]:
    """What the kernel writes without any mechanism; its arguments are as before."""
    from ..compile import compile_kernel

    saved = snapshot(case.problem)
    case.compile(compile_kernel, machines.host(), _SCALAR).bind(case.problem.args, case.problem.grid)()
    found = outputs(case.problem)
    restore(case.problem, saved)
    return found


def _show(made: manifest.Manifest, folder: str) -> None:
    out = tables.console()
    table = tables.new_table(f"{made.function} on {made.inputs or 'no inputs'}: {folder}")
    for name in ("file", "kernel"):
        table.add_column(name, no_wrap=True)
    for name in ("times", "grid", "tensors"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("scalar rung")
    for entry in made.kernels:
        agrees = {True: "agrees", False: "WRONG: writes something else", None: "-"}[entry.agrees]
        grid = "x".join(map(str, entry.grid))
        table.add_row(
            entry.file or "-", text.elided(entry.kernel, 48), f"x{entry.launches}", grid, text.size(entry.bytes), agrees
        )
    out.print(table)
    for entry in made.kernels:
        if entry.left_out:
            out.print(f"  {entry.kernel} is left out: {entry.left_out}", style="yellow", highlight=False)


COMMAND = Command(CaptureOptions, run)
