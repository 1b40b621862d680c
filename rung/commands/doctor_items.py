"""What a doctor says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """One line: what was found, whether it is fine, and what to do when it is not."""

    name: str
    found: str
    fine: bool = True
    advice: str = ""
