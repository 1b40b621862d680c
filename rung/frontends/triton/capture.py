"""From a `@triton.jit` function to a `torch_mlir.ir.Module` that holds its TTIR, without a GPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from io import StringIO
from types import ModuleType
from typing import Any

from torch_mlir import ir
from triton._C.libtriton import ir as triton_ir
from triton._C.libtriton import passes
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from ...errors import ContractError, UsageError
from ...forks import COMPILER
from ...ir.context import make_context
from . import (
    block_pointers,
    bounded,
    fold_assertions,
    libdevice,
    packed_maps,
    scaled_dots,
    small_floats,
    stored_pointers,
)
from .custom_floats import convert_custom_types
from .descriptors import numbers_of_descriptors, tell
from .generic_text import generic_text, properties_to_attributes
from .options import Options

TARGET = GPUTarget("cpu", "cpu", 1)
"""What Triton calls the device. Nothing in TTIR depends on the CPU's kind; the Machine decides later."""
_FETCH_AGAIN = 7
"""The cache modifier `.cv`, by its number in TTIR."""


def codegen_functions() -> dict[str, Callable[..., Any]]:
    """What Triton's code generator asks a back end for, before it is made."""
    from .loop_visits import visit_loops_twice_at_most

    visit_loops_twice_at_most()

    def min_dot_size(lhs: Any, rhs: Any) -> tuple[int, int, int]:
        return 1, 1, 1

    return {"min_dot_size": min_dot_size, "convert_custom_types": convert_custom_types}


def module_map() -> dict[str, ModuleType]:
    """Language modules that the code generator replaces: every spelling of libdevice means ours."""
    return {
        "triton.language.extra.libdevice": libdevice,
        "triton.language.extra.cuda.libdevice": libdevice,
    }


def make_ttir(
    fn: Any,
    signature: Mapping[str, Any],
    constexprs: Mapping[Any, object],
    attrs: Mapping[tuple[int, ...], list[list[object]]] | None = None,
    options: Mapping[str, object] | Options | None = None,
    watched: bool = False,
) -> Any:
    """A Triton module with the TTIR of the JITFunction `fn`, after Triton's own passes.

    signature: type of every argument by name: `*fp32`, `i32`, ..., `constexpr`.
    constexprs: value of every `constexpr` argument.
    attrs: what is known of an argument, by position: `{(0,): [["tt.divisibility", 16]]}`.
    watched: the sanitizer is to be told what its passes do not keep.
    Raises Triton's `CompilationError` where the kernel is not valid Triton.
    """
    context = triton_ir.context()
    triton_ir.load_dialects(context)
    source = ASTSource(fn, signature=dict(signature), constexprs=dict(constexprs), attrs=dict(attrs or {}))
    settings = options if isinstance(options, Options) else Options.of(options or {})
    module = source.make_ir(TARGET, settings, codegen_functions(), module_map(), context)
    return run_ttir_passes(module, watched)


def run_ttir_passes(module: Any, watched: bool = False) -> Any:
    """Run Triton's target-independent passes on `module`, in place unless it carries block pointers in a way that they
    do not know. Returns the result.

    Calls are inlined; block pointers and tensor descriptors become plain pointer arithmetic.
    """
    _mark_volatile(module)
    if watched:
        bounded.mark_bounded(module, parse_ttir(module.str()))
    module = _carry_block_pointers(module)
    descriptors = numbers_of_descriptors(module)
    manager = triton_ir.pass_manager(module.context)
    passes.common.add_inliner(manager)
    passes.ttir.add_rewrite_tensor_pointer(manager)
    passes.ttir.add_rewrite_tensor_descriptor_to_pointer(manager)
    if descriptors.last_strides:
        _run(manager, module, "rewrite_descriptors")
        tell(module, descriptors)
        manager = triton_ir.pass_manager(module.context)
    passes.common.add_canonicalizer(manager)
    passes.ttir.add_combine(manager)
    passes.ttir.add_reorder_broadcast(manager)
    passes.common.add_cse(manager)
    passes.ttir.add_triton_licm(manager)
    passes.common.add_symbol_dce(manager)
    passes.ttir.add_loop_unroll(manager)
    passes.common.add_canonicalizer(manager)
    _run(manager, module, "make_ttir")
    return module


def _run(manager: Any, module: Any, what: str) -> None:
    """what: a part of the name of the file that Triton writes where `TRITON_REPRODUCER_PATH` is set."""
    with COMPILER:  # Triton lets other threads go on meanwhile, and they may fork
        manager.run(module, what)


def _mark_volatile(module: Any) -> None:
    """Loads with `cache_modifier=".cv"` (do not cache, fetch again), by which kernels wait, too, become volatile.

    Triton's passes make one of two that are not, and drop those that nobody uses.
    """
    true = triton_ir.builder(module.context).get_bool_attr(True)

    def visit(op: Any) -> None:
        if op.get_name() == "tt.load" and op.get_int_attr("cache") == _FETCH_AGAIN:
            op.get_result(0).set_attr("isVolatile", true)

    module.walk(visit)


def _carry_block_pointers(module: Any) -> Any:
    """The module, inlined, or one without block pointers in control flow that Triton's pass, which rewrites them, does
    not know. That is made by way of text, as it is MLIR's Python that can rewrite."""
    if not any(name == "tt.make_tensor_ptr" for name, _ in _operations(module)):
        return module
    manager = triton_ir.pass_manager(module.context)
    passes.common.add_inliner(manager)
    _run(manager, module, "inline")
    if not any(name in _BREAKS and _takes_block_pointer(op) for name, op in _operations(module)):
        return module
    rewritten = ir.Module.parse(properties_to_attributes(generic_text(module)), make_context())
    block_pointers.carry_parts(rewritten)
    text = StringIO()
    rewritten.operation.print(enable_debug_info=True, print_generic_op_form=True, file=text)
    return parse_ttir(text.getvalue())


_BREAKS = frozenset({"scf.while", "cf.br", "cf.cond_br", "tt.call", "tt.return"})


def _operations(module: Any) -> list[tuple[str, Any]]:
    """With their names."""
    found: list[tuple[str, Any]] = []

    def visit(op: Any) -> None:
        found.append((op.get_name(), op))

    module.walk(visit)
    return found


def _takes_block_pointer(op: Any) -> bool:
    return any(_is_block_pointer(op.get_operand(k)) for k in range(op.get_num_operands()))


def _is_block_pointer(value: Any) -> bool:
    return str(value.get_type()).startswith("!tt.ptr<tensor<")


_REWRITES: tuple[tuple[str, Callable[[ir.Module], None]], ...] = (
    (scaled_dots.MARK, scaled_dots.scaled_dots_to_dots),
    (packed_maps.MARK, packed_maps.unpack_maps),
    (fold_assertions.MARK, fold_assertions.assertions_behind_folds),
    (stored_pointers.MARK, stored_pointers.stored_pointers_to_integers),
    (small_floats.MARK, small_floats.small_floats_to_integers),
)
"""Of TTIR, so that fewer kinds of operation have to be converted, in this order; where the mark stands in the text."""


def import_ttir(ttir: Any, context: ir.Context) -> ir.Module:
    """TTIR in torch-mlir: `tt` operations are unregistered and opaque, all their properties are attributes.

    ttir: a Triton module (which prints in MLIR's generic form from then on), or text in either form.
    What `_REWRITES` says is done: one operation is what is left of several kinds.
    Locations are kept; `locations.source_line` reads them.
    """
    if isinstance(ttir, str):
        text = ttir if '"tt.func"' in ttir else generic_text(parse_ttir(ttir))
        error: type[Exception] = UsageError
    else:
        text, error = generic_text(ttir), ContractError
    try:
        module = ir.Module.parse(properties_to_attributes(text), context)
    except (ir.MLIRError, ValueError) as problem:
        raise error(f"cannot read the kernel's TTIR: {problem}") from problem
    for mark, rewrite in _REWRITES:
        if mark in text:
            rewrite(module)
    return module


def parse_ttir(text: str) -> Any:
    """A Triton module from TTIR text as Triton prints it. Raises UsageError if it is not valid."""
    context = triton_ir.context()
    triton_ir.load_dialects(context)
    # Triton's binding reads files only: one in memory needs no room on a disk.
    with os.fdopen(os.memfd_create("kernel.ttir"), "w") as file:
        file.write(text)
        file.flush()
        try:
            module = triton_ir.parse_mlir_module(f"/proc/self/fd/{file.fileno()}", context)
        except RuntimeError as problem:
            raise UsageError(f"not valid TTIR: {problem}") from None
    module.context = context
    return module
