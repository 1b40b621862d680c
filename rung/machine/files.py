"""Machines by name: files in TOML, changed field by field, checked, with errors that name the field."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..allowed import allowed, shown
from ..errors import UsageError
from .description import Cache, Dma, Machine, Npu
from .detected import host

_TEMPLATE = "template"
"""A file beside the machines that explains every field; it can be loaded, but it is no device."""
_SECTIONS = {"dma": Dma, "npu": Npu, "npu.cache": Cache}


def names() -> list[str]:
    """Machines that ship with rung, besides `host`."""
    files = resources.files("rung") / "machines"
    found = (file.name.removesuffix(".toml") for file in files.iterdir() if file.name.endswith(".toml"))
    return sorted(name for name in found if name != _TEMPLATE)


def load(name_or_path: str, overrides: Sequence[str] = ()) -> Machine:
    """`host`, the name of a shipped machine file, or the path of one; `overrides` as in `override`.

    Raises UsageError naming the wrong field.
    """
    return override(_load(name_or_path), overrides)


def source(name_or_path: str) -> str:
    """The text of a shipped machine file, or of the one at a path. Raises UsageError when there is none."""
    shipped = resources.files("rung") / "machines" / f"{name_or_path}.toml"
    if shipped.is_file():
        return shipped.read_text()
    if Path(name_or_path).is_file():
        return _text(name_or_path)
    raise UsageError(
        f"there is no machine `{name_or_path}`; choose from: {', '.join(['host', *names()])}, or give a .toml file"
    )


def _load(name_or_path: str) -> Machine:
    return host() if name_or_path == "host" else parse(source(name_or_path), name_or_path)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read the machine file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"machine file {path}: not a text file in UTF-8; give one written as TOML") from None


def parse(text: str, where: str) -> Machine:
    """A Machine from TOML text; `where` names the file in errors."""
    try:
        return _validated(tomllib.loads(text), f"machine file {where}")
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"machine file {where}: not valid TOML: {error}") from None


def override(machine: Machine, assignments: Sequence[str]) -> Machine:
    """`machine` with fields set, as in `dma.bytes_per_cycle=8`: a dotted path and a TOML value (quotes may be left
    out). The result is checked as a machine file is. Raises UsageError naming the field."""
    if not assignments:
        return machine
    values = machine.model_dump()
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not text.strip():
            raise UsageError(f"machine field `{assignment}`: give FIELD=VALUE, such as dma.bytes_per_cycle=8")
        set_field(values, path.strip(), _toml_value(text.strip()))
    return _validated(values, f"machine {machine.name}")


def set_field(values: dict[str, Any], path: str, value: object) -> None:
    """Sets one entry of the nested dictionaries that `model_dump` makes. An unknown name is left to the validation,
    an unknown section is a UsageError."""
    *sections, last = path.split(".")
    for section in sections:
        inner = cast(object, values.get(section))
        if not isinstance(inner, dict):
            known = ", ".join(name for name, entry in values.items() if isinstance(entry, dict))
            raise UsageError(f"machine field `{path}`: there is no section `{section}` here; sections: {known or '-'}")
        values = cast(dict[str, Any], inner)
    values[last] = value


def field(machine: Machine, path: str) -> Any:
    """The value at a dotted path, as `override` takes it. Raises UsageError when there is none."""
    value: Any = machine.model_dump(mode="json")
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            raise UsageError(f"machine {machine.name} has no field `{path}`; `rung machines {machine.name}` lists them")
        value = cast(dict[str, Any], value)[name]
    return value


def _toml_value(text: str) -> object:
    """One TOML value; any other text stands for itself."""
    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return found["value"] if len(found) == 1 else text


def _validated(values: dict[str, Any], where: str) -> Machine:
    try:
        return Machine.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first.get("ctx", {}).get("field", "")) or ".".join(map(str, first["loc"]))
        raise UsageError(f"{where}: field `{field}`: {_explained(first)}") from None


def _explained(error: ErrorDetails) -> str:
    """What is wrong with the field, and what it may hold."""
    kind, path = error["type"], error["loc"]
    if kind == "inconsistent":
        return error["msg"]
    if kind == "extra_forbidden":
        section = _SECTIONS.get(".".join(map(str, path[:-1])), Machine)
        return f"there is no such field; known: {', '.join(section.model_fields)}"
    held = allowed(Machine, path)
    return f"missing; {held}" if kind == "missing" else f"is {shown(error['input'])}; {held}"
