"""Machine code of this process, told to `perf`: the file that `perf inject --jit` reads (`RUNG_JITDUMP`).

`perf` samples addresses, and code that was made in memory belongs to no file. So each function is written down with
its bytes and the line of every address, in perf's own format (jitdump-specification.txt in tools/perf/Documentation of
Linux): a header, and for each function a record of lines and one of code. The file is mapped as executable once, which
is how `perf record` learns of it; times are those of the monotonic clock (`perf record -k mono`).
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import UsageError

_MAGIC, _VERSION = 0x4A695444, 1
_CODE_LOAD, _DEBUG_INFO = 0, 2
_HEADER = struct.Struct("<IIIIIIQQ")
_PREFIX = struct.Struct("<IIQ")
_LOAD = struct.Struct("<IIQQQQ")
_LINES = struct.Struct("<QQ")
_LINE = struct.Struct("<QII")


@dataclass(frozen=True)
class Code:
    """One function: `offset` and `size` in bytes within the code of its object, `lines` as (offset, file, line)."""

    name: str
    exported: bool
    offset: int
    size: int
    lines: list[tuple[int, str, int]]


def functions(object_code: bytes) -> tuple[int, list[Code]]:
    """ELF's number of the machine, and the functions of an object file."""
    try:
        from elftools.elf.elffile import ELFFile
        from elftools.elf.enums import ENUM_E_MACHINE
    except ImportError:
        raise UsageError("RUNG_JITDUMP needs pyelftools: pip install 'rung[perf]'") from None

    class WithoutUnwinding(ELFFile):  # pyelftools does not know the relocations of `.eh_frame` in large code
        def get_section_by_name(self, name: str) -> Any:
            return None if name == ".eh_frame" else super().get_section_by_name(name)

    elf: Any = WithoutUnwinding(BytesIO(object_code))
    lines = sorted(_lines(elf))
    made: list[Code] = []
    for symbol in elf.get_section_by_name(".symtab").iter_symbols():
        start, size, kind = symbol["st_value"], symbol["st_size"], symbol["st_info"]
        if kind["type"] == "STT_FUNC" and size:
            within = [line for line in lines if start <= line[0] < start + size]
            made.append(Code(symbol.name, kind["bind"] == "STB_GLOBAL", start, size, within))
    return ENUM_E_MACHINE[elf.header["e_machine"]], made


def _lines(elf: Any) -> Iterator[tuple[int, str, int]]:
    """The rows of an object's tables of lines: offset, file and line."""
    if not elf.has_dwarf_info():
        return
    dwarf = elf.get_dwarf_info()
    for unit in dwarf.iter_CUs():
        program: Any = dwarf.line_program_for_CU(unit)
        if program is None:
            continue
        # DWARF 5 counts files and directories from 0; before it, from 1, directory 0 being the unit's own.
        first = 0 if program["version"] >= 5 else 1
        own: list[bytes] = [unit.get_top_DIE().attributes["DW_AT_comp_dir"].value] if first else []
        listed: list[bytes] = program["include_directory"]
        directories = [os.fsdecode(path) for path in own + listed]
        named: list[tuple[int, bytes]] = [(file["dir_index"], file["name"]) for file in program["file_entry"]]
        files = [str(Path(directories[index]) / os.fsdecode(name)) for index, name in named]
        for entry in program.get_entries():
            state = entry.state
            if state is not None and not state.end_sequence and state.line:
                yield state.address, files[state.file - first], state.line


class JitDump:
    """The file of one process, `jit-PID.dump` in `directory`, which is made if need be."""

    def __init__(self, directory: Path, machine: int) -> None:
        self.path = directory / f"jit-{os.getpid()}.dump"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = self.path.open("wb+")  # open as long as the process
        except OSError as error:
            raise UsageError(f"RUNG_JITDUMP: cannot write {self.path}: {error.strerror}") from None
        self._file.write(_HEADER.pack(_MAGIC, _VERSION, _HEADER.size, machine, 0, os.getpid(), time.monotonic_ns(), 0))
        self._file.flush()
        # Never read: `perf record` sees that a file of this name was mapped.
        self._mark = mmap.mmap(self._file.fileno(), _HEADER.size, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
        self._count = 0

    def add(self, code: Code, address: int) -> None:
        """Tell that the function `code` stands at `address`."""
        name = code.name.encode() + b"\0"
        if code.lines:
            rows = b"".join(
                _LINE.pack(address + at - code.offset, line, 0) + file.encode() + b"\0" for at, file, line in code.lines
            )
            self._record(_DEBUG_INFO, _LINES.pack(address, len(code.lines)) + rows)
        head = _LOAD.pack(os.getpid(), threading.get_native_id(), address, address, code.size, self._count)
        self._record(_CODE_LOAD, head + name + ctypes.string_at(address, code.size))
        self._count += 1
        self._file.flush()

    def _record(self, kind: int, body: bytes) -> None:
        self._file.write(_PREFIX.pack(kind, _PREFIX.size + len(body), time.monotonic_ns()) + body)


_open: dict[int, JitDump] = {}
"""By process: a child that was forked writes a file of its own."""


def tell(object_code: bytes, addresses: Mapping[str, int], directory: Path) -> None:
    """Write down all functions of an object that was loaded; `addresses`: of those that it exports.

    One thread at a time: called under the compiler's lock.
    """
    machine, made = functions(object_code)
    exported = next(code for code in made if code.exported)
    base = addresses[exported.name] - exported.offset
    dump = _open.get(os.getpid())
    if dump is None:
        dump = _open[os.getpid()] = JitDump(directory, machine)
    for code in made:
        dump.add(code, base + code.offset)
