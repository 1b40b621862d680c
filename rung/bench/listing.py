"""A kernel's text at every stage and after every pass that changed it, as a record holds it."""

from __future__ import annotations

from pydantic import Field, model_validator

from ..evidence import Count, Positive
from .result import Model


class Loop(Model):
    """An innermost loop of assembly, by its first and last line, counted from 0."""

    first: Count
    last: Count
    words: str


class Stage(Model):
    """One text. Each line is a number of the listing's `lines`; `source` has the line of the kernel's file that each is
    from, 0 where nothing says."""

    name: str
    of_pass: bool = Field(description="else a stage of the pipeline")
    lines: list[Count]
    source: list[Count]
    loops: list[Loop] = Field(default=[], description="innermost ones, of assembly")

    @model_validator(mode="after")
    def _is_a_table(self) -> Stage:
        if len(self.lines) != len(self.source):
            raise ValueError(f"stage {self.name} has a number of sources that is not that of its lines")
        return self


class Listing(Model):
    """`lines` holds each different line once: most passes leave most of them as they are."""

    title: str
    source_name: str
    source_first: Positive = Field(description="number of the first line of `source`")
    source: list[str]
    lines: list[str]
    stages: list[Stage]

    @model_validator(mode="after")
    def _holds_its_lines(self) -> Listing:
        if any(line >= len(self.lines) for stage in self.stages for line in stage.lines):
            raise ValueError("a stage has a line that the listing does not hold")
        return self
