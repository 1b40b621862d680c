"""What the compiler and launchers agree upon: how the functions of a compiled kernel are called."""

from __future__ import annotations


def packed_symbol(kernel: str) -> str:
    """`void kernel_packed(int64_t *slots)`, which launchers call: the arguments, then the three sizes of the grid."""
    return f"{kernel}_packed"
