"""`rung targets`: what `rung build` makes objects for, and what is missing here to link and to run them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from ..machine.targets import known_targets, target_machine
from ..options.command import Command
from ..report import tables
from ..targets.ahead.toolchain import tools


@dataclass(frozen=True)
class TargetsOptions:
    pass


def run(options: TargetsOptions) -> int:
    """A table, and the one command that installs what is missing."""
    console = tables.console()
    table = tables.new_table("targets", "target", "triple", "cpu", "vectors", "C compiler", "emulator")
    missing: list[str] = []
    for name, (isa, target) in known_targets().items():
        machine, found = target_machine(name), tools(target)
        emulator = shutil.which(target.emulator)
        missing += [] if found else [target.package]
        missing += [] if emulator else ["qemu-user"]
        vectors = f"{machine.vector_bytes} bytes" if target.vectors else "none"
        compiler = found.compiler if found else "missing"
        table.add_row(name, isa.triple, target.cpu, vectors, compiler, emulator or "missing")
    console.print(table)
    console.print("An object and a header need neither. `rung build --machine` takes machines and .toml files, too.")
    if missing:
        console.print(f"To link and run all of them here: apt-get install {' '.join(sorted(set(missing)))}")
    return 0


COMMAND = Command(TargetsOptions, run)
