"""The record of `rung compile --json`, as `rung report` shows it."""

from __future__ import annotations

from rich.console import Console

from ..bench.listing_result import ListingRecord
from ..report import tables
from ..report.page.listing import listing
from ..report.page.parts import Section, Tone
from ..report.page.sheet import Contents, Verdict
from .study import Kind


def _tables(out: Console, record: ListingRecord) -> None:
    """How long each stage is, and what each pass changed."""
    table = tables.new_table(record.listing.title)
    table.add_column("stage or pass")
    for name in ("lines", "new", "gone"):
        table.add_column(name, justify="right")
    before: tuple[int, ...] = ()
    for stage in record.listing.stages:
        here, there = set(stage.lines), set(before)
        new, gone = sum(line not in there for line in stage.lines), sum(line not in here for line in before)
        table.add_row(("  " if stage.of_pass else "stage ") + stage.name, f"{len(stage.lines):,}", str(new), str(gone))
        before = tuple(stage.lines)
    out.print(table)


def _verdict(record: ListingRecord) -> Verdict:
    stages = [stage.name for stage in record.listing.stages if not stage.of_pass]
    passes = sum(stage.of_pass for stage in record.listing.stages)
    found: list[tuple[str, Tone]] = [(f"{passes} passes change the text, through the stages {', '.join(stages)}.", "")]
    return (*found, *((f"A nest stays scalar: {reason}.", "bad") for reason in record.evidence.left_scalar))


_PAGE = Contents[ListingRecord](
    lambda record: f"{record.listing.title} at every stage",
    _verdict,
    lambda record: (Section("Stages and passes", (listing(record.listing),)),),
)

KIND = Kind(name="compile", record=ListingRecord, tables=_tables, figure=None, page=_PAGE)
