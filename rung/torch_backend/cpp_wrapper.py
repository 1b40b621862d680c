"""Graphs in C++ around rung's kernels: for `cpp_wrapper=True`, and for models that are compiled ahead of time.

What Inductor writes by itself for Triton kernels on CPUs loads two libraries for each, launches one program, and cannot
be told of a failure. Here a kernel is an image in the C++ source (images.py), and `launch.h` launches it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sympy  # pyright: ignore[reportMissingTypeStubs]
import torch
from torch._inductor import config
from torch._inductor.codegen.cpp_utils import DTYPE_TO_CPP
from torch._inductor.codegen.cpp_wrapper_cpu import CppWrapperCpu, DeferredCpuTritonCallWrapper
from torch._inductor.custom_graph_pass import CustomGraphPass
from torch._inductor.runtime import triton_heuristics
from torch._inductor.virtualized import V

from .. import runtime
from ..errors import UnsupportedError
from ..triton_backend.arguments import Arguments
from .images import image

_KEPT = "from torch._inductor.virtualized import V; V.graph.wrapper_code.keep_kernels(globals())"
_LAUNCH_H = Path(__file__).with_name("launch.h")
_INTEGERS = dict(zip("cswiCSWu", [f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)], strict=True))
_REALS = {"f": "float", "d": "double"}


class SaveNoKernels(CustomGraphPass):
    """Inductor saves kernels that C++ is to launch in files of a kind that Triton's back ends for CPUs do not have.

    Before lowering, where templates run to see how fast they are, it is told not to. Its configuration says otherwise
    behind all patches; and again when the graph's kernels are written (CppWrapper), which have to be found again.
    """

    def __call__(self, graph: Any) -> None:
        config.triton.store_cubin = False

    def uuid(self) -> object:
        return type(self).__name__


class CppWrapper(CppWrapperCpu):
    """One graph. Its kernels are compiled, and one of their configurations chosen, before the source is written."""

    def __init__(self) -> None:
        config.triton.store_cubin = True
        super().__init__()
        self.needs_vec_isa = False  # what is vectors is in the kernels
        self._tuners = dict[str, triton_heuristics.CachingAutotuner]()
        self._runtime: str | None = None

    @staticmethod
    def create(
        is_subgraph: bool, subgraph_name: str | None, parent_wrapper: Any, partition_signatures: Any = None
    ) -> CppWrapper:
        return CppWrapper()

    def generate_and_run_autotune_block(self) -> None:
        calls = self.kernel_autotune_calls.getvalue()
        self.kernel_autotune_calls.clear()
        self.kernel_autotune_calls.splice(f"{_KEPT}\n{calls}")
        super().generate_and_run_autotune_block()

    def keep_kernels(self, names: dict[str, Any]) -> None:
        """Called by the block that has compiled them, with its variables."""
        for name, kernel in names.items():
            if isinstance(kernel, triton_heuristics.CachingAutotuner):
                kernel.cpu_kernel_saved = True
                self._tuners[name] = kernel

    def tuner(self, kernel: str) -> triton_heuristics.CachingAutotuner:
        if kernel not in self._tuners:
            raise UnsupportedError(f"kernel `{kernel}`, which Inductor did not compile before it wrote the C++,")
        return self._tuners[kernel]

    def runtime_file(self) -> str:
        """Of the library that has the runtime: this process's own, or a copy that goes with the model."""
        if self._runtime is None:
            if not V.graph.aot_mode:
                self._runtime = str(runtime.library_path())
            else:
                from torch._inductor.codecache import split_aot_inductor_output_path, write

                directory = split_aot_inductor_output_path(config.aot_inductor.output_path)[0]
                # Not `.so`: of these, a package has one.
                _, self._runtime = write(
                    runtime.alone_path().read_bytes(), "rung", hash_type="code", specified_dir=directory
                )
                self.additional_files = [*self.additional_files, self._runtime]  # pyright: ignore[reportUnknownMemberType]
        return self._runtime

    def _generate_kernel_call_helper(self, kernel_name: str, call_args: Any, **keywords: Any) -> None:
        theirs: Any = super()
        theirs._generate_kernel_call_helper(kernel_name, call_args, **keywords)
        call = self._cpu_triton_call_wrappers.get(f"call_{kernel_name}")
        if call is not None and not isinstance(call, _Call):
            self._cpu_triton_call_wrappers[call.wrapper_name] = _Call(call.wrapper_name, kernel_name, call.arg_types)

    def write_header(self) -> None:
        super().write_header()
        if not V.graph.is_const_graph:  # whose source is a part of the model's
            self.header.splice(_LAUNCH_H.read_text())


class _Call(DeferredCpuTritonCallWrapper):
    """The function that launches a kernel. It is written last, when the kernels are compiled."""

    def generate(self, wrapper: CppWrapperCpu) -> None:
        assert isinstance(wrapper, CppWrapper)
        tuner: Any = wrapper.tuner(self.kernel_name)
        launcher: Any = tuner.launchers[0]
        signature: dict[str, Any] = launcher.bin.src.signature
        kinds = dict(zip(signature, Arguments.of(signature).kinds, strict=True))
        given = list(launcher.def_args)
        given += [name for name in tuner.inductor_meta.get("extra_launcher_args", ()) if name not in given]
        assert len(given) == len(self.arg_types), (self.kernel_name, given, self.arg_types)
        elements = {name: _element(kind) for name, kind in zip(given, self.arg_types, strict=True)}
        slots = [_slot(name, kind, elements.get(name)) for name, kind in kinds.items() if kind != "-"]
        theirs: Any = triton_heuristics
        configuration = theirs.config_to_dict(launcher.config)
        grid = theirs.GridExpr.from_meta(tuner.inductor_meta, configuration, mode="cpp")
        out, name = wrapper.prefix, self.kernel_name
        out.splice(
            f"alignas(8) static const char {name}_image[] = {_literal(image(launcher.bin))};\n"
            f"static const rung::Kernel& {name}_kernel(const std::optional<std::string>& directory) {{\n"
            f'  static const rung::Kernel kernel("{name}", {name}_image, '
            f'rung::Runtime::of("{wrapper.runtime_file()}", directory));\n'
            "  return kernel;\n"
            "}"
        )
        parameters = [_parameter(n, *each) for n, each in enumerate(zip(given, self.arg_types, strict=True))]
        types = [f"class T{n}" for n, kind in enumerate(self.arg_types) if _element(kind)]
        if V.graph.aot_mode:
            parameters.append("const Kernels&")
            types.append("class Kernels")
        if types:
            out.writeline(f"template <{', '.join(types)}>")
        parameters.append("const std::optional<std::string>& directory = std::nullopt")
        out.writeline(f"static __attribute__((noinline)) void {self.wrapper_name}({', '.join(parameters)}) {{")
        with out.indent():
            for line in grid.prefix:
                out.writeline(line)
            slots += [f"static_cast<int64_t>({size})" for size in (grid.x_grid, grid.y_grid, grid.z_grid)]
            out.writeline(f"const int64_t slots[] = {{{', '.join(slots)}}};")
            out.writeline(f"{name}_kernel(directory).launch(slots);")
        out.writeline("}")


def _element(kind: Any) -> torch.dtype | None:
    """Of a tensor; None where Inductor gives a number."""
    return kind if isinstance(kind, torch.dtype) else getattr(kind, "dtype", None)


def _parameter(number: int, name: str, kind: Any) -> str:
    """kind: the type of tensors, or Python's type of what Inductor gives."""
    if _element(kind):
        return f"const T{number}& {name}"
    return f"{'double' if issubclass(kind, float | sympy.Float) else 'int64_t'} {name}"


def _slot(name: str, kind: str, element: torch.dtype | None) -> str:
    """kind: what the kernel takes. A number may be in a tensor of that one."""
    if kind == "P":
        return f"rung::pointer({name})"
    if element is not None:
        name = f"*static_cast<const {DTYPE_TO_CPP[element]}*>({name}.data_ptr())"
    if kind in _REALS:
        return f"rung::real<{_REALS[kind]}>({name})"
    if kind == "1":
        return f"static_cast<int64_t>({name} != 0)"
    if kind in _INTEGERS:
        return f"rung::integer<{_INTEGERS[kind]}>({name})"
    raise UnsupportedError(f"argument `{name}` of a kernel that C++ launches, a number of 16 bits,")


_CHARACTERS = [chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\{byte:03o}" for byte in range(256)]


def _literal(content: bytes) -> str:
    """In C++."""
    return '"' + "".join(map(_CHARACTERS.__getitem__, content)) + '"'
