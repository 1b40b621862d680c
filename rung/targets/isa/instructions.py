"""How the instructions of a disassembly are told apart: one object per ISA."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["packed", "scalar", ""]
"""Arithmetic on packed floats or integers, on a single float, or neither."""


@dataclass(frozen=True)
class Instructions:
    """As objdump writes them: a mnemonic and its operands."""

    kind: Callable[[str, str], Kind]
    """(mnemonic, operands) -> what it computes on."""
    registers: Callable[[str], Iterable[str]]
    """operands -> widths of the vector registers among them."""
    division: re.Pattern[str]
    """Mnemonics of divisions, of floats and of single integers."""
    prefetches: tuple[str, ...]
    """How mnemonics begin that fetch a line into a cache."""
    streaming: tuple[str, ...]
    """The same of stores past the caches."""
    calls: tuple[str, ...]
    """The same of those behind which a relocation names what is called."""
