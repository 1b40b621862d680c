"""`rung machines`: the devices that rung knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, cast

import typer
from pydantic import BaseModel

from .. import machine as machines
from ..errors import UsageError
from ..options.command import Command
from ..options.declared import Overrides
from ..report import tables


@dataclass(frozen=True)
class MachinesOptions:
    name: Annotated[str | None, typer.Argument(help="A machine, or a .toml file, to show in full.")] = None
    overrides: Overrides = ()


def run(options: MachinesOptions) -> int:
    """A list of all machines, or all fields of one."""
    name, overrides = options.name, options.overrides
    console = tables.console()
    if name is None:
        if overrides:
            raise UsageError("--set changes one machine; give its name, such as rung machines hexagon-v73 --set ...")
        table = tables.new_table("machines", "name", "kind", "arch", "vector", "contexts", "scratchpad")
        for each in ("host", *machines.names()):
            found = machines.load(each)
            table.add_row(
                each,
                found.kind,
                found.arch,
                f"{found.vector_bytes} bytes",
                str(found.contexts),
                f"{found.scratchpad_bytes >> 10} KiB",
            )
        console.print(table)
        console.print("`rung machines NAME` shows all fields; --device also takes a .toml file", style="dim")
        return 0
    found = machines.load(name, overrides)
    table = tables.new_table(found.name, "field", "value", "meaning")
    for field, value, meaning in _rows(found):
        table.add_row(field, value, meaning)
    console.print(table)
    console.print(f"machine hash {found.hash}", style="dim", highlight=False)
    return 0


def _rows(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """(dotted path as `--set` takes it, value, meaning), sections last."""
    fields = [(name, getattr(model, name), field) for name, field in type(model).model_fields.items()]
    for name, value, field in fields:
        if isinstance(value, dict):
            for key, inner in cast(dict[str, object], value).items():
                yield f"{prefix}{name}.{key}", str(inner), field.description or ""
        elif isinstance(value, tuple) and any(isinstance(each, BaseModel) for each in cast(tuple[object, ...], value)):
            for number, each in enumerate(cast(tuple[BaseModel, ...], value)):
                yield from _rows(each, f"{prefix}{name}.{number}.")
        elif not isinstance(value, BaseModel) and value is not None:
            shown = ", ".join(cast(tuple[str, ...], value)) if isinstance(value, tuple) else str(value)
            yield f"{prefix}{name}", shown or "-", field.description or ""
    for name, value, _ in fields:
        if isinstance(value, BaseModel):
            yield from _rows(value, f"{prefix}{name}.")


COMMAND = Command(MachinesOptions, run)
