"""What object code says about itself: how much is packed arithmetic, in which registers, what it calls."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

# x86: floating point as in vaddps / addsd / vfmadd231ss, integers as in vpaddd / pmulld.
_X86_FLOAT = re.compile(
    r"v?(?:add|sub|mul|div|min|max|sqrt|rcp14|rsqrt14|rndscale|round|cmp\w*?|scalef|reduce|fn?m(?:add|sub)\d*|addsub)"
    r"(?P<kind>ps|pd|ph|ss|sd|sh)$"
)
_X86_INTEGER = re.compile(r"v?p(?:add|sub|mul|min|max|abs|sll|srl|sra|and|or|xor|andn|madd|cmp)(?P<rest>\w*)$")
_X86_REGISTER = re.compile(r"%([xyz])mm\d+")
# AArch64: a packed operation names its lanes (v0.4s); a scalar one works on s or d registers.
_A64_FLOAT = re.compile(r"f(?:add|sub|mul|div|min|max|minnm|maxnm|sqrt|madd|msub|nmadd|nmsub|mla|mls|abs|neg)$")
_A64_PACKED = re.compile(r"\bv\d+\.\d+[bhsd]")
# On both: of one float (or many: packed), of one integer.
_DIVISION = re.compile(r"v?div(?:ss|sd|sh)$|i?div[bwlq]?$|fdiv$|[su]div$")
_PREFETCH = ("prefetch", "prfm")
_LINE = re.compile(r"^\s*[0-9a-f]+:\s+(?P<mnemonic>[a-z][\w.]*)\s*(?P<operands>.*)$")
_RELOCATION = re.compile(r"^\s*[0-9a-f]+:\s+R_\w+\s+(?P<symbol>[^\s+-]+)")


def disassemble(object_code: bytes) -> str | None:
    """`objdump -dr` of an object file, or None where there is no objdump (or it does not know the format)."""
    tool = shutil.which("objdump")
    if tool is None:
        return None
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "kernel.o"
        path.write_bytes(object_code)
        command = [tool, "-dr", "--no-show-raw-insn", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    # What precedes the first section names the temporary file.
    return done.stdout[done.stdout.find("Disassembly") :] if done.returncode == 0 else None


def host_evidence(object_code: bytes) -> dict[str, Any]:
    """Counts over the kernel's own functions (the JIT's argument wrappers, `_mlir_*`, are left out):

    `packed_ops`: arithmetic on packed floats and integers; `scalar_fp_ops`: on single floats; `scalar_divisions`:
    divisions of single floats, `integer_divisions`: of single integers; `prefetches`: of lines into a cache;
    `registers`: register operands by width; `calls`: symbols called that are not in the object, sorted. Without
    objdump: `{"object": "objdump not found"}`.
    """
    text = disassemble(object_code)
    if text is None:
        return {"object": "objdump not found"}
    return count(text)


def count(disassembly: str) -> dict[str, Any]:
    """`host_evidence` of a disassembly."""
    packed = scalar = prefetches = 0
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
            # An absolute address is loaded before an indirect call; code sections are not functions.
            symbol = relocation["symbol"]
            if not symbol.startswith(".") and (calling or symbol.startswith("rung_")):
                calls.add(symbol.removesuffix("@plt"))
            continue
        instruction = _LINE.match(line)
        if instruction is None:
            continue
        mnemonic, operands = instruction["mnemonic"], instruction["operands"]
        calling = mnemonic.startswith(("call", "bl", "movabs", "jmp"))
        registers.update({f"{width}mm" for width in _X86_REGISTER.findall(operands)})
        if _A64_PACKED.search(operands):
            registers["v"] += 1
        prefetches += mnemonic.startswith(_PREFETCH)
        kind = _kind(mnemonic, operands)
        packed += kind == "packed"
        scalar += kind == "scalar"
        if kind != "packed" and _DIVISION.match(mnemonic):
            divisions[kind] += 1
    return {
        "packed_ops": packed,
        "scalar_fp_ops": scalar,
        "scalar_divisions": divisions["scalar"],
        "integer_divisions": divisions[""],
        "prefetches": prefetches,
        "registers": dict(sorted(registers.items())),
        "calls": sorted(calls - defined),
    }


def _kind(mnemonic: str, operands: str) -> str:
    found = _X86_FLOAT.match(mnemonic)
    if found is not None:
        return "packed" if found["kind"].startswith("p") else "scalar"
    found = _X86_INTEGER.match(mnemonic)
    # Logic on an xmm register (xorps, pxor) also serves scalars: not arithmetic on lanes.
    if found is not None and "mm" in operands:
        logic = mnemonic.lstrip("v").startswith(("pand", "por", "pxor"))
        return "" if logic and not re.search(r"[yz]mm", operands) else "packed"
    if _A64_FLOAT.match(mnemonic):
        return "packed" if _A64_PACKED.search(operands) else "scalar"
    return ""
