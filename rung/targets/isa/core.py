"""Core: what one context does in a cycle, as a Machine may say, or else its ISA."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_Rate = Annotated[float, Field(ge=1e-3, le=1024)]
_Cycles = Annotated[float, Field(ge=0, le=1e6)]


class Core(BaseModel):
    """Rates are operations per cycle where nothing else is done. A vector wider than `pipe_bytes` takes a pipe for
    several cycles."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)
    issue_per_cycle: _Rate = Field(default=1.0, description="instructions of any kind")
    pipe_bytes: int = Field(default=16, ge=4, le=1024, description="of a vector that a pipe takes in one cycle")
    multiply_pipes: _Rate = Field(
        default=1.0, description="of floats: products, fused ones, comparisons, minima and choices"
    )
    add_pipes: _Rate = Field(default=1.0, description="of floats: sums and conversions")
    vector_pipes: _Rate = Field(default=1.0, description="both of these and logic on vectors, together")
    load_pipes: _Rate = Field(default=1.0, description="from the first-level cache, or the scratchpad")
    store_pipes: _Rate = 1.0
    divide_cycles: _Cycles = Field(
        default=10.0, description="for which a division of `pipe_bytes` of floats holds a pipe that multiplies"
    )
    root_cycles: _Cycles = Field(default=15.0, description="the same of square roots")
    integer_divide_cycles: _Cycles = Field(default=20.0, description="from one division of integers to the next")
    multiply_latency_cycles: _Cycles = Field(default=4.0, description="from operands to result")
    add_latency_cycles: _Cycles = 4.0
    divide_latency_cycles: _Cycles = Field(default=15.0, description="of square roots, too")
    logic_latency_cycles: _Cycles = 1.0
    load_latency_cycles: _Cycles = 4.0
    window: _Rate = Field(default=64.0, description="operations on floats that wait for their operands at a time")
    loop_cycles: _Cycles = Field(default=0.0, description="of entering and leaving a loop")
    atomic_cycles: _Cycles = Field(default=20.0, description="of an atomic update that no other context disturbs")
    call_cycles: _Cycles = Field(default=20.0, description="of a call of a function that is not known")


PLAIN = Core()
"""Of an ISA that no file prices: one operation of each kind per cycle, sixteen bytes wide."""
