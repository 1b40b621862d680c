"""`rung compile`: a kernel's text or code at any stage."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import machine as machines
from .. import studies
from ..bench import environment
from ..errors import UsageError
from ..evidence import Evidence
from ..files import write_file
from ..knobs import STAGES
from ..options import parse
from ..options.command import Command
from ..options.declared import Device, Html, Output, Overrides, PrintAfterAll, ScheduleText
from ..report import text
from ..schedule import Schedule

if TYPE_CHECKING:
    from ..frontends.triton.signature import Signature


@dataclass(frozen=True)
class CompileOptions:
    kernel: Annotated[str, typer.Argument(help="file.py::name")]
    signature: Annotated[
        str | None,
        typer.Option(
            help="One entry per argument: a type, a constexpr's value, or a tuple: '*fp32:16, i32, (i32, 4), 1024'; "
            "'tensordesc<fp32[16, 64]>' is a tensor descriptor. Default: as a captured kernel was launched."
        ),
    ] = None
    constexprs: Annotated[
        tuple[str, ...],
        typer.Option("--constexpr", help="NAME=VALUE, which --signature then leaves out; may be repeated."),
    ] = ()
    emit: Annotated[str, typer.Option(help="ttir, linalg, scheduled, vector, llvm, llvm-ir, asm or obj.")] = "llvm"
    output: Output = None
    schedule: ScheduleText = ""
    device: Device = "host"
    overrides: Overrides = ()
    print_after_all: PrintAfterAll = False
    json: Annotated[
        str | None, typer.Option("--json", help="Write the text of every stage and pass as a record for `rung report`.")
    ] = None
    html: Html = None


def run(options: CompileOptions) -> int:
    """Compiles, and writes the stage to the file or to stdout."""
    if options.emit not in STAGES:
        raise UsageError(f"--emit is `{options.emit}`; choose from: {', '.join(STAGES)}")
    target = parse.output(options.output, "--output")
    if options.emit == "obj" and target is None and sys.stdout.isatty():
        raise UsageError("--emit obj writes a binary; give a file with -o")
    json, html = parse.output(options.json, "--json"), parse.output(options.html, "--html")
    schedule = Schedule.parse(options.schedule)
    machine = machines.load(options.device, options.overrides)

    from ..bench.listing_result import ListingRecord
    from ..bench.stages import Texts
    from ..compile import generate_code, lower_kernel
    from ..frontends.triton.loader import load_kernel

    kernel = load_kernel(options.kernel)
    constexprs = parse.constexprs(options.constexprs)
    parsed, keywords = _signature(kernel, options.signature, constexprs)
    texts = Texts() if json or html else None
    observers = [*([texts] if texts else []), *([print_after] if options.print_after_all else [])]
    compiled = lower_kernel(
        kernel,
        parsed.signature,
        parsed.constexprs,
        machine=machine,
        schedule=schedule,
        attrs=parsed.attrs,
        options=keywords,
        observers=observers,
    )
    for op in Evidence(**compiled.metadata["decisions"]).taken_apart:
        print(f"warning: {text.taken_apart_warning(op, machine.arch)}; docs/hvx.md", file=sys.stderr)
    if texts:
        title = f"{kernel.__name__}, {schedule.rung}, for {machine.name}"
        made = generate_code(compiled, machine)
        record = ListingRecord(
            environment=environment.describe(machine, 0),
            kernel=kernel.__name__,
            schedule=str(schedule),
            evidence=made.evidence,
            listing=texts.listing(title, kernel, made),
        )
        if json:
            studies.write(record, json)
        if html:
            studies.write_page([record], html)
        return 0
    if options.emit in compiled.stages:  # also of a kernel whose machine code the back end refuses
        _write(compiled.stages[options.emit], target)
        return 0
    executable: Any = generate_code(compiled, machine)
    _write(executable.object_code() if options.emit == "obj" else executable.stages[options.emit], target)
    return 0


def _signature(kernel: Any, text: str | None, constexprs: dict[str, object]) -> tuple[Signature, dict[str, object]]:
    """Of the text, or of a captured kernel's launch, whose keywords come with it."""
    from ..frontends.triton import launched
    from ..frontends.triton.signature import Signature, signature_from_text

    if text is not None:
        return signature_from_text(text, kernel, constexprs), {}
    found = launched.of(kernel)
    if found is None:
        raise UsageError(f"{kernel.__name__} was not captured, so that nothing says its types: give --signature")
    launch, _ = found
    return Signature(dict(launch.signature), {**launch.constexprs, **constexprs}, launch.attrs), launch.options


def _write(content: str | bytes, target: Path | None) -> None:
    if target:
        write_file(content, target)
    elif isinstance(content, bytes):
        sys.stdout.buffer.write(content)
    else:
        sys.stdout.write(content if content.endswith("\n") else content + "\n")


def print_after(event: str, step: object, module: object) -> None:
    """An observer that prints the module to stderr after every pass and at every stage."""
    if event in ("after", "stage"):
        print(f"// {event} {step}\n{module}", file=sys.stderr)


COMMAND = Command(CompileOptions, run)
