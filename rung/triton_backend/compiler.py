"""Triton's view of the compiler: options, stages, and the key of its disk cache."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from triton.backends.compiler import BaseBackend, GPUTarget

from .. import knobs
from ..errors import UsageError
from ..forks import COMPILER
from ..frontends.triton.options import Options
from .fingerprint import fingerprint

if TYPE_CHECKING:
    from ..compile import Compiled

Stage = Callable[[Any, dict[str, Any]], Any]
_TO_LAUNCH = (
    "rung.targets.loaded",
    "rung.triton_backend.careful",
    "rung.triton_backend.arguments",
    "rung.triton_backend.cache",
    "rung.triton_backend.dispatch",
)
"""Modules that the first launch of a stored kernel imports: neither MLIR nor the compiler."""
_TO_COMPILE = (
    "rung.compile",
    "rung.frontends.triton.capture",
    "rung.frontends.triton.convert",
    "rung.frontends.triton.loop_visits",
    "triton.compiler.code_generator",
)


@cache
def _import_all(modules: tuple[str, ...]) -> None:
    """At once and under the compiler's lock, for which a fork waits: a copy of this process would wait for ever for the
    thread that was importing a module.

    What modules make stays, and there is a lot of it: Python would look through all objects of the process for garbage
    on the way, which takes a tenth of a second where torch is loaded.
    """
    with COMPILER, _no_collection():
        for module in modules:
            import_module(module)


@contextmanager
def _no_collection() -> Generator[None]:
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@cache
def _look_at_an_argument() -> None:
    """For which Triton imports what it looks with."""
    from triton.runtime.jit import mangle_type

    mangle_type(0)


def _dialect() -> str:
    """The compiler whose programs this process runs, besides Triton's own (`rung profile --as`)."""
    if knobs.profile() is None:
        return ""
    from .profile.session import current

    found = current()
    return "" if found is None else found.dialect


class CpuBackend(BaseBackend):
    """Compiles TTIR with rung. The stages in `kernel.asm`: ttir, linalg, llvm, and `rung`, the object code."""

    binary_ext = "rung"

    def __init__(self, target: GPUTarget) -> None:
        super().__init__(target)
        _import_all(_TO_LAUNCH)
        with COMPILER:
            _look_at_an_argument()
        from .cache import check_entries

        check_entries()
        if _dialect() == "hexagon-mlir":
            from .hexagon_mlir.stand_in import name_sigmoid

            name_sigmoid()

    @staticmethod
    def supports_target(target: GPUTarget) -> bool:
        return target.backend == "cpu"

    def hash(self) -> str:
        return fingerprint()

    def get_target_name(self, options: Options) -> str:
        return "cpu"

    def parse_options(self, options: Mapping[str, Any]) -> Options:
        if _dialect() == "hexagon-mlir":
            from .hexagon_mlir import keywords
            from .profile.recorder import recorder

            if (found := recorder()) is not None:
                for name in keywords.without_effect(options):
                    found.log.unheeded(name)
            return keywords.options(options)
        return Options.of(options)

    def pack_metadata(self, metadata: Any) -> None:
        """The launcher needs no metadata: what it must know, it is constructed with."""

    def load_dialects(self, context: Any) -> None:
        pass

    def get_codegen_implementation(self, options: Options) -> dict[str, Callable[..., Any]]:
        from ..frontends.triton.capture import codegen_functions

        return codegen_functions()

    def get_module_map(self) -> dict[str, ModuleType]:
        from ..frontends.triton.capture import module_map

        known = module_map()
        if _dialect() == "hexagon-mlir":
            from .hexagon_mlir import libdevice

            return dict.fromkeys(known, libdevice)
        return known

    def add_stages(self, stages: dict[str, Stage], options: Any, language: object = None) -> None:
        from triton import knobs as triton_knobs

        if triton_knobs.compilation.store_binary_only:
            raise UsageError("TRITON_STORE_BINARY_ONLY leaves out what rung loads of a compiled kernel; unset it")
        _import_all(_TO_COMPILE)
        compilation = _Compilation(options)
        stages["ttir"] = compilation.ttir
        stages["linalg"] = compilation.linalg
        stages["llvm"] = compilation.llvm
        stages[self.binary_ext] = compilation.binary
        if (inspect := triton_knobs.runtime.add_stages_inspection_hook) is not None:
            inspect(self, stages, options, language, None)


class _Compilation:
    """One kernel on its way through the stages. Triton asks for them one by one, rung makes them at once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._made: Any = None
        self._compiled: Compiled | None = None

    def ttir(self, module: Any, metadata: dict[str, Any]) -> Any:
        from ..frontends.triton.capture import run_ttir_passes
        from ..sanitizer import Sanitizer

        self._made = run_ttir_passes(module, watched=Sanitizer.parse(self._options.sanitize) is not None)
        return self._made

    def linalg(self, ttir: Any, metadata: dict[str, Any]) -> str:
        from .. import machine
        from ..compile import compile_ttir
        from ..sanitizer import Sanitizer
        from ..schedule import Schedule

        if ttir is not self._made:  # a file's, which may be as the code generator writes it
            ttir = self.ttir(ttir, metadata)
        text = str(ttir)  # before `compile_ttir`, after which it prints in the generic form
        schedule = Schedule.parse(self._options.schedule)
        fuse = self._options.enable_fp_fusion
        compiled = compile_ttir(
            ttir,
            machine=machine.host(),
            schedule=schedule,
            fuse=fuse,
            cooperative=self._options.launch_cooperative_grid,
            sanitizer=Sanitizer.parse(self._options.sanitize),
        )
        metadata["name"] = compiled.metadata["name"]
        metadata["shared"] = 0
        metadata["rung"] = dict(compiled.metadata)
        if compiled.metadata["assumed"] or compiled.metadata["fits"] or knobs.profile() is not None:
            metadata["rung"]["ttir"] = text
        self._compiled = compiled
        return compiled.stages["linalg"]

    def llvm(self, linalg: str, metadata: dict[str, Any]) -> str:
        assert self._compiled is not None
        return self._compiled.stages["llvm"]

    def binary(self, llvm: str, metadata: dict[str, Any]) -> bytes:
        from ..compile import host_object

        assert self._compiled is not None
        return host_object(self._compiled)
