"""What a ladder found: kernels, and, where they are those of a torch function, all that one call of it does."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..evidence import Amount, Positive
from .listing import Listing
from .result import Measurements, Model, Result, Timed


class GraphKernel(Model):
    """A kernel within a call of the function that Inductor wrote it for."""

    kernel: str = Field(description="as `kernel` of its results")
    launches: Positive = Field(description="in one call")
    spent: dict[str, Amount] = Field(
        description="by rung, of all its launches in a call: the median over calls, or, on a model, launches x cycles"
    )


class LibraryCall(Model):
    """An operator that Inductor leaves to ATen. It is not rung's, and no rung changes it."""

    name: str
    calls: Positive = Field(description="in one call of the function")
    spent: dict[str, Amount] = Field(description="by rung, as `GraphKernel.spent`; empty on a model, which has no ATen")


class Graph(Model):
    """All that one call of a torch function does: its kernels, ATen's operators, and what Python does in between."""

    function: str
    inputs: str
    device: str
    kernels: list[GraphKernel]
    library: list[LibraryCall]
    rungs: list[Timed] = Field(description="of whole calls; on a model, of the kernels alone")
    breaks: list[str] = Field(description="why Dynamo cut the function into several graphs")

    @property
    def unit(self) -> Literal["s", "cycles"]:
        return self.rungs[0].unit

    def kernels_spent(self, rung: str) -> float:
        """Of all kernels in a call, in `unit`."""
        return sum(kernel.spent.get(rung, 0.0) for kernel in self.kernels)

    def library_spent(self, rung: str) -> float:
        return sum(call.spent.get(rung, 0.0) for call in self.library)


class LadderRecord(Measurements[Result]):
    """`rung ladder`"""

    study: Literal["ladder"] = "ladder"
    graph: Graph | None = Field(default=None, description="where the kernels are those of a torch function")
    listings: list[Listing] = Field(default=[], description="kernels' texts at every stage, where asked for")

    @property
    def correct(self) -> bool:
        return super().correct and (self.graph is None or all(rung.correct for rung in self.graph.rungs))
