"""Options of passes: what a field may hold stands in its annotation, `Annotated[int, Limits(0, 16)]`, and is checked
where a pass is made, be it from text or from Python."""

from __future__ import annotations

import math
import re
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, Literal, Protocol, get_args, get_origin, get_type_hints

from ..errors import UsageError

WORDS = {"on": True, "off": False, "true": True, "false": False}
_SHOWN = 60
"""Characters of a wrong value; longer ones are cut."""


class Range(Protocol):
    """What values an option takes, of those of its kind."""

    def holds(self, value: Any) -> bool: ...

    def words(self, kind: type) -> str:
        """Behind `give`: `a whole number, 0 to 16`."""
        ...


@dataclass(frozen=True)
class Limits:
    """Numbers from the smallest to the largest; powers of two only, or 0 besides."""

    least: float
    most: float
    powers_of_two: bool = False
    or_zero: bool = False

    def holds(self, value: Any) -> bool:
        if self.or_zero and value == 0:
            return True
        even = not self.powers_of_two or (value > 0 and value & (value - 1) == 0)
        return self.least <= value <= self.most and even

    def words(self, kind: type) -> str:
        number = "a power of two" if self.powers_of_two else "a number" if kind is float else "a whole number"
        return f"{'0, or ' if self.or_zero else ''}{number}, {_number(self.least)} to {_number(self.most)}"


@dataclass(frozen=True)
class OneOf:
    """One of these texts; the empty one is written by leaving the option out."""

    texts: tuple[str, ...]

    def holds(self, value: Any) -> bool:
        return value in self.texts

    def words(self, kind: type) -> str:
        return " or ".join(text or "nothing" for text in self.texts)


@dataclass(frozen=True)
class Joined:
    """Items of one form, joined by `+`; none, too."""

    form: str
    """A regular expression."""
    example: str

    def holds(self, value: Any) -> bool:
        return all(re.fullmatch(self.form, item) for item in value.split("+")) if value else True

    def words(self, kind: type) -> str:
        return f"names joined by +, such as {self.example}, or nothing"


@dataclass(frozen=True)
class Option:
    """One field of a pass."""

    field: str
    kind: type
    choices: tuple[Any, ...]
    range: Range | None
    default: Any

    @property
    def name(self) -> str:
        """As it is written in text."""
        return self.field.replace("_", "-")

    @property
    def words(self) -> str:
        """What it takes."""
        if self.choices:
            return " or ".join(map(str, self.choices))
        if self.range is not None:
            return self.range.words(self.kind)
        return {bool: "on or off", int: "a whole number", float: "a number"}.get(self.kind, "a text")

    @property
    def is_limited(self) -> bool:
        return self.kind is bool or bool(self.choices) or self.range is not None

    def holds(self, value: object) -> bool:
        if self.kind is float and isinstance(value, int | float) and not isinstance(value, bool):
            fits = -math.inf < value < math.inf
        else:
            fits = type(value) is self.kind
        return fits and (value in self.choices if self.choices else self.range is None or self.range.holds(value))

    def read(self, text: str) -> Any:
        """The value that a text stands for; the text itself where it stands for none, which `holds` refuses."""
        if self.kind is bool:
            return WORDS.get(text, text)
        try:
            return self.kind(text)
        except (ValueError, OverflowError):
            return text

    def check(self, pass_name: str, value: object) -> None:
        """Raises UsageError for what the option does not take."""
        if not self.holds(value):
            shown = text(value) if len(text(value)) <= _SHOWN else f"{text(value)[:_SHOWN]}..."
            raise UsageError(f"pass `{pass_name}`: {self.name} is `{shown}`; give {self.words}")


@cache
def options_of(cls: type) -> tuple[Option, ...]:
    """The options of a pass, in order."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple(_option(f.name, hints[f.name], None if f.default is MISSING else f.default) for f in fields(cls))


def _option(field: str, annotation: Any, default: object) -> Option:
    notes: tuple[Any, ...] = getattr(annotation, "__metadata__", ())
    kind: Any = get_args(annotation)[0] if notes else annotation
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    return Option(field, choices[0].__class__ if choices else kind, choices, next(iter(notes), None), default)


def text(value: object) -> str:
    """A value as it is written in a pipeline."""
    if isinstance(value, bool):
        return "on" if value else "off"
    try:
        return str(value)
    except ValueError:  # a number of thousands of digits
        return "a number of thousands of digits"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"
