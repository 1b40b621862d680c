"""Operations that are being counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from .work import Op

LOOP_OPERATIONS = 2
"""Of an iteration for itself: it counts, and compares and branches, which is one instruction on most machines."""


class Tally(defaultdict[Op, float]):
    """Counts by operation; those that were not met are 0."""

    def __init__(self, first: Mapping[Op, float] | None = None) -> None:
        super().__init__(float, first or {})
