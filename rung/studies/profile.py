"""The record of `rung profile`, as `rung report` shows it. The command itself runs a program, and is no study."""

from __future__ import annotations

from pathlib import Path

from ..bench.profile_result import ProfileRecord
from ..errors import UsageError
from ..report import profile
from .study import Kind


def _no_figure(record: ProfileRecord, target: Path) -> None:
    raise UsageError(
        "a record of `rung profile` has no figure: --plot is for studies; `rung profile --html` writes a page, --trace "
        "a file for ui.perfetto.dev"
    )


KIND = Kind(name="profile", record=ProfileRecord, tables=profile.show, figure=_no_figure)
