"""A kernel that Inductor wrote for a torch function, as a case: with the arguments of its first launch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..dtypes import BY_TRITON
from .group import Case
from .problem import Problem, Tolerance

if TYPE_CHECKING:
    from ..frontends.inductor import Arguments, CapturedKernel, CompiledFunction

_EXTENT = re.compile(r"[zyxr]\d?_?numel$")
_ROUNDINGS = {"fp64": 1e-12, "fp32": 2e-5}
"""Relative tolerance between two orders of summing. In narrower types, two roundings on top of that of f32."""
_OF_THE_GREATEST = 0.5
"""A sum that cancels is as exact as its terms: the absolute tolerance is that much of the relative one, times the
greatest number that the kernel writes."""
REFERENCE = "scalar rung"


def labels(kernels: Sequence[CapturedKernel]) -> list[str]:
    """Their names, told apart where several graphs, or grids, have a kernel of the same name."""
    names = Counter(kernel.name for kernel in kernels)
    seen = Counter[str]()
    found: list[str] = []
    for kernel in kernels:
        seen[kernel.name] += 1
        found.append(kernel.name if names[kernel.name] == 1 else f"{kernel.name} ({seen[kernel.name]})")
    return found


def case(found: CompiledFunction, kernel: CapturedKernel, label: str) -> Case:
    """Of one kernel. A call of the function is made for its arguments."""
    return case_of(kernel, label, *found.arguments(kernel))


def case_of(kernel: CapturedKernel, label: str, before: Arguments, after: Arguments) -> Case:
    """before, after: what a launch was given, and what it left behind."""
    passed = kernel.passed
    args = tuple(before[position] for position in passed)
    loaded, written = _accesses(kernel)
    memory = {_storage(args[position]) for position in loaded}
    updated = tuple(position for position in written if _storage(args[position]) in memory)
    problem = Problem(args, written, kernel.constexprs, kernel.grid, None, written, updated)
    types = [kernel.signature[name] for name in kernel.signature if name not in kernel.constexprs]
    outputs = [after[passed[position]] for position in written]
    tolerance = _tolerance([types[position] for position in written], outputs)
    elements = dict.fromkeys(element(type_) for type_ in types if type_.startswith("*"))
    shape = _extents(kernel, before) or [outputs[0].numel() if outputs else 1]
    return Case(
        label,
        "/".join(elements),
        tuple(max(1, extent) for extent in shape),
        kernel.fn,
        kernel.signature,
        problem,
        tolerance,
        REFERENCE,
        attrs=kernel.attrs,
        options=kernel.options,
    )


def _accesses(kernel: CapturedKernel) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Positions, constants left out, of what the kernel may load from, and of what it may store to."""
    from ..frontends.triton.capture import import_ttir, make_ttir
    from ..frontends.triton.reach import loaded, written
    from ..ir.context import compiler_context

    ttir = make_ttir(kernel.fn, kernel.signature, kernel.constexprs, kernel.attrs, kernel.options)
    context, lock = compiler_context()
    with lock:
        module = import_ttir(ttir, context)
        return tuple(loaded(module)), tuple(written(module))


def _storage(value: Any) -> int:
    """What arguments have in common that are the same memory."""
    return value.untyped_storage().data_ptr()


def _extents(kernel: CapturedKernel, args: Arguments) -> list[int]:
    """What Inductor calls the sizes of a kernel's index space."""
    named = zip(kernel.signature, args, strict=True)
    values = [kernel.constexprs.get(name, value) for name, value in named if _EXTENT.match(name)]
    return [value for value in values if isinstance(value, int)]


def element(type_: str) -> str:
    """`f32` of `*fp32`; truth values are `i1`."""
    found = BY_TRITON.get(type_.lstrip("*").removeprefix("k"))
    if found is None:
        return "i64"  # a pointer to pointers
    return found.mlir if found.is_float and not found.mlir.startswith("f8") else found.triton


def _tolerance(types: Sequence[str], outputs: Sequence[Any]) -> Tolerance:
    relative = 0.0
    for type_ in types:
        name = type_.lstrip("*")
        dtype = BY_TRITON.get(name)
        if dtype is not None and dtype.is_float:
            relative = max(relative, _ROUNDINGS.get(dtype.triton, _ROUNDINGS["fp32"] + 2 * dtype.epsilon))
    greatest = max((_greatest(value) for value in outputs), default=0.0)
    absolute = _OF_THE_GREATEST * relative * greatest
    return Tolerance(relative, absolute, "against the scalar rung, which rounds in another order")


def _greatest(value: Any) -> float:
    """The greatest finite number in a tensor of floats."""
    if not value.dtype.is_floating_point or not value.numel():
        return 0.0
    return float(value.float().abs().nan_to_num(nan=0.0, posinf=0.0).max())
