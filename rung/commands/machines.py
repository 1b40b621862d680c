"""`rung machines`: the devices that rung knows."""

from __future__ import annotations

from typing import cast

from .. import machine as machines
from ..report import tables


def run(name: str | None) -> int:
    """A list of all machines, or all fields of one."""
    console = tables.console()
    if name is None:
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
    found = machines.load(name)
    table = tables.new_table(found.name, "field", "value", "meaning")
    fields = type(found).model_fields
    for key, value in found.model_dump(mode="json").items():
        table.add_row(key, _shown(value), fields[key].description or "")
    console.print(table)
    return 0


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner}" for key, inner in cast(dict[object, object], value).items())
    if isinstance(value, list):
        return ", ".join(map(str, cast(list[object], value))) or "-"
    return str(value)
