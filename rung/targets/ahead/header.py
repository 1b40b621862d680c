"""The C header of a library: one documented prototype per function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .entry import GRID, c_type


@dataclass(frozen=True)
class Parameter:
    """An argument of a kernel."""

    name: str
    type: str
    """Triton's."""
    is_written: bool = True
    is_multiple: bool = False
    """Of 16."""

    @property
    def is_pointer(self) -> bool:
        return self.type.startswith("*")


@dataclass(frozen=True)
class Prototype:
    """A function, and what its comment says beside its arguments."""

    name: str
    parameters: Sequence[Parameter]
    about: Sequence[str]


def header(guard: str, prototypes: Sequence[Prototype]) -> str:
    """The text of the file."""
    lines = [
        f"#ifndef {guard}",
        f"#define {guard}",
        '#include "rung_runtime.h"',
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        *(line for prototype in prototypes for line in (*_prototype(prototype), "")),
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def _prototype(prototype: Prototype) -> list[str]:
    notes = [f" *   {p.name}: {_note(p)}" for p in prototype.parameters]
    declared = [_declared(p) for p in prototype.parameters] + [f"int64_t {name}" for name in GRID]
    return [
        *(f"{' *' if number else '/*'} {line}" for number, line in enumerate(prototype.about)),
        *notes,
        " *   grid_x, grid_y, grid_z: programs in each direction; the kernel runs for all of them.",
        " * Returns RUNG_OK, or why not (rung_runtime.h). Several threads may call it at a time, unless freestanding.",
        " */",
        f"int {prototype.name}({', '.join(declared)});",
    ]


def _declared(parameter: Parameter) -> str:
    if not parameter.is_pointer:
        return f"{c_type(parameter.type)} {parameter.name}"
    element = c_type(parameter.type[1:].removeprefix("k"))
    return f"{'' if parameter.is_written else 'const '}{element} *{parameter.name}"


def _note(parameter: Parameter) -> str:
    aligned = "a multiple of 16" if parameter.is_multiple else ""
    if not parameter.is_pointer:
        return ", ".join(filter(None, (parameter.type, aligned)))
    how = "written, and perhaps read" if parameter.is_written else "read"
    where = f"at {aligned} bytes" if aligned else ""
    return ", ".join(filter(None, (f"{parameter.type.lstrip('*')} in memory", how, where)))
