"""`rung build`: kernels as an object and a C header, for programs without Python."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .. import machine as machines
from ..errors import UsageError
from ..files import Folder, write_file
from ..machine.targets import known_targets, target_machine
from ..options import parse
from ..options.command import Command
from ..options.declared import ScheduleText
from ..schedule import Schedule

_EMIT = ("obj", "asm", "llvm-ir")


@dataclass(frozen=True)
class BuildOptions:
    kernel: Annotated[str, typer.Argument(help="file.py::name")]
    signatures: Annotated[
        tuple[str, ...],
        typer.Option(
            "--signature",
            help="One entry per argument, as for `rung compile`: '*fp32:16, *fp32:16, i32, 1024'. May be repeated: a "
            "kernel of the same file with another one is 'NAME: *fp32, i32'.",
        ),
    ] = ()
    target: Annotated[str, typer.Option(help="What `rung targets` lists, such as aarch64 or riscv64+v.")] = ""
    machine: Annotated[str, typer.Option("--machine", help="Instead of a target: a machine, or a .toml file.")] = ""
    output: Annotated[str, typer.Option("--output", "-o", help="A folder; with --emit asm or llvm-ir, a file.")] = ""
    schedule: ScheduleText = ""
    emit: Annotated[str, typer.Option(help="obj, asm or llvm-ir.")] = "obj"
    name: Annotated[str, typer.Option(help="Of the library; default: the kernel's.")] = ""
    freestanding: Annotated[bool, typer.Option("--freestanding", help="Needs no C library but memcpy.")] = False
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that holds other files, too.")] = False


def run(options: BuildOptions) -> int:
    """Writes all files, or none."""
    if options.emit not in _EMIT:
        raise UsageError(f"--emit is `{options.emit}`; choose from: {', '.join(_EMIT)}")
    if bool(options.target) == bool(options.machine):
        raise UsageError("give one of --target, which `rung targets` lists, and --machine, a file in TOML")
    machine = target_machine(options.target) if options.target else machines.load(options.machine)
    schedule = Schedule.parse(options.schedule)
    target = known_targets()[options.target][1] if options.target else None
    if target is not None and not target.vectors and schedule.vectorize:
        schedule = schedule.with_mechanisms(False, bool(schedule.threads != 1), schedule.double_buffer)
    if options.machine:
        from ..targets.ahead.code import check_processor

        check_processor(machine)
    path, _, plain = options.kernel.partition("::")
    name = options.name or plain
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise UsageError(f"--name is `{name}`; letters, digits and underscores, as in C")
    if not options.signatures:
        raise UsageError("give --signature, one entry per argument: '*fp32:16, *fp32:16, i32, 1024'")
    if not options.output and options.emit == "obj":
        raise UsageError("give a folder with -o")
    folder = Folder(Path(options.output), "-o", options.force, _known)
    file = parse.output(options.output or None, "--output") if options.emit != "obj" else None
    if options.emit == "obj":
        folder.check()

    from ..build import Request, build
    from ..frontends.triton.loader import load_kernel
    from ..frontends.triton.signature import signature_from_text
    from ..targets.ahead.toolchain import tools

    requests: list[Request] = []
    for text in options.signatures:
        other = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*:(?!\d)\s*(.*)", text, re.DOTALL)
        kernel = load_kernel(f"{path}::{other[1]}" if other else options.kernel)
        requests.append(Request(kernel, text, signature_from_text(other[2] if other else text, kernel)))
    product = build(requests, machine, schedule, options.freestanding)
    if options.emit != "obj":
        text = product.library.assembly if options.emit == "asm" else product.library.ir
        if file is None:
            sys.stdout.write(text)
        else:
            write_file(text, file)
        return 0
    found = tools(target) if target is not None else None
    with folder.writing() as aside:
        product.write(aside, name, found)
    if found is None:
        print(
            f"note: no C compiler for {machine.name} is here; compile rung_runtime.c with yours, for {name}.o",
            file=sys.stderr,
        )
    return 0


def _known(folder: Path) -> list[str] | None:
    from ..build import known

    return known(folder)


COMMAND = Command(BuildOptions, run)
