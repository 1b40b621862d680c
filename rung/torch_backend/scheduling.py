"""Inductor's writer of Triton kernels, asked which nodes went into each."""

from __future__ import annotations

from typing import Any

from torch._inductor.codegen.triton import TritonScheduling
from torch._inductor.utils import aggregate_origins

from .expressions import Kernel
from .fallback import note_kernel


class Scheduling(TritonScheduling):
    """As Inductor's own."""

    kernel_type = Kernel

    def define_kernel(self, src_code: Any, node_schedule: Any, kernel: Any) -> str:
        theirs: Any = super()
        name: str = theirs.define_kernel(src_code, node_schedule, kernel)
        note_kernel(name, aggregate_origins(node_schedule))
        return name
