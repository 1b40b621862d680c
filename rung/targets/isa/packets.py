"""A block of machine code in packets: what an ISA's reader makes of assembly, and what is asked of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Block(ABC):
    """A block of machine code. `name`: of the IR's block, when it stands for one.

    An ISA derives from it and answers the two questions about instructions.
    """

    label: str
    name: str | None = None
    packets: list[list[str]] = field(default_factory=list[list[str]])
    """Instructions by packet."""
    successors: list[str] = field(default_factory=list[str])
    calls: list[str] = field(default_factory=list[str])
    returns: bool = False
    """May leave the function, by a return or a tail call."""

    @abstractmethod
    def is_vector(self, instruction: str) -> bool:
        """Whether it works on vector registers."""

    @abstractmethod
    def taken_apart(self, instruction: str) -> str:
        """Its name, if it is an operation on a single float or moves a single element of a vector; otherwise empty."""

    @property
    def instructions(self) -> Iterator[str]:
        return (instruction for packet in self.packets for instruction in packet)

    @property
    def vector_packets(self) -> int:
        return sum(any(map(self.is_vector, packet)) for packet in self.packets)

    @property
    def vector_instructions(self) -> int:
        return sum(map(self.is_vector, self.instructions))
