"""A validation on a page: how many predictions hold, and the tables."""

from __future__ import annotations

from collections.abc import Sequence

from ...bench.validation_result import GOAL, TOLERANCE, ValidationRecord
from .. import validation
from . import captured
from .parts import Section, Tone
from .sheet import Contents, Verdict


def title(_: ValidationRecord) -> str:
    return "Published measurements, predicted"


def verdict(record: ValidationRecord) -> Verdict:
    held, asked = sum(figure.held for figure in record.predictions), len(record.predictions)
    words = f"{held} of {asked} predictions are within {TOLERANCE:.0%} of what others published. All of it is modelled."
    found: list[tuple[str, Tone]] = [(words, "good" if held >= GOAL * asked else "bad")]
    for name in validation.STEPS:
        steps = [figure for figure in record.predictions if figure.mechanism == name]
        if steps:
            share = sum(figure.held for figure in steps) / len(steps)
            tone: Tone = "good" if share >= GOAL else "doubt"
            found.append((f"{name}: {share:.0%} of {len(steps)} steps; the goal is {GOAL:.0%}.", tone))
    return found


def sections(record: ValidationRecord) -> Sequence[Section]:
    return captured.sections(validation.show, record)


CONTENTS = Contents(title, verdict, sections)
