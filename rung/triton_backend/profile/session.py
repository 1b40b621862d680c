"""What `rung profile` tells the program that it starts, and all processes of that program."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ... import knobs

if TYPE_CHECKING:
    from ...machine import Machine
    from ...schedule import Schedule

DIALECTS = ("hexagon-mlir",)
_FILE = "session.json"


@dataclass(frozen=True)
class Session:
    """One run of `rung profile`."""

    device: str = ""
    """A modelled Machine as JSON; empty for the host."""
    schedule: str = ""
    """Of launches on the device, as far as they do not say their own."""
    strict: bool = False
    """A kernel that cannot be modelled is an error of its launch; otherwise it runs on the host."""
    intervals: bool = False
    """Tell what contexts and queues do in each launch."""
    dialect: str = ""
    """The compiler whose driver and launch keywords the program uses, of DIALECTS; empty for none but Triton's."""

    @cached_property
    def machine(self) -> Machine | None:
        """None for the host."""
        from ...machine import Machine

        return Machine.model_validate_json(self.device) if self.device else None

    @cached_property
    def usual(self) -> Schedule:
        from ...schedule import Schedule

        return Schedule.parse(self.schedule)

    @property
    def key(self) -> str:
        """What compiled kernels and choices of `@triton.autotune` depend on."""
        return hashlib.sha256(repr((self.device, self.schedule, self.dialect)).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        (folder / _FILE).write_text(json.dumps(asdict(self)))


def current() -> Session | None:
    """None where nobody asks: in most processes."""
    folder = knobs.profile()
    return None if folder is None else _read(folder)


@cache
def _read(folder: Path) -> Session | None:
    """A process may live on when the command has ended, and its folder is gone: nobody asks any more."""
    try:
        return Session(**json.loads((folder / _FILE).read_text()))
    except FileNotFoundError:
        return None
