"""A program under valgrind's callgrind, which counts every instruction, and the profile that it writes."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

# No names by number, no positions relative to the last one: a line says all.
_PLAIN = ("--compress-strings=no", "--compress-pos=no", "--dump-line=no")


@dataclass
class Profile:
    """instructions: of a function's own code, not of what it calls. calls: by caller and callee."""

    instructions: Counter[str] = field(default_factory=Counter[str])
    calls: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    def within(self, functions: frozenset[str]) -> int:
        """Instructions of these functions' own code."""
        return sum(count for name, count in self.instructions.items() if name in functions)

    def calls_out(self, functions: frozenset[str]) -> int:
        """How often these functions call others."""
        return sum(n for (caller, callee), n in self.calls.items() if caller in functions and callee not in functions)


def parse(text: str) -> Profile:
    """A profile in callgrind's format, without compression. Costs are instructions, one number a line."""
    profile = Profile()
    function = callee = ""
    of_call = False
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and key == "fn":
            function = value
        elif equals and key == "cfn":
            callee = value
        elif equals and key == "calls":
            profile.calls[function, callee] += int(value.split()[0])
            of_call = True  # the line below has the cost of all that was called
        elif line[:1].isdigit():
            if not of_call:
                profile.instructions[function] += int(line.split()[1])
            of_call = False
    return profile


def missing(flags: Sequence[str]) -> str:
    """Why nothing can be counted here, or nothing. flags: extensions of the processor that runs us."""
    if platform.machine() != "x86_64":
        return f"the code is for x86-64, and this is {platform.machine()}"
    lacks = [flag for flag in ("avx2", "fma", "f16c") if flag not in flags]
    if lacks:
        return f"the processor has no {', '.join(lacks)}"
    tools = [tool for tool in ("cc", "valgrind") if shutil.which(tool) is None]
    return f"not installed: {', '.join(tools)} (Debian: apt install gcc valgrind)" if tools else ""


def count(command: Sequence[str | Path], folder: Path) -> Profile:
    """Runs a program. Raises CalledProcessError, with what it printed, where it fails."""
    out = folder / "callgrind.out"
    valgrind = ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={out}", *_PLAIN]
    subprocess.run([*valgrind, *command], check=True, capture_output=True, text=True)
    return parse(out.read_text())
