"""A record as a sheet of a page: what its kind says of it, and what all records have."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Generic, TypeVar, cast

from rich.console import Console

from ...bench.result import Environment, Measurements, Record, Result
from .. import text
from . import captured
from .parts import Section, Sheet, Tone

R = TypeVar("R", bound=Record)
Verdict = Sequence[tuple[str, Tone]]
_FEW = 3
"""Warnings that are told one by one."""


@dataclass(frozen=True)
class Contents(Generic[R]):
    """What a kind of record has on its sheet. `verdict`: sentences in plain words, the most important first."""

    title: Callable[[R], str]
    verdict: Callable[[R], Verdict]
    sections: Callable[[R], Sequence[Section]]


def of(
    record: R, name: str, contents: Contents[R] | None, tables: Callable[[Console, R], None], warnings: Sequence[str]
) -> Sheet:
    """`tables` are shown where a kind has no contents of its own."""
    own = contents or Contents[R](lambda _: f"rung {name}", lambda _: (), lambda each: captured.sections(tables, each))
    verdict = list(own.verdict(record))
    if not record.complete:
        verdict.append(("The run was interrupted: what it had finished is shown.", "doubt"))
    if not record.correct:
        verdict.insert(0, ("Something in this record is WRONG: it carries no number for that.", "bad"))
    return Sheet(
        own.title(record),
        tuple(verdict),
        tuple(own.sections(record)),
        (*warnings, *_noise(record)),
        rerun(record.environment),
        tuple(facts(record.environment)),
    )


def rerun(found: Environment) -> str:
    """The command line that made a record, to be given to a shell."""
    program, *arguments = found.command or [""]
    name = PurePath(program).name
    words = ["rung", *arguments] if name in ("rung", "cli.py", "__main__.py", "") else [program, *arguments]
    return shlex.join(words)


def facts(found: Environment) -> list[tuple[str, str]]:
    """Where the numbers are from, in words."""
    machine = found.machine
    modelled = machine.get("kind") == "npu"
    what = f"{machine['name']} ({found.machine_hash}){', modelled' if modelled else ''}"
    rows = [
        ("machine", what),
        ("CPU", f"{found.cpu}, {text.counted(found.contexts, 'context')}"),
        ("instruction sets", ", ".join(found.cpu_flags)),
        ("frequency governor", found.governor or "not told by the system"),
        ("rung", f"{found.rung}{f', git {found.git}' if found.git else ''}"),
        ("packages", ", ".join(f"{name} {version}" for name, version in found.packages.items())),
        ("Python, system", f"{found.python}, {found.os}"),
        ("seed", str(found.seed)),
        ("started", found.started),
    ]
    return [(name, value) for name, value in rows if value]


def _noise(record: Record) -> list[str]:
    """Each kernel's noisy window, once."""
    if not isinstance(record, Measurements):
        return []
    noisy: dict[str, Result] = {}
    for result in cast(Sequence[Result], record.results):  # pyright: ignore[reportUnknownMemberType]
        if result.noise.noisy:
            noisy[text.title(result)] = result
    if len(noisy) > _FEW:
        worst = max(noisy, key=lambda name: noisy[name].noise.load_before)
        what = f"{text.counted(len(noisy), 'group')} of times were measured while the machine was busy"
        return [f"{what}; worst, {worst}: {text.noise(noisy[worst].noise)}"]
    return [f"{name}: {text.noise(result.noise)}" for name, result in noisy.items()]


def caption(result: Result) -> str:
    """Machine, size, type, and what is modelled."""
    return f"{text.title(result)}; {how(result)}"


def how(result: Result) -> str:
    """How its numbers came about."""
    modelled = result.unit == "cycles"
    return "cycles are modelled, not measured" if modelled else "medians; whiskers are 95% bootstrap intervals"
