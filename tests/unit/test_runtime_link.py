"""The runtime's linker: objects of LLVM's large code model, where they lie, and what it refuses."""

from __future__ import annotations

import ctypes
import gc
import platform
import struct
import subprocess
import sys
import weakref
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import pytest

from rung.errors import RungError
from rung.runtime import _native

IR = """
@counter = global i64 40
@table = constant [3 x i64] [i64 7, i64 11, i64 13]
@where = constant ptr @counter
@buffer = global [100 x i64] zeroinitializer
declare double @cos(double)
declare i64 @rung_has_failed()
define internal i64 @inner(i64 %x) noinline {
  %p = getelementptr [3 x i64], ptr @table, i64 0, i64 %x
  %v = load i64, ptr %p
  ret i64 %v
}
define i64 @count(i64 %x) {
  %a = call i64 @inner(i64 %x)
  %p = load ptr, ptr @where
  %b = load i64, ptr %p
  %c = add i64 %a, %b
  store i64 %c, ptr @counter
  %q = getelementptr [100 x i64], ptr @buffer, i64 0, i64 99
  %d = load i64, ptr %q
  store i64 %c, ptr %q
  %e = add i64 %c, %d
  ret i64 %e
}
define double @cosine(double %x) {
  %y = call double @cos(double %x)
  ret double %y
}
define ptr @place() { ret ptr @table }
define ptr @variable() { ret ptr @counter }
"""


@cache
def built(text: str, triple: str = "", model: str = "large") -> bytes:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(triple or llvm.get_default_triple())
    machine = target.create_target_machine(codemodel=model, jit=True, reloc="static", opt=0)
    return machine.emit_object(llvm.parse_assembly(text))


def function(code: _native.Code, name: str, result: Any, *kinds: Any) -> Callable[..., Any]:
    return ctypes.CFUNCTYPE(result, *kinds)(code.functions[name])


def rights(address: int) -> str:
    """Of the pages there; empty where there are none."""
    with Path("/proc/self/maps").open() as maps:
        for line in maps:
            span, rights = line.split()[:2]
            begin, end = (int(each, 16) for each in span.split("-"))
            if begin <= address < end:
                return rights
    return ""


def test_code_constants_and_data_are_linked() -> None:
    code = _native.Code(built(IR))
    assert set(code.functions) == {"count", "cosine", "place", "variable"}
    count = function(code, "count", ctypes.c_int64, ctypes.c_int64)
    assert [count(1), count(2)] == [51, 64 + 51]
    assert function(code, "cosine", ctypes.c_double, ctypes.c_double)(0.0) == 1.0
    again = _native.Code(built(IR))
    assert function(again, "count", ctypes.c_int64, ctypes.c_int64)(0) == 47, "data of its own"


def test_nothing_that_can_be_written_can_be_run() -> None:
    code = _native.Code(built(IR))
    places = [code.functions["count"], *(function(code, name, ctypes.c_void_p)() for name in ("place", "variable"))]
    assert [rights(place) for place in places] == ["r-xp", "r--p", "rw-p"]


def test_memory_goes_with_the_object() -> None:
    code = _native.Code(built(IR))
    address, alive = code.functions["count"], weakref.ref(code)
    assert rights(address)
    del code
    gc.collect()
    assert alive() is None
    places = {_native.Code(built(IR)).functions["count"] for _ in range(50)}
    assert len(places) < 10, "of one after another"


def refused(object_code: bytes) -> str:
    with pytest.raises(RungError, match=r"^the machine code of a kernel cannot be loaded: ") as caught:
        _native.Code(object_code)
    return str(caught.value).partition("loaded: ")[2]


def test_what_nobody_defines_is_an_error() -> None:
    calls = "declare void @no_such_function()\ndefine void @k() {\n call void @no_such_function()\n ret void\n}"
    assert refused(built(calls)) == "it needs `no_such_function`, which nobody defines"


def test_an_object_for_another_processor_is_refused() -> None:
    other = {"x86_64": "aarch64", "aarch64": "x86_64"}[platform.machine()]
    empty = "define void @k() {\n ret void\n}"
    assert refused(built(empty, f"{other}-unknown-linux-gnu")).startswith("it is for another processor (ELF machine ")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="relocations are numbered by the processor")
def test_a_relocation_that_is_not_known_is_refused() -> None:
    """Through a table of addresses (R_X86_64_REX_GOTPCRELX), which large code does without."""
    near = "@table = constant i64 7\ndefine ptr @k() {\n ret ptr @table\n}"
    assert refused(built(near, model="small")) == "it has a relocation of kind 42, which rung does not know"


def test_what_is_no_object_is_refused() -> None:
    whole = built(IR)
    for damaged in (b"", b"\x7fELF", b"MZ" + whole[2:], whole[: len(whole) // 2], whole[:-1]):
        assert refused(damaged) == "it is no relocatable object file of 64 bits"


FLIPS = """
import random, sys
from rung.errors import RungError
from rung.runtime import _native
whole, chance, refused = open(sys.argv[1], "rb").read(), random.Random(1), 0
sections = int.from_bytes(whole[40:48], "little")
for _ in range(3000):
    damaged = bytearray(whole)
    damaged[chance.choice([chance.randrange(64), chance.randrange(sections, len(whole))])] ^= 1 << chance.randrange(8)
    try:
        _native.Code(bytes(damaged))
    except (RungError, MemoryError):
        refused += 1
print(refused)
"""


def test_damaged_tables_are_survived(tmp_path: Path) -> None:
    """The cache's digests keep such objects away; a linker looks before it writes, nevertheless."""
    (tmp_path / "object").write_bytes(built(IR))
    command = [sys.executable, "-c", FLIPS, str(tmp_path / "object")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and int(done.stdout) > 100, done.stderr


def told() -> list[int]:
    """Sizes of the objects that debuggers know of, by gdb's interface: a list behind `__jit_debug_descriptor`."""
    found: list[int] = []
    at = ctypes.c_void_p.from_address(
        ctypes.addressof(ctypes.c_char.in_dll(ctypes.CDLL(_native.__file__), "__jit_debug_descriptor")) + 16
    ).value
    while at:
        at, _, _, size = struct.unpack("QQQQ", ctypes.string_at(at, 32))
        found.append(size)
    return found


def test_debuggers_know_of_code_as_long_as_it_lives() -> None:
    before, size = told(), len(built(IR))
    codes = [_native.Code(built(IR)) for _ in range(3)]
    assert told() == [size] * 3 + before
    del codes[1]
    assert told() == [size] * 2 + before
    codes.clear()
    assert told() == before


class Linked(ctypes.Structure):
    _fields_ = [
        ("memory", ctypes.c_void_p),
        ("bytes", ctypes.c_size_t),
        ("unwinding", ctypes.c_void_p),
        ("bases", ctypes.c_void_p),
    ]


def wide(address: int) -> int:
    """What a movz and the movk that follow it make: 16 bits each, from bit 5 on; bits 21 and 22 say which."""
    value = 0
    for word in struct.unpack("4I", ctypes.string_at(address, 16)):
        value |= (word >> 5 & 0xFFFF) << 16 * (word >> 21 & 3)
    return value


def branch(address: int) -> int:
    """Where the b or bl at an address goes, through `ldr x16, .+8; br x16` if need be."""
    (word,) = struct.unpack("I", ctypes.string_at(address, 4))
    assert word >> 26 in (0b000101, 0b100101), hex(word)
    distance = word & 0x3FFFFFF
    to = address + 4 * (distance - (1 << 26) if distance >> 25 else distance)
    load, jump, target = struct.unpack("IIQ", ctypes.string_at(to, 16))
    return target if (load, jump) == (0x58000050, 0xD61F0200) else to


def test_addresses_in_code_for_aarch64(tmp_path: Path) -> None:
    """Not run, but read, wherever this is: the same linker, compiled for the other processor's relocations."""
    source = Path(__file__).with_name("runtime_link_aarch64.c")
    include = Path(_native.__file__).parent / "src"
    command = ["cc", "-O1", "-shared", "-fPIC", f"-I{include}", str(source), "-o", str(tmp_path / "link.so")]
    subprocess.run(command, check=True)
    library = ctypes.CDLL(str(tmp_path / "link.so"))
    code = built(
        "@table = dso_local constant i64 7\ndeclare void @far()\n"
        "define ptr @place() {\n ret ptr @table\n}\ndefine void @call() {\n tail call void @far()\n ret void\n}",
        "aarch64-unknown-linux-gnu",
    )
    look_up = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p)(lambda name: 0x123456789ABCDEF0)
    linked, error, functions = Linked(), ctypes.create_string_buffer(256), dict[str, int]()

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p)
    def found(name: bytes, address: int, _data: int | None) -> int:
        functions[name.decode()] = address
        return 0

    assert not library.rung_link(code, ctypes.c_size_t(len(code)), look_up, ctypes.byref(linked), error), error.value
    assert not library.rung_each_function(code, ctypes.c_size_t(len(code)), ctypes.byref(linked), found, None)
    place = wide(functions["place"])
    assert linked.memory < place < linked.memory + linked.bytes
    assert ctypes.c_int64.from_address(place).value == 7
    words = struct.unpack("8I", ctypes.string_at(functions["call"], 32))
    calls = [functions["call"] + 4 * n for n, word in enumerate(words) if word >> 26 in (0b000101, 0b100101)]
    assert branch(calls[0]) == 0x123456789ABCDEF0
    library.rung_unlink(ctypes.byref(linked))
