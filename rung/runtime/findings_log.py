"""What the sanitizer found, in lists: behind a launch, and in a file that all launches of a program add to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .findings import Finding
from .pages import page


@dataclass(frozen=True)
class Log:
    """What the launches of a program, and of those that it started, have told."""

    kernels: tuple[str, ...]
    faults: tuple[tuple[str, int], ...]
    """Pages, and in how many launches each was found."""
    benign: tuple[tuple[str, int], ...] = ()
    """What is told beside them."""


def write_log(path: Path, kernel: str, findings: Sequence[Finding]) -> None:
    """Add a launch to the file. Lines are written at once: several processes may do so."""
    with path.open("a") as file:
        entries = [
            {"kernel": kernel},
            *({"line": f.line_key, "page": page(f), "benign": f.is_benign} for f in findings),
        ]
        file.write("".join(json.dumps(entry) + "\n" for entry in entries))


def read_log(path: Path) -> Log:
    """The same fault of several launches once."""
    kernels: dict[str, None] = {}
    pages: dict[str, str] = {}
    counts: Counter[str] = Counter()
    benign: set[str] = set()
    for text in path.read_text().splitlines() if path.exists() else ():
        entry: dict[str, Any] = json.loads(text)
        if "kernel" in entry:
            kernels[entry["kernel"]] = None
            continue
        pages.setdefault(entry["line"], entry["page"])
        counts[entry["line"]] += 1
        if entry["benign"]:
            benign.add(entry["line"])
    each = [(line in benign, (pages[line], count)) for line, count in counts.items()]
    faults, others = (tuple(found for is_benign, found in each if is_benign == wanted) for wanted in (False, True))
    return Log(tuple(kernels), faults, others)


def summary(findings: Sequence[Finding]) -> str:
    """All that was found in one launch."""
    faults = sum(not f.is_benign for f in findings)
    head = f"rung: {faults or 'no'} fault{'s' * (faults != 1)} in a launch of `{findings[0].kernel}`"
    return "\n".join([head, *(f"  {f.line}" for f in findings)])
