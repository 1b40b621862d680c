"""A record's listing as a block of a page."""

from __future__ import annotations

from ...bench import listing as recorded
from .parts import Listing, Stage


def listing(found: recorded.Listing) -> Listing:
    """The same; loops with their words."""
    stages = (
        Stage(
            stage.name,
            stage.of_pass,
            tuple(stage.lines),
            tuple(stage.source),
            tuple((loop.first, loop.last, loop.words) for loop in stage.loops),
        )
        for stage in found.stages
    )
    return Listing(
        found.title, found.source_name, found.source_first, tuple(found.source), tuple(found.lines), tuple(stages)
    )
