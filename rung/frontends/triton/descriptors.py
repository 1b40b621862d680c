"""Tensor descriptors that the host makes: what the kernel may know of them that Triton's pass does not say.

The pass makes of an argument that is a descriptor its base, shape, strides and two flags, all of them numbers that only
a launch knows. But the last stride of a descriptor is 1, whoever makes it: the launcher sees to it, and a block of one
is a view of memory instead of a gather. And hardly any rounds what it loads to tf32, which is arithmetic on every
element: the kernel is compiled for launches with none that does (`convert.py`), and again when there is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from triton._C.libtriton import ir as triton_ir

_TYPE = re.compile(r"!tt\.tensordesc<(?:tensor<)?(?P<block>(?:\d+x)+)(?P<element>\w+)")
RARE = "tt.rare"
"""Attribute of an argument, an i1: hardly any launch sets it. Triton reads no attribute that is not of a dialect of its
own, and this one must outlive its text."""


@dataclass
class Numbers:
    """Arguments of the kernel, when the pass has made numbers of descriptors."""

    last_strides: list[int] = field(default_factory=list[int])
    roundings: list[int] = field(default_factory=list[int])


def numbers_of_descriptors(module: Any) -> Numbers:
    """To be asked before the pass. Triton's language passes shape and strides beside a descriptor, too."""
    found = Numbers()
    position = 0
    for kind in module.get_function_signature(_kernel(module)):
        descriptor = _TYPE.match(kind)
        if descriptor is None:
            position += 1
            continue
        rank = descriptor["block"].count("x")
        of_pass, of_language = position + 2 * rank, position + 2 + 4 * rank
        found.last_strides += [of_pass, of_language]
        found.roundings += [of_pass + 2] if descriptor["element"] == "f32" else []
        position += 3 + 2 * rank
    return found


def tell(module: Any, found: Numbers) -> None:
    """What is known of the numbers, behind the pass."""
    kernel, builder = _kernel(module), triton_ir.builder(module.context)
    builder.set_insertion_point_to_start(_entry(module, kernel))
    for number in found.last_strides:
        kernel.args(number).replace_all_uses_with(builder.get_int64(1))
    for number in found.roundings:
        kernel.set_arg_attr(number, RARE, 1)


def _kernel(module: Any) -> Any:
    return module.get_function(module.get_entry_func_name())


def _entry(module: Any, kernel: Any) -> Any:
    """The kernel's first block, which Triton's bindings give of an operation in it alone."""
    first = kernel.args(0).id()
    found: list[Any] = []

    def visit(op: Any) -> None:
        if not found and op.get_name() not in ("builtin.module", "tt.func"):
            block = op.get_block()
            if block.get_num_arguments() and block.get_argument(0).id() == first:
                found.append(block)

    module.walk(visit)
    return found[0]
