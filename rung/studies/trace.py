"""The record of `rung trace`, as `rung report` shows it. The command itself is no study: it makes one launch."""

from __future__ import annotations

from ..bench.trace_result import TraceRecord
from ..report import gantt, trace
from ..report.page import trace as page
from .study import Kind

KIND = Kind(name="trace", record=TraceRecord, tables=trace.show, figure=gantt.draw, page=page.CONTENTS)
