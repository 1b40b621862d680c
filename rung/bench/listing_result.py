"""The record of `rung compile --json`: a kernel's text at every stage."""

from __future__ import annotations

from typing import Literal

from ..evidence import Evidence
from .listing import Listing
from .result import Record


class ListingRecord(Record):
    """`rung compile --json`"""

    study: Literal["compile"] = "compile"
    kernel: str
    schedule: str
    evidence: Evidence
    listing: Listing
