"""The record of `rung profile`, as `rung report` shows it. The command itself runs a program, and is no study."""

from __future__ import annotations

from ..bench.profile_result import ProfileRecord
from ..report import profile
from ..report.page import profile as page
from .study import Kind

KIND = Kind(name="profile", record=ProfileRecord, tables=profile.show, figure=None, page=page.CONTENTS)
