"""Runs Hexagon object files under qemu-hexagon without a linker or a C library, and counts the packets executed.

Objects may call each other's functions, and refer to nothing else. Data are placed at fixed addresses.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

QEMU = shutil.which("qemu-hexagon")
_CODE, _DATA = 0x20000, 0x1000000
_PAGE = 0x10000
# Type of a relocation -> the instruction's bits that hold the distance. From the Hexagon ABI: calls and branches (B22,
# B15, B13, B9), calls through the table of a shared library, and the two words of an extended branch.
_FIELDS = {1: 0x01FF3FFE, 2: 0x00DF20FE, 14: 0x00202FFE, 15: 0x003000FE, 36: 0x01FF3FFE}
_EXTENDED = {18: 0x01FF3FFE, 19: 0x00DF20FE, 20: 0x00202FFE, 21: 0x003000FE}
_EXTENDER, _EXTENDER_MASK = 16, 0x0FFF3FFF
_SYMTAB, _RELA, _EXECUTABLE = 2, 4, 4
# call main; r0 = #0; r6 = #94 (exit_group); trap0(#1). One instruction per packet.
_START = (0x5A00C000, 0x7800C000, 0x7800CBC6, 0x5400C004)


@dataclass(frozen=True)
class _Section:
    name: int
    kind: int
    flags: int
    at: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry: int


@dataclass(frozen=True)
class _Branch:
    at: int
    kind: int
    target: str
    addend: int


@dataclass
class Image:
    """A program at its addresses."""

    code: bytearray
    functions: dict[str, tuple[int, int]]
    """Name -> first address, size."""

    def packets(self, name: str) -> list[int]:
        """The addresses of all packets of a function: bits 14 and 15 of a packet's last instruction are 0 or 3."""
        first, size = self.functions[name]
        words = struct.unpack_from(f"<{size // 4}I", self.code, first - _CODE)
        begins = [True, *(word >> 14 & 3 in (0, 3) for word in words[:-1])]
        return [first + 4 * i for i, begin in enumerate(begins) if begin]


def place(arrays: list[npt.NDArray[np.generic]]) -> list[int]:
    """The address of each array in the program."""
    addresses: list[int] = []
    end = _DATA
    for array in arrays:
        addresses.append(end)
        end += -(-array.nbytes // 4096) * 4096
    return addresses


def link(objects: list[bytes]) -> Image:
    """A program that calls `main` and exits."""
    image = Image(bytearray(struct.pack("<4I", *_START)), {})
    branches = [_Branch(_CODE, 1, "main", 0)]
    for text in objects:
        _add(image, branches, text)
    for branch in branches:
        distance = image.functions[branch.target][0] + branch.addend - branch.at
        (word,) = struct.unpack_from("<I", image.code, branch.at - _CODE)
        struct.pack_into("<I", image.code, branch.at - _CODE, word | _encode(branch.kind, distance))
    return image


def _encode(kind: int, distance: int) -> int:
    if kind == _EXTENDER:
        return _spread(distance >> 6, _EXTENDER_MASK)
    if kind in _EXTENDED:
        return _spread(distance & 0x3F, _EXTENDED[kind])
    return _spread(distance >> 2, _FIELDS[kind])


def _add(image: Image, branches: list[_Branch], text: bytes) -> None:
    """Put an object's code into the image, note its functions and its branches."""
    (table,) = struct.unpack_from("<I", text, 32)
    size, count = struct.unpack_from("<HH", text, 46)
    sections = [_Section(*struct.unpack_from("<10I", text, table + i * size)) for i in range(count)]
    base: dict[int, int] = {}
    for number, section in enumerate(sections):
        if section.flags & _EXECUTABLE and section.size:
            image.code += bytes(-len(image.code) % 64)
            base[number] = _CODE + len(image.code)
            image.code += text[section.offset : section.offset + section.size]
    symbols: list[str] = []
    (symtab,) = [section for section in sections if section.kind == _SYMTAB]
    strings = sections[symtab.link].offset
    for at in range(symtab.offset, symtab.offset + symtab.size, 16):
        name, value, length, _, _, home = struct.unpack_from("<3IBBH", text, at)
        symbols.append(text[strings + name : text.index(b"\0", strings + name)].decode())
        if home in base and symbols[-1] and length:
            image.functions[symbols[-1]] = base[home] + value, length
    for section in sections:
        if section.kind != _RELA or section.info not in base:
            continue
        for at in range(section.offset, section.offset + section.size, 12):
            where, info, addend = struct.unpack_from("<IIi", text, at)
            branches.append(_Branch(base[section.info] + where, info & 0xFF, symbols[info >> 8], addend))


def _spread(value: int, mask: int) -> int:
    """The low bits of `value`, put where `mask` has ones."""
    result = 0
    for bit in range(32):
        if mask >> bit & 1:
            result |= (value & 1) << bit
            value >>= 1
    return result


def run(image: Image, arrays: list[npt.NDArray[np.generic]], directory: Path) -> Counter[int]:
    """Execute the program; how often the packet at each address was executed."""
    data = bytearray()
    for array, address in zip(arrays, place(arrays), strict=True):
        data += bytes(address - _DATA - len(data)) + array.tobytes()
    program, log = directory / "program", directory / "log"
    program.write_bytes(_elf(bytes(image.code), bytes(data)))
    program.chmod(0o755)
    assert QEMU is not None
    options = subprocess.run([QEMU, "-help"], capture_output=True, text=True, check=True).stdout
    single = "-one-insn-per-tb" if "-one-insn-per-tb" in options else "-singlestep"
    subprocess.run([QEMU, single, "-d", "exec,nochain", "-D", str(log), str(program)], check=True, timeout=60)
    executed: Counter[int] = Counter()
    for line in log.read_text().splitlines():
        if line.startswith("Trace"):
            executed[int(line.split("/")[1], 16)] += 1
    return executed


def _elf(code: bytes, data: bytes) -> bytes:
    """A static 32-bit executable with two segments."""
    header_bytes, entry_bytes = 52, 32
    after = _PAGE + -(-len(code) // _PAGE) * _PAGE
    header = struct.pack(
        "<16sHHIIIIIHHHHHH", b"\x7fELF\x01\x01\x01", 2, 164, 1, _CODE, header_bytes, 0, 0x67, header_bytes,
        entry_bytes, 2, 0, 0, 0,
    )  # fmt: skip
    segments = struct.pack("<8I", 1, _PAGE, _CODE, _CODE, len(code), len(code), 5, _PAGE)
    segments += struct.pack("<8I", 1, after, _DATA, _DATA, len(data), len(data), 6, _PAGE)
    head = header + segments
    return head + bytes(_PAGE - len(head)) + code + bytes(after - _PAGE - len(code)) + data
