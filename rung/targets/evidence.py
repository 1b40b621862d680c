"""What object code says about itself: how much is packed arithmetic, in which registers, what it calls."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from ..evidence import HostCode
from .isa import Isa
from .isa.instructions import Instructions

_LINE = re.compile(r"^\s*[0-9a-f]+:\s+(?P<mnemonic>[a-z][\w.]*)\s*(?P<operands>.*)$")
_RELOCATION = re.compile(r"^\s*[0-9a-f]+:\s+R_\w+\s+(?P<symbol>[^\s+-]+)")


def disassemble(object_code: bytes, lines: bool = False) -> str | None:
    """`objdump -dr` of an object file, or None where there is no objdump (or it does not know the format). lines: with
    the lines of the source, each in a line before what it became."""
    tool = shutil.which("objdump")
    if tool is None:
        return None
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "kernel.o"
        path.write_bytes(object_code)
        command = [tool, "-drl" if lines else "-dr", "--no-show-raw-insn", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    # What precedes the first section names the temporary file.
    return done.stdout[done.stdout.find("Disassembly") :] if done.returncode == 0 else None


def host_code(object_code: bytes, isa: Isa) -> HostCode | None:
    """What an object file holds; None without objdump, and for an ISA whose instructions are not told apart."""
    text = disassemble(object_code) if isa.instructions else None
    return count(text, isa.instructions) if text is not None and isa.instructions else None


def count(disassembly: str, instructions: Instructions) -> HostCode:
    """What the kernel's own functions hold; the JIT's argument wrappers, `_mlir_*`, are left out."""
    packed = scalar = prefetches = streaming = 0
    divisions: Counter[str] = Counter()
    registers: Counter[str] = Counter()
    calls: set[str] = set()
    defined: set[str] = set()
    ours, calling = True, False
    for line in disassembly.splitlines():
        if line.endswith(">:"):
            ours = "<_mlir_" not in line
            defined.add(line[line.index("<") + 1 : -2])
            continue
        if not ours:
            continue
        relocation = _RELOCATION.match(line)
        if relocation is not None:
            # Code sections are not functions.
            symbol = relocation["symbol"]
            if not symbol.startswith(".") and (calling or symbol.startswith("rung_")):
                calls.add(symbol.removesuffix("@plt"))
            continue
        instruction = _LINE.match(line)
        if instruction is None:
            continue
        mnemonic, operands = instruction["mnemonic"], instruction["operands"]
        calling = mnemonic.startswith(instructions.calls)
        registers.update(instructions.registers(operands))
        prefetches += mnemonic.startswith(instructions.prefetches)
        streaming += mnemonic.startswith(instructions.streaming)
        kind = instructions.kind(mnemonic, operands)
        packed += kind == "packed"
        scalar += kind == "scalar"
        if kind != "packed" and instructions.division.match(mnemonic):
            divisions[kind] += 1
    return HostCode(
        kind="host",
        packed_ops=packed,
        scalar_fp_ops=scalar,
        scalar_divisions=divisions["scalar"],
        integer_divisions=divisions[""],
        prefetches=prefetches,
        streaming_stores=streaming,
        registers=dict(sorted(registers.items())),
        calls=sorted(calls - defined),
    )
