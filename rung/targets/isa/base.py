"""Isa: what the compiler knows about an instruction set. One object a file; `__init__.py` registers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ...errors import RungError
from .core import PLAIN, Core
from .instructions import Instructions
from .packets import Block

FOR_OTHER_INDEX = ("expand-masks", "expand-slices")
"""Legalisations of every ISA whose `index_bits` is not 64: what the conversion to such an index does not know."""


class VectorUnit(NamedTuple):
    """Of the CPU that runs us: the fields of a Machine that say what its vector code may be."""

    vector_bytes: int
    """Of one register."""
    vector_registers: int
    masked_memory: bool
    """Masked vector loads and stores are one instruction."""
    features: tuple[str, ...]
    """Extensions that the passes may rely on, as they call them: fma, avx512 ..."""


class Wrong(NamedTuple):
    """What is wrong with a Machine of this ISA."""

    field: str
    reason: str


@dataclass(frozen=True)
class Intrinsic:
    """An instruction, asked for by LLVM's name, that adds products of narrow elements, side by side in words, to each
    32-bit lane."""

    vector_bytes: int
    """Of its operands; other widths do without it."""
    definition: Callable[[str], str] | None = None
    """LLVM IR of a function of the given name that computes what the instruction does, for a host that runs a modelled
    device's code."""
    element: Literal["i8", "i16", "bf16"] = "i8"
    """MLIR's name of the factors. Sums are f32 for floats and i32, which wraps, for integers."""
    operand: str = "i32"
    """MLIR's name of the elements of LLVM's own operands."""
    accumulates: bool = True
    """(acc, a, b) -> acc + products; otherwise (a, b) -> products."""
    bias: int = 0
    """The first factors are unsigned: signed ones come with so much added."""
    flags: frozenset[str] = frozenset()
    """Extensions that a CPU needs for it, as its system names them."""

    @property
    def sums(self) -> Literal["i32", "f32"]:
        return "f32" if self.element == "bf16" else "i32"

    @property
    def products(self) -> int:
        """Added to each lane."""
        return 32 // int(self.element.lstrip("bfi"))


@dataclass(frozen=True)
class Switches:
    """Command-line switches of LLVM's code generator. They are the process's: an ISA's must do no harm to another's."""

    always: tuple[str, ...] = ()
    literal: tuple[str, ...] = ()
    """Also where the blocks of machine code could not be told from those of the IR."""
    rescue: tuple[str, ...] = ()
    """Also at a second attempt, where LLVM fails at the first."""


@dataclass(frozen=True)
class Device:
    """How a modelled device of the ISA is compiled for, and its code read."""

    intrinsic_prefix: str
    """How LLVM's names of its own instructions begin."""
    least_vector_bytes: int
    """LLVM takes narrower vectors apart, or aborts on some."""
    check: Callable[[str, Sequence[str]], Wrong | None]
    """(cpu, features) that LLVM would ignore, or abort on, without a word."""
    read_assembly: Callable[[str], Mapping[str, Sequence[Block]]]
    """Assembly as LLVM prints it -> the blocks of every function, in the order of the code, with their edges."""
    switches: Switches = Switches()


@dataclass(frozen=True)
class Target:
    """Processors that objects are made for ahead of time, where no Machine file says more."""

    name: str
    """As `rung build --target` takes it."""
    cpu: str
    """LLVM's name of the least of them."""
    flags: frozenset[str] = frozenset()
    """Extensions that they all have, as systems name them: they say what the vector unit is."""
    llvm_features: tuple[str, ...] = ()
    """That `cpu` does not imply."""
    options: Mapping[str, Target] = field(default_factory=dict[str, "Target"])
    """By what follows the name and a `+`: the same processors with an extension more."""
    compilers: tuple[str, ...] = ()
    """C compilers for them, by the beginnings of the names of their tools (`aarch64-linux-gnu-`)."""
    package: str = ""
    """Debian's, which has such a compiler."""
    emulator: str = ""
    """Of qemu-user; empty where none runs the code."""
    emulated_cpu: str = ""
    """For the emulator's `-cpu`; empty: its own choice."""
    vectors: bool = True
    """They have a vector unit; without one, Vec is out of the question."""


@dataclass(frozen=True)
class Isa:
    """An instruction set. The defaults are those of one that no file describes: 64-bit addresses and a back end of
    LLVM's that takes whatever the `llvm` dialect can say."""

    name: str
    """LLVM's name of the architecture; a Machine names its ISA by it, in `arch`."""
    other_names: tuple[str, ...] = ()
    """Operating systems' names of it."""
    triple: str = ""
    """LLVM's: architecture, vendor, system, C library. LLVM has the data layout that belongs to it."""
    index_bits: Literal[32, 64] = 64
    """Width of an address, and of MLIR's `index`."""
    full_vector_bytes: int = 32
    """A CPU whose vector registers have fewer misses much of what Vec is worth; `rung doctor` says so."""
    vector_unit: Callable[[frozenset[str]], VectorUnit] = lambda _: VectorUnit(16, 16, False, ())
    """The vector unit of a CPU, from the extensions that its system names (`flags` of /proc/cpuinfo)."""
    legalisations: tuple[str, ...] = ()
    """Names of the passes before `to-llvm` that its back end needs, in their order; `rung.pipelines` runs them."""
    llvm_legalisations: tuple[str, ...] = ()
    """The same behind `to-llvm`, on the `llvm` dialect."""
    instructions: Instructions | None = None
    """How instructions are told apart in a disassembly; None: they are not counted."""
    intrinsics: Mapping[str, Intrinsic] = field(default_factory=dict[str, Intrinsic])
    """By LLVM's name."""
    store_fence: str = ""
    """LLVM's intrinsic behind which no store past the caches is still on its way; empty: there are no such stores."""
    core: Core = PLAIN
    """What a context does in a cycle, where a Machine does not say."""
    device: Device | None = None
    """None: no device of this ISA is modelled."""
    targets: tuple[Target, ...] = ()
    """What `rung build` makes objects for."""
    words_of_passes: frozenset[str] = frozenset()
    """Features that the passes know and LLVM does not."""

    def dot(self, sums: Literal["i32", "f32"], vector_bytes: int, flags: frozenset[str]) -> str:
        """LLVM's name of the instruction with most products for a CPU with such extensions; empty: it has none."""
        usable = [
            name
            for name, known in self.intrinsics.items()
            if known.vector_bytes == vector_bytes and known.flags <= flags and known.sums == sums
        ]
        return max(usable, key=lambda name: self.intrinsics[name].products, default="")

    @property
    def modelled(self) -> Device:
        """`device` of an ISA that has one: of every machine of kind `npu`."""
        if self.device is None:
            raise RungError(f"no device with the instruction set `{self.name}` is modelled")
        return self.device
