"""Published measurements of other people's devices. One more is one file and one line here."""

from __future__ import annotations

from . import llama_gelu, pallas_matmul, tvm_dma, tvm_threads
from .source import Compiled, Figure, Mechanism, Planned, Program, Source

SOURCES: tuple[Source, ...] = (tvm_threads.SOURCE, tvm_dma.SOURCE, llama_gelu.SOURCE, pallas_matmul.SOURCE)

__all__ = ["SOURCES", "Compiled", "Figure", "Mechanism", "Planned", "Program", "Source"]
