"""What a folder that `rung capture` wrote holds: `manifest.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from ..evidence import Count, Positive
from .result import Environment, Model

NAME = "manifest.json"


class KernelEntry(Model):
    """One kernel. `file`, and a .safetensors file of the same name, are in the folder; None where it was left out."""

    kernel: str
    launches: Positive = Field(description="in one call of the function")
    grid: list[Count]
    bytes: Count = Field(description="of its tensors, references among them")
    file: str | None
    left_out: str | None = Field(default=None, description="why there is no file")
    agrees: bool | None = Field(description="whether the scalar rung writes what the function's own launch wrote")


class Manifest(Model):
    schema_: Literal[1] = Field(default=1, alias="schema")
    made_by: Literal["rung capture"] = "rung capture"
    function: str
    inputs: str
    environment: Environment
    kernels: list[KernelEntry]
    breaks: list[str] = Field(description="why Dynamo cut the function into several graphs")

    def files(self) -> list[str]:
        """All names in the folder."""
        stems = [entry.file for entry in self.kernels if entry.file]
        return [NAME, *stems, *(str(Path(stem).with_suffix(".safetensors")) for stem in stems)]


def read(folder: Path) -> Manifest | None:
    """Of a folder; None of one that has none, or another program's."""
    try:
        return Manifest.model_validate_json((folder / NAME).read_bytes())
    except (OSError, ValidationError):
        return None
