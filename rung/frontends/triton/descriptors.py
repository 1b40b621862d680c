"""Tensor descriptors that the host makes: what the kernel may know of them that Triton's pass does not say.

The pass makes of an argument that is a descriptor its base, shape, strides and two flags, all of them numbers that only
a launch knows. But the last stride of a descriptor is 1, whoever makes it: the launcher sees to it, and a block of one
is a view of memory instead of a gather.
"""

from __future__ import annotations

import re
from typing import Any

from triton._C.libtriton import ir as triton_ir

_TYPE = re.compile(r"!tt\.tensordesc<(?:tensor<)?(?P<block>(?:\d+x)+)")


def last_strides(module: Any) -> list[int]:
    """Of the kernel's arguments: which will be the last strides of descriptors, when the pass has made numbers of them.

    Triton's language passes shape and strides beside a descriptor, too.
    """
    found: list[int] = []
    position = 0
    for kind in module.get_function_signature(_kernel(module)):
        descriptor = _TYPE.match(kind)
        if descriptor is None:
            position += 1
            continue
        rank = descriptor["block"].count("x")
        of_pass, of_language = position + 2 * rank, position + 2 + 4 * rank
        found += [of_pass, of_language]
        position += 3 + 2 * rank
    return found


def set_to_one(module: Any, arguments: list[int]) -> None:
    """These arguments of the kernel are 1."""
    kernel, builder = _kernel(module), triton_ir.builder(module.context)
    builder.set_insertion_point_to_start(_entry(module, kernel))
    for number in arguments:
        kernel.args(number).replace_all_uses_with(builder.get_int64(1))


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
