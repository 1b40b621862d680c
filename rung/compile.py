"""Source + Machine + Schedule -> Executable: what everything above the compiler calls."""

from __future__ import annotations

import io
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from torch_mlir import ir

from . import knobs
from .errors import ContractError, PassError, UsageError
from .ir.context import compiler_context
from .ir.contracts import check_stage
from .ir.evidence import decisions
from .ir.promotion import assumed
from .ir.symbols import entry_point
from .machine import Machine
from .optimize import write_asked_for, write_reproducer
from .passes import Observer, Pass, Pipeline, Stage
from .pipelines import pipeline
from .runtime import _native
from .sanitizer import Sanitizer, sanitized
from .schedule import Schedule
from .targets import loaded
from .targets.host import llvm_ir, object_code
from .targets.loaded import Loaded
from .targets.stages import AllStages

if TYPE_CHECKING:
    from .evidence import Evidence
    from .targets.npu.executable import NpuExecutable


_FRAMES = 50_000


@dataclass(frozen=True)
class Compiled:
    """A kernel at stage `llvm`, in a form that can be stored.

    binary: MLIR bytecode of the stage. stages: text by name. metadata: JSON-serialisable facts for whoever launches.
    """

    binary: bytes
    stages: Stages
    metadata: dict[str, Any]


@dataclass
class Executable:
    """A kernel compiled for the host."""

    name: str
    kinds: str
    """One letter per argument, as `rung.runtime._native.Launcher` reads them."""
    compiled: Compiled
    loaded: Loaded = field(repr=False)
    machine: Machine
    _stages: AllStages | None = field(default=None, init=False, repr=False)
    _evidence: Evidence | None = field(default=None, init=False, repr=False)
    _careful: Loaded | None = field(default=None, init=False, repr=False)

    @property
    def metadata(self) -> dict[str, Any]:
        return self.compiled.metadata

    @property
    def stages(self) -> Mapping[str, str]:
        """Text of every stage; those below `llvm` are made when asked for."""
        if self._stages is None:
            self._stages = AllStages(self.compiled.stages, {"llvm-ir": self._llvm_ir, "asm": self._assembly})
        return self._stages

    def _llvm_ir(self) -> str:
        context, lock = compiler_context()
        with lock:
            return llvm_ir(ir.Module.parse(self.compiled.binary, context))

    def _assembly(self) -> str:
        from .targets.evidence import disassemble

        text = disassemble(self.object_code())
        if text is None:
            raise UsageError("assembly is shown by objdump, which is not installed; install binutils")
        return text

    def object_code(self) -> bytes:
        """The object file."""
        return self.loaded.object_code

    @property
    def evidence(self) -> Evidence:
        """What the compiler did: decisions read back from the IR, instructions counted in the object code."""
        if self._evidence is None:
            from .evidence import Evidence
            from .targets.evidence import host_code

            code = host_code(self.object_code(), self.machine.isa)
            self._evidence = Evidence.of(self.metadata["decisions"], self.stages["llvm"], code)
        return self._evidence

    def bind(self, args: Sequence[Any], grid: tuple[int, int, int]) -> _native.Bound:
        """Pack a grid and arguments (tensors, arrays, numbers; no constexprs) for repeated launches."""
        if len(args) != len(self.kinds):
            raise UsageError(f"kernel `{self.name}` takes {len(self.kinds)} arguments, not {len(args)}")
        otherwise = partial(self._bind_careful, tuple(args), grid)
        return _native.bind(self.loaded.address, self.kinds, tuple(args), grid, (), otherwise)

    def _bind_careful(self, args: tuple[Any, ...], grid: tuple[int, int, int]) -> _native.Bound:
        """For launches that the kernel is not right for, because numbers overflow; compiled when it is first needed."""
        if self._careful is None:
            settings = {name: self.metadata[name] for name in ("fuse", "cooperative")}
            schedule = Schedule.parse(self.metadata["schedule"])
            text = self.stages["ttir"]
            watches = Sanitizer.parse(self.metadata.get("sanitizer", ""))
            self._careful = load(
                compile_ttir(text, machine=self.machine, schedule=schedule, fits=False, sanitizer=watches, **settings)
            )
        return _native.bind(self._careful.address, self.kinds, args, grid)

    def run(self, args: Sequence[Any], grid: tuple[int, int, int]) -> None:
        """Launch once and wait. Raises a SanitizerError where a kernel that was compiled with checks has a fault."""
        bound = self.bind(args, grid)
        if "sites" not in self.metadata:
            bound()
            return
        from .runtime.sanitized import Watched

        watched = Watched.of(self.metadata)
        with watched.launch(dict(zip(watched.arguments, args, strict=True)), grid):
            bound()


AnyExecutable: TypeAlias = "Executable | NpuExecutable"
"""What a machine's kind makes of a kernel: both have one surface."""


def compile_kernel(
    kernel: Any,
    signature: Mapping[str, Any],
    constexprs: Mapping[Any, object],
    *,
    machine: Machine,
    schedule: Schedule,
    attrs: Mapping[tuple[int, ...], list[list[object]]] | None = None,
    options: Any = None,
    distinct: bool = True,
    sanitizer: Sanitizer | None = None,
    observers: Sequence[Observer] = (),
) -> AnyExecutable:
    """Compile a `@triton.jit` function for the host, or for a modelled device.

    signature: Triton's type of every argument by name (`*fp32`, `i32`, `constexpr`); constexprs: their values.
    distinct: as for `compile_ttir`.
    sanitizer: `Executable.run` watches all accesses to memory.
    Raises UnsupportedError, naming the operation and its line, for what rung does not compile.
    """
    compiled = lower_kernel(
        kernel,
        signature,
        constexprs,
        machine=machine,
        schedule=schedule,
        attrs=attrs,
        options=options,
        distinct=distinct,
        sanitizer=sanitizer,
        observers=observers,
    )
    return generate_code(compiled, machine, [name for name in signature if name not in constexprs])


def lower_kernel(
    kernel: Any,
    signature: Mapping[str, Any],
    constexprs: Mapping[Any, object],
    *,
    machine: Machine,
    schedule: Schedule,
    attrs: Mapping[tuple[int, ...], list[list[object]]] | None = None,
    options: Any = None,
    distinct: bool = True,
    sanitizer: Sanitizer | None = None,
    observers: Sequence[Observer] = (),
) -> Compiled:
    """The first part of `compile_kernel`: down to stage `llvm`, with all stages before it and no machine code."""
    from triton.compiler.errors import CompilationError

    from .frontends.triton.capture import make_ttir
    from .frontends.triton.options import Options, asserts
    from .frontends.triton.refusal import refusal

    settings = options if isinstance(options, Options) else Options.of({"debug": asserts(kernel), **(options or {})})
    try:
        ttir = make_ttir(kernel, signature, constexprs, attrs, settings, watched=sanitizer is not None)
    except CompilationError as error:
        found = refusal(kernel, error, constexprs)
        why = "" if found.constant else " with this signature"
        raise UsageError(f"Triton refuses kernel `{kernel.__name__}`{why}: {found.words}") from error
    cooperative = settings.launch_cooperative_grid
    return compile_ttir(
        ttir,
        machine=machine,
        schedule=schedule,
        distinct=distinct,
        fuse=settings.enable_fp_fusion,
        cooperative=cooperative,
        sanitizer=sanitizer,
        observers=observers,
    )


def generate_code(compiled: Compiled, machine: Machine, parameters: Sequence[str] = ()) -> AnyExecutable:
    """The second part of `compile_kernel`: machine code of what was compiled for `machine`.

    parameters: names of the arguments, for messages.
    """
    name, kinds = compiled.metadata["name"], compiled.metadata["kinds"]
    if machine.kind == "npu":
        from .targets.npu.executable import NpuExecutable, build

        context, lock = compiler_context()
        with lock:
            module = ir.Module.parse(compiled.binary, context)
            text, entry = llvm_ir(module), entry_point(module)
        program = build(text, name, machine, entry)
        return NpuExecutable(name, kinds, compiled.metadata, machine, program, tuple(parameters), compiled.stages)
    return Executable(name, kinds, compiled, load(compiled), machine)


@contextmanager
def _long_chains() -> Generator[None, None, None]:
    """Expressions are pulled operand by operand, a few frames of Python each: a kernel may have thousands in a row.

    To be entered by one thread at a time: the limit is the process's.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def compile_ttir(
    ttir: Any,
    *,
    machine: Machine,
    schedule: Schedule,
    distinct: bool = True,
    fuse: bool = True,
    cooperative: bool = False,
    fits: bool = True,
    sanitizer: Sanitizer | None = None,
    observers: Sequence[Observer] = (),
) -> Compiled:
    """Compile a Triton module (or TTIR text) down to stage `llvm`.

    distinct: different pointer arguments are different memory, or accessed element for element (docs/triton.md).
    fuse: multiplies and adds may be contracted.
    cooperative: programs expect one another to run at the same time (`launch_cooperative_grid`).
    fits: integers that blocks compute do not overflow; the kernel refuses launches in which they may.
    sanitizer: accesses to memory are checked, in programs one after another (ADR 14).
    Raises UsageError for a machine that has no code (`plans_only`).
    """
    machine.check_code()
    if sanitizer is not None:
        # Checks come between accesses that one nest would make, and arguments may be the same memory.
        schedule, distinct = sanitized(schedule), False
    context, lock = compiler_context()
    with lock, _long_chains():
        from .frontends.triton.capture import import_ttir
        from .frontends.triton.convert import convert

        recorder = _Recorder(str(ttir))
        converted = convert(
            import_ttir(ttir, context),
            distinct=distinct,
            fuse=fuse,
            cooperative=cooperative,
            fits=fits,
            sanitizer=sanitizer,
        )
        steps = pipeline(machine, schedule, knobs.debug_dma() and machine.kind == "host")
        _run(steps, converted.module, recorder, observers)
        if machine.kind == "npu":
            from .targets.npu.capacity import check_capacity

            check_capacity(converted.module, machine)
        metadata: dict[str, Any] = {
            "name": converted.name,
            "kinds": converted.kinds,
            "fits": converted.fits,
            "assumed": [list(pair) for pair in sorted({*converted.assumed, *recorder.assumed})],
            "schedule": str(schedule),
            "fuse": fuse,
            "cooperative": cooperative,
            "machine": machine.name,
            "decisions": recorder.decisions,
        }
        if sanitizer is not None:
            metadata["sanitizer"], metadata["arguments"] = str(sanitizer), list(converted.arguments)
            metadata["sites"] = [site.to_json() for site in converted.sites]
        buffer = io.BytesIO()
        converted.module.operation.write_bytecode(buffer)
        return Compiled(buffer.getvalue(), recorder.stages, metadata)


def _run(steps: Pipeline, module: ir.Module, recorder: _Recorder, observers: Sequence[Observer]) -> None:
    source = module.operation.clone()  # which takes a tenth of the time of printing
    if path := knobs.reproducer_path():
        write_asked_for(path, str(source), steps)
    if knobs.verify():
        observers = (*observers, _verify)
    try:
        steps.run(module, (recorder, *observers))
    except PassError as error:
        raise PassError(error.pass_name, error.reason, write_reproducer(str(source), steps)) from error


def _verify(event: str, step: Pass | Stage, module: ir.Module) -> None:
    """`RUNG_VERIFY=1`: MLIR's own verifier after every pass, and the contract of every stage."""
    if isinstance(step, Stage):
        check_stage(step.name, module)
    if event == "after" and not module.operation.verify():
        raise ContractError(f"the module is not valid after `{step}`")


class _Recorder:
    """Observer that keeps the stages, prints those that RUNG_DUMP names, and reads the passes' decisions back."""

    def __init__(self, ttir: str) -> None:
        self.stages = Stages(ttir)
        self.decisions: dict[str, Any] = {}
        self.assumed: set[tuple[int, int]] = set()
        """Pairs of arguments that passes took to be different memory."""
        self._dump = knobs.dump()
        self._print("ttir")

    def __call__(self, event: str, step: Pass | Stage, module: ir.Module) -> None:
        if event != "stage" or not isinstance(step, Stage):
            return
        self.stages.keep(step.name, module)
        if step.name == "vector":
            self.decisions = decisions(module)
            self.assumed = assumed(module)
        self._print(step.name)

    def _print(self, name: str) -> None:
        if name in self._dump:
            print(f"// rung: stage `{name}`\n{self.stages[name]}", file=sys.stderr)


class Stages(Mapping[str, str]):
    """Text by stage name. Modules are copied as they pass and printed when asked for, which takes ten times as long."""

    def __init__(self, ttir: str) -> None:
        self._texts = {"ttir": ttir}
        self._modules: dict[str, ir.Operation] = {}

    def keep(self, name: str, module: ir.Module) -> None:
        self._modules[name] = module.operation.clone()

    def __getitem__(self, name: str) -> str:
        if name not in self._texts:
            with compiler_context()[1]:
                # Every pass verifies what it leaves.
                self._texts[name] = str(self._modules[name].get_asm(assume_verified=True))
        return self._texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(("ttir", *self._modules))

    def __len__(self) -> int:
        return 1 + len(self._modules)


def host_object(compiled: Compiled) -> bytes:
    """The object code of what was compiled for the host: the end of compiling, which may be stored."""
    context, lock = compiler_context()
    with lock:
        return object_code(ir.Module.parse(compiled.binary, context), line_info=not knobs.disable_line_info())


def load(compiled: Compiled) -> Loaded:
    """What was compiled for the host as machine code of this process."""
    return loaded.load(host_object(compiled), compiled.metadata["name"])
