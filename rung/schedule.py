"""Schedule: which mechanisms are on, and their parameters. Variants are derived by taking mechanisms out."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Literal, get_args

from .errors import UsageError, did_you_mean
from .knobs import MOST_CONTEXTS

Distribution = Literal["block", "block-cyclic"]
Scratchpad = Literal["auto", "on", "off"]
MOST_ELEMENTS, MOST_UNROLLED = 1 << 40, 16
MOST_BUFFERS = 64
"""Of one stream: each is loaded before the loop, one after another."""
_WORDS = {"on": True, "off": False, "true": True, "false": False}


@dataclass(frozen=True)
class Schedule:
    """The textual form, `vectorize=on threads=2 double_buffer=off`, round-trips through `Schedule.parse` and `str`."""

    vectorize: bool = True
    threads: int = 0
    """Contexts to use; 0 means all of the machine's, 1 takes multi-threading out."""
    double_buffer: bool = False
    depth: int = 2
    """Buffers per stream when `double_buffer` is on."""
    scratchpad: Scratchpad = "auto"
    """Copy tiles through the scratchpad. Implied by `double_buffer`; on its own it is single buffering. `auto`: where
    the machine's vector code wants its operands there (`Machine.vectors_from_scratchpad`)."""
    distribution: Distribution = "block"
    tile_elements: int = 16384
    """Elements of one tile, when a block is cut into tiles."""
    unroll: int = 0
    """Vectors in flight per nest; 0 lets the vectorizer choose from the machine's registers."""
    profitability: bool = True
    """Fork only where the estimated cost says that it pays; off: fork whenever there are two programs."""
    prefetch: bool = True
    """Vector code fetches the rows that the next program reads into the cache, where the machine has one
    (`Machine.prefetch_bytes`). None of the paper's mechanisms: their ladder is without it (ADR 7)."""

    stream_stores: bool = True
    """Vector code stores past the caches what a launch writes and does not read, if it is more than the last of them
    holds (`Machine.last_cache_bytes`). Part of PF where rungs are compared."""
    gather_steps: bool = True
    """Vector code sums the products of several steps of a loop at a time where the blocks of one are short. No
    mechanism of the paper's: `steps` in a record's evidence tells where it was done."""

    keep_panels: bool = True
    """Vector code keeps a packed operand of products for all programs in turn that use it. No mechanism of the paper's:
    `kept_a` and `kept_b` in a record's evidence tell where it was done."""
    read_in_place: bool = True
    """Vector code reads the first operand of a product where it is, if a whole block of it is there, where all memory
    is cached. No mechanism of the paper's: `in_place` in a record's evidence tells where it was done."""
    band_grid: bool = True
    """Programs that touch pieces of the same rows run one after another, where all memory is cached. No mechanism of
    the paper's: `band` in a record's evidence tells where it was done."""

    def __post_init__(self) -> None:
        if not 0 <= self.threads <= MOST_CONTEXTS:
            raise UsageError(f"schedule: threads is {self.threads}; give 0 (all contexts) to {MOST_CONTEXTS}")
        if not 2 <= self.depth <= MOST_BUFFERS:
            raise UsageError(f"schedule: depth is {self.depth}; give 2 to {MOST_BUFFERS} buffers")
        if not 1 <= self.tile_elements <= MOST_ELEMENTS:
            raise UsageError(f"schedule: tile_elements is {self.tile_elements}; give 1 to {MOST_ELEMENTS}")
        if not 0 <= self.unroll <= MOST_UNROLLED:
            raise UsageError(f"schedule: unroll is {self.unroll}; give 0 (automatic) to {MOST_UNROLLED}")
        if self.distribution not in get_args(Distribution):
            raise UsageError(f"schedule: distribution is `{self.distribution}`; choose from: block, block-cyclic")
        if self.scratchpad not in get_args(Scratchpad):
            raise UsageError(f"schedule: scratchpad is `{self.scratchpad}`; choose from: auto, on, off")

    @property
    def rung(self) -> str:
        """The name of this combination of mechanisms, as tables show it."""
        flags = (*self.mechanisms, self.vectorize and self.prefetch)
        on = [name for name, flag in zip(("Vec", "MT", "DB", "PF"), flags, strict=True) if flag]
        return "+".join(on) or "Scalar"

    @property
    def mechanisms(self) -> tuple[bool, bool, bool]:
        """(Vec, MT, DB)"""
        return self.vectorize, self.threads != 1, self.double_buffer

    def with_mechanisms(self, vec: bool, mt: bool, db: bool, pf: bool = False) -> Schedule:
        """This schedule with mechanisms taken out or put in; pf: prefetching, and stores past the caches."""
        threads = (self.threads if self.threads != 1 else 0) if mt else 1
        return replace(self, vectorize=vec, threads=threads, double_buffer=db, prefetch=pf, stream_stores=pf)

    def ladder(self) -> tuple[Schedule, ...]:
        """Scalar, Vec, Vec+MT, Vec+MT+DB: the paper's path."""
        steps = ((False, False, False), (True, False, False), (True, True, False), (True, True, True))
        return tuple(self.with_mechanisms(*step) for step in steps)

    def factorial(self) -> tuple[Schedule, ...]:
        """All eight combinations of Vec, MT and DB."""
        return tuple(self.with_mechanisms(*step) for step in product((False, True), repeat=3))

    def __str__(self) -> str:
        parts: list[str] = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                parts.append(f"{field.name}={('on' if value else 'off') if isinstance(value, bool) else value}")
        return " ".join(parts)

    @staticmethod
    def parse(text: str, usual: Schedule | None = None) -> Schedule:
        """Inverse of `str`; fields that the text does not give are those of `usual`, or the defaults. Raises UsageError
        naming the field."""
        return replace(usual or Schedule(), **given(text))


def given(text: str) -> dict[str, bool | int | str]:
    """The fields that the text names, with their values, be they the defaults or not. Raises UsageError."""
    kinds: dict[str, type[object]] = {field.name: type(field.default) for field in fields(Schedule)}
    values: dict[str, bool | int | str] = {}
    for item in text.replace(",", " ").split():
        name, equals, value = item.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"schedule: `{item}` is not `field=value`, such as threads=2 (no blanks around the =)")
        if name not in kinds:
            near = did_you_mean(name, kinds)
            raise UsageError(f"schedule: there is no field `{name}`{near}; fields: {', '.join(kinds)}")
        if name in values:
            raise UsageError(f"schedule: {name} is given twice; leave one out")
        if kinds[name] is bool:
            if value not in _WORDS:
                raise UsageError(f"schedule: {name} is `{value}`; give on or off")
            values[name] = _WORDS[value]
        elif kinds[name] is int:
            try:
                values[name] = int(value)
            except ValueError:
                raise UsageError(f"schedule: {name} is `{value}`; give a whole number") from None
        else:
            values[name] = value
    return values
