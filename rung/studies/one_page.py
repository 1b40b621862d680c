"""Which records may stand on one page."""

from __future__ import annotations

from collections.abc import Sequence

from ..bench.result import Measurements, Record
from ..errors import UsageError


def check(records: Sequence[Record], names: Sequence[str]) -> None:
    """Raises UsageError for no record, for one that holds nothing, and for times of different processors: a reader
    compares what stands on one page. Modelled devices may differ, since a model is the same everywhere."""
    if not records:
        raise UsageError("a page shows records: give at least one file that --json of a study wrote")
    measured: tuple[str, str] | None = None
    for record, name in zip(records, names, strict=False):
        if isinstance(record, Measurements) and not record.results:  # pyright: ignore[reportUnknownMemberType]
            raise UsageError(f"{name} holds no result, as its run was interrupted: measure again")
        found = record.environment
        if found.machine.get("kind", "host") != "host":
            continue
        where = f"{found.cpu}, {found.contexts} contexts"
        if measured is not None and measured[0] != where:
            raise UsageError(
                f"{measured[1]} was measured on another machine ({measured[0]}) than {name} ({where}): times of both "
                "on one page would be compared; write a page for each"
            )
        measured = where, name
