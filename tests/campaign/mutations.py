"""Damage to text: what a slip of the hand, a bad disk or a bad program does to a file."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any

NUMBERS = (
    "0",
    "-1",
    "1",
    "3",
    "1e400",
    "-0.0",
    "NaN",
    "9223372036854775808",
    "99999999999999999999",
    "0x7f",
    "1_0",
    "",
)
WORDS = (
    "",
    "null",
    "true",
    "{}",
    "[]",
    '""',
    "x",
    "=",
    ",",
    "%",
    "\x00",
    "é",
    "'",
    '"',
    "(",
    ")",
    "}",
    "<",
    "../..",
    " ",
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 3, 2**40, 2**63, -(2**70), 0.5, -1.5, 1e300, float("inf"), float("nan")),
    *("", "x", "1", "NaN", "\x1b[31m", "[red]", "[/]", [], [None], [0], ["x"], {}, {"x": 1}, [[]], [1e308, 1e308]),
)
_TOKEN = re.compile(r"\w+|\s+|.", re.ASCII)


def text(rng: Random, original: str) -> str:
    """One to four changes of characters, words, numbers or lines."""
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        original = rng.choice((_cut, _characters, _words, _words, _numbers, _numbers, _lines))(rng, original)
    return original


def _cut(rng: Random, original: str) -> str:
    at = rng.randrange(len(original) + 1)
    return rng.choice([original[:at], original[at:]])


def _characters(rng: Random, original: str) -> str:
    at, length = rng.randrange(len(original) + 1), rng.choice([0, 1, 1, 5])
    return original[:at] + chr(rng.choice([rng.randrange(128), rng.randrange(0x2000)])) + original[at + length :]


def _words(rng: Random, original: str) -> str:
    tokens = _TOKEN.findall(original) or [""]
    at = rng.randrange(len(tokens))
    tokens[at] = rng.choice([*WORDS, rng.choice(tokens), tokens[at] * 2])
    return "".join(tokens)


def _numbers(rng: Random, original: str) -> str:
    found = list(re.finditer(r"-?\d[\d.]*", original))
    if not found:
        return _words(rng, original)
    number = rng.choice(found)
    return original[: number.start()] + rng.choice(NUMBERS) + original[number.end() :]


def _lines(rng: Random, original: str) -> str:
    lines = original.splitlines(keepends=True) or [""]
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    form = rng.random()
    if form < 0.4:
        del lines[at]
    elif form < 0.7:
        lines.insert(other, lines[at])
    else:
        lines[at], lines[other] = lines[other], lines[at]
    return "".join(lines)


def tree(rng: Random, original: str) -> str:
    """JSON that stays JSON: values of other types, fields that are gone, renamed or doubled, lists of other lengths."""
    data = json.loads(original)
    for _ in range(rng.choice([1, 1, 2, 3])):
        places = list(_places(data))
        if not places:
            break
        holder, key = rng.choice(places)
        form = rng.random()
        if form < 0.55:
            holder[key] = rng.choice(VALUES)
        elif form < 0.75:
            del holder[key]
        elif form < 0.9:
            other, place = rng.choice(places)
            # A copy: a value may hold the place that it is put into.
            holder[key] = deepcopy(other[place]) if other is not holder or place in _keys(other) else None
        elif isinstance(holder, list):
            holder.insert(key, deepcopy(holder[key]))
        else:
            holder[f"{key}x"] = holder.pop(key)
    return json.dumps(data)


def _keys(holder: Any) -> Sequence[Any]:
    return list(holder) if isinstance(holder, dict) else range(len(holder))


def _places(data: Any) -> list[tuple[Any, Any]]:
    """(holder, key) of every value in it, those deep down as often as those on top."""
    found: list[tuple[Any, Any]] = []
    pending = [data]
    while pending:
        holder = pending.pop()
        if isinstance(holder, dict | list):
            found += [(holder, key) for key in _keys(holder)]
            pending += [holder[key] for key in _keys(holder)]
    return found
