"""The device's module, compiled once more for the CPU that runs us: it computes the values and counts its blocks."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass, field, replace
from functools import cache

import llvmlite.binding as llvm
import numpy as np
import numpy.typing as npt

from ...errors import RungError
from ...runtime import library_path
from .device_code import LOCK, initialize
from .intrinsics import emulate
from .ir_text import edges, function_name, functions, label, targets

_COUNTERS = "rung.counters"
RUNTIME = frozenset(
    ("rung_fork", "rung_arena_enter", "rung_arena_exit", "rung_dma_start", "rung_dma_wait", "rung_leave")
)
"""What the device's code calls of the runtime."""
_CALL = re.compile(r"@(rung_\w+)\(")
_LIBRARY = ("memcpy", "memset", "memmove")
_COPY = re.compile(r"call void @llvm\.(memcpy|memset|memmove)\.[^(]*\((?P<arguments>.*)\)")


@dataclass(frozen=True)
class Site:
    """One place in the code that starts a transfer or waits for one."""

    function: str
    block: str
    kind: str
    """`dma_start` or `dma_wait`"""


@dataclass(frozen=True)
class Counters:
    """What the counters count, by position: executions of blocks and of edges between them, bytes of library calls."""

    blocks: dict[tuple[str, str], int]
    """(function, block of the device's module) -> counter"""
    edges: dict[tuple[str, str, str], int]
    """(function, block, successor) -> counter, for edges from a block with several successors to one with several
    predecessors: those that the counts of blocks say nothing about"""
    copied_bytes: dict[str, int]
    """`memcpy`, `memset`, `memmove` -> counter of bytes"""
    count: int
    forwards: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    """(function, block that does nothing but jump) -> where to; machine code may have no such block"""
    successors: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict[tuple[str, str], tuple[str, ...]])
    """(function, block of the device's module) -> the blocks that it may go to; a function's entry comes first"""


@dataclass
class HostCopy:
    """Machine code in this process; alive as long as this object."""

    counters: Counters
    sites: tuple[Site, ...]
    values: npt.NDArray[np.int64]
    """The counters themselves."""
    engine: llvm.ExecutionEngine = field(repr=False)

    def address(self, name: str) -> int:
        """The address of a function."""
        found = self.engine.get_function_address(name)
        if not found:
            raise RungError(f"the compiled module has no function `{name}`")
        return found


def compile_for_host(ir: str) -> HostCopy:
    """Instrument a copy of the device's module, whose text is `ir`, and compile it."""
    with LOCK:
        _link_runtime()
        text, counters, sites = _instrument(*_split_edges(ir))
        counters = replace(counters, successors=_successors(ir))
        module = llvm.parse_assembly(emulate(text))
        target = _target_machine()  # a new one: the engine takes it over
        module.triple = llvm.get_process_triple()
        module.data_layout = str(target.target_data)
        engine = llvm.create_mcjit_compiler(module, target)
        engine.finalize_object()
        address = engine.get_global_value_address(_COUNTERS)
    values = np.ctypeslib.as_array((ctypes.c_int64 * counters.count).from_address(address))
    return HostCopy(counters, sites, values, engine)


def _target_machine() -> llvm.TargetMachine:
    initialize()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    features = llvm.get_host_cpu_features().flatten()
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=1, jit=True)


@cache
def _link_runtime() -> None:
    """The recording runtime under names of its own: the host's is in this process too."""
    path = str(library_path())
    llvm.load_library_permanently(path)
    library = ctypes.CDLL(path)
    for name in RUNTIME:
        private = name.replace("rung_", "rung_npu_")
        llvm.add_symbol(private, ctypes.cast(getattr(library, private), ctypes.c_void_p).value or 0)


def _split_edges(text: str) -> tuple[str, dict[tuple[str, str], tuple[str, str]]]:
    """Put a block on every edge that needs its own counter: the text, and (function, new block) -> (from, to)."""
    module = llvm.parse_assembly(text)
    builder = llvm.create_pass_builder(None, llvm.create_pipeline_tuning_options())
    manager = llvm.create_new_function_pass_manager()
    manager.add_break_critical_edges_pass()
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, builder)
    split = str(module)
    before, between = functions(text), dict[tuple[str, str], tuple[str, str]]()
    for name, blocks in functions(split).items():
        sources = {target: source for source, target in edges(blocks) if target not in before[name]}
        for block, source in sources.items():
            between[name, block] = source, targets(blocks[block])[0]
    return split, between


def _instrument(text: str, between: dict[tuple[str, str], tuple[str, str]]) -> tuple[str, Counters, tuple[Site, ...]]:
    """before: `b3:` ... `call void @rung_dma_start(ptr %d, ...)`
    after: `b3:` counter += 1 ... `call void @rung_npu_dma_start(i32 7, ptr %d, ...)`

    `contract` goes: whether a CPU multiplies and adds in one instruction must not show in the values.
    """
    lines: list[str] = []
    sites: list[Site] = []
    blocks: dict[tuple[str, str], int] = {}
    split: dict[tuple[str, str, str], int] = {}
    copied = {name: position for position, name in enumerate(_LIBRARY)}
    count, temporaries = len(_LIBRARY), 0

    def add(counter: int, amount: str) -> None:
        nonlocal temporaries
        address = f"getelementptr inbounds (i64, ptr @{_COUNTERS}, i64 {counter})"
        old, new = f"%rung.c{temporaries}", f"%rung.d{temporaries}"
        lines.append(f"  {old} = load i64, ptr {address}, align 8")
        lines.append(f"  {new} = add i64 {old}, {amount}")
        lines.append(f"  store i64 {new}, ptr {address}, align 8")
        temporaries += 1

    function = block = ""
    entered = True
    for line in text.splitlines():
        if line.startswith(("target ", "source_filename")):
            continue
        name = function_name(line)
        function = name or function
        head = label(line) if name is None else None
        if head is not None:
            block, entered = head, False
        elif not entered and line.strip() and " = phi " not in line:
            edge = between.get((function, block))
            if edge is None:
                counter = blocks[function, block] = count
            else:
                # A `switch` may have several edges from one block to another; they count as one.
                counter = split.setdefault((function, *edge), count)
            add(counter, "1")
            count += counter == count
            entered = True
        copy = _COPY.search(line) if "@llvm.mem" in line else None
        if copy is not None:
            kind, size = copy["arguments"].split(", ")[2].rsplit(" ", 1)
            if kind.split()[0] == "i32" and size.startswith("%"):
                lines.append(f"  %rung.s{temporaries} = zext i32 {size} to i64")
                size = f"%rung.s{temporaries}"
            add(copied[copy[1]], size)
        if "@rung_" in line:
            line = _rename_runtime(line, function, block, sites)
        lines.append(line.replace(" contract ", " "))
    lines.append(f"@{_COUNTERS} = global [{count} x i64] zeroinitializer, align 8")
    return "\n".join(lines), Counters(blocks, split, copied, count, _forwards(text)), tuple(sites)


def _forwards(text: str) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for name, blocks in functions(text).items():
        for block, lines in blocks.items():
            after = targets(lines)
            if len(after) == 1 and all(" = phi " in line for line in lines[:-1]):
                found[name, block] = after[0]
    return found


def _successors(text: str) -> dict[tuple[str, str], tuple[str, ...]]:
    return {
        (name, block): tuple(dict.fromkeys(targets(lines)))
        for name, blocks in functions(text).items()
        for block, lines in blocks.items()
    }


def _rename_runtime(line: str, function: str, block: str, sites: list[Site]) -> str:
    """Private names; transfers say where in the code they are."""

    def rename(found: re.Match[str]) -> str:
        name = found[1].replace("rung_", "rung_npu_")
        if found[1] not in RUNTIME:
            return found[0]
        if "_dma_" not in name:
            return f"@{name}("
        if line.startswith("declare"):
            return f"@{name}(i32, "
        sites.append(Site(function, block, found[1].removeprefix("rung_")))
        return f"@{name}(i32 {len(sites) - 1}, "

    return _CALL.sub(rename, line)
