"""The record of a trace: one launch on a modelled device, interval by interval."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from ..evidence import Amount, Count, Positive
from .listing import Listing
from .result import Model, Record

What = Literal["compute", "issue", "blocked", "wait", "move", "fork", "launch"]


class Intervals(Model):
    """Columns of one table, in order of the intervals' ends. `stream`, `bytes`, `rows` and `write` are 0 where they say
    nothing."""

    context: list[Count] = Field(description="that did it, or that a transfer is for")
    what: list[What] = Field(description="move: the engine serves a descriptor of the context's queue")
    begin: list[Amount] = Field(description="cycles")
    end: list[Amount]
    stream: list[Count]
    bytes: list[Count]
    rows: list[Count]
    write: list[bool]
    causes: list[dict[str, Amount]] = Field(description="of a wait: cycles by what they went to, as the ledger has it")

    @model_validator(mode="after")
    def _is_a_table(self) -> Intervals:
        columns: list[list[Any]] = [getattr(self, name) for name in type(self).model_fields]
        if len({len(column) for column in columns}) > 1:
            raise ValueError("the columns of the intervals differ in length")
        if any(begin > end for begin, end in zip(self.begin, self.end, strict=True)):
            raise ValueError("an interval ends before it begins")
        return self


class Spent(Model):
    """Every cycle, charged to one cause: `contexts` of all contexts of the machine together, `engine` of the DMA's."""

    contexts: dict[str, Amount]
    engine: dict[str, Amount]
    verdict: str = Field(description="what bounds the launch, in a line")


class TraceRecord(Record):
    """`rung trace`. Sums are over all contexts, in cycles; all of it is modelled."""

    study: Literal["trace"] = "trace"
    kernel: str
    dtype: str
    shape: list[Positive]
    rung: str
    schedule: str
    clock_ghz: Amount
    cycles: Amount
    contexts: Positive
    compute_cycles: Amount
    wait_cycles: Amount
    blocked_cycles: Amount
    shared_cycles: Amount
    overhead_cycles: Amount
    dma_busy_cycles: Amount
    dma_bytes: Count
    dma_transfers: Count
    spent: Spent
    intervals: Intervals
    listing: Listing | None = Field(default=None, description="the kernel's text at every stage, where asked for")

    @model_validator(mode="after")
    def _has_its_contexts(self) -> TraceRecord:
        if any(context >= self.contexts for context in self.intervals.context):
            raise ValueError("an interval is of a context that did not take part")
        return self

    @property
    def title(self) -> str:
        return f"{self.kernel} {' x '.join(map(str, self.shape))} {self.dtype}, {self.rung}"
