"""What a machine file says of each of its numbers: where it is from, or that it is calibrated or assumed."""

from __future__ import annotations

import re

_SECTION = re.compile(r"^\[([\w.]+)\]")
_FIELD = re.compile(r"^(\w+) *= *(.*)$")


def comments(text: str) -> dict[str, str]:
    """Dotted path of each field -> its comment, without the `#`; empty where there is none.

    `assumed`: nobody's figures tell it. `calibrated`: it was fitted. Anything else is a source, in the words of the
    head of the file.
    """
    found: dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        if named := _SECTION.match(line):
            section = f"{named[1]}."
        elif field := _FIELD.match(line):
            found[section + field[1]] = _comment(field[2])
    return found


def _comment(rest: str) -> str:
    """Behind the first `#` that is not in a quoted text."""
    quoted = False
    for place, letter in enumerate(rest):
        if letter == '"':
            quoted = not quoted
        elif letter == "#" and not quoted:
            return rest[place + 1 :].strip()
    return ""
