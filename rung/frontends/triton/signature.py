"""Signatures as text, in the syntax of Triton's ahead-of-time tool: `*fp32:16, *fp32:16, i32, 1024`.

Tuples stand in parentheses, `(*fp32, i32, (i32, 1024))`, and tensor descriptors as Triton itself names their type,
`tensordesc<fp32[16, 64]>`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import UsageError

_SCALAR = r"[iu](?:1|8|16|32|64)|bf16|fp(?:16|32|64)|fp8e(?:5|4nv|4b8|5b16|4b15)"
_TYPE = re.compile(rf"(?P<type>\**k?(?:{_SCALAR}))(?::(?P<hint>\w+))?")
_DESCRIPTOR = re.compile(rf"tensordesc<(?P<element>{_SCALAR})\[(?P<block>\d+(?:,\d+)*)\]>")
_TOKEN = re.compile(r""""[^"]*"|'[^']*'|.""", re.DOTALL)
_OPEN, _CLOSE = "([{<", ")]}>"
_SYNTAX = (
    "a type such as `i32`, `fp32`, `*fp16`, `*fp32:16` (multiple of 16) or `tensordesc<fp32[16, 64]>`, a constant such "
    "as `1024`, or a tuple of these such as `(*fp32, 4)`"
)

Path = tuple[int, ...]
"""Of an argument, and of an element in its tuples."""


@dataclass(frozen=True)
class Signature:
    """What `make_ttir` needs to know of a kernel's arguments, under the names of its own parameters."""

    signature: dict[str, Any]
    """Type by name; of a tuple, a tuple of types."""
    constexprs: dict[str | Path, object]
    """By name, or by path in a tuple."""
    attrs: dict[Path, list[list[object]]]


def check_names(kernel: Any, constants: Mapping[str, object]) -> None:
    """Raises UsageError for constants of parameters that the kernel does not have."""
    for unknown in sorted(constants.keys() - set(kernel.arg_names)):
        raise UsageError(f"{kernel.__name__} has no parameter `{unknown}`; it has: {', '.join(kernel.arg_names)}")


def signature_from_text(text: str, kernel: Any, constants: Mapping[str, object] | None = None) -> Signature:
    """The signature of the JITFunction `kernel` from one entry for each argument that is not in `constants`, in order.

    An entry is a type, a type with `:16` (the value or address is a multiple of 16) or `:1` (the value is
    1), the value of a constexpr, or a tuple of entries. Arguments at the end that have a default may be left out.
    Raises UsageError naming the argument.
    """
    constants = constants or {}
    check_names(kernel, constants)
    asked = [p for p in kernel.params if p.name not in constants]
    entries = _entries(text)
    missing = [p for p in asked[len(entries) :] if not p.has_default]
    if missing or len(entries) > len(asked):
        given = f" beside {', '.join(f'`{name}`' for name in constants)}, which --constexpr gives" if constants else ""
        raise UsageError(
            f"the signature has {len(entries)} entries, but kernel `{kernel.__name__}` takes "
            f"{len(asked)} arguments{given}: {', '.join(_describe(p) for p in asked)}"
        )
    given = dict(zip((p.name for p in asked), entries, strict=False))
    result = Signature({}, {}, {})
    for parameter in kernel.params:
        name = parameter.name
        if name in given:
            where = f"signature, argument {parameter.num + 1} {_describe(parameter)} is `{given[name]}`"
            result.signature[name] = _type_of(result, parameter, (parameter.num,), given[name], where)
        else:
            result.signature[name] = "constexpr"
            result.constexprs[name] = constants.get(name, parameter.default)
    return result


def _entries(text: str) -> list[str]:
    """What stands between commas, those in brackets and strings left out."""
    entries, depth = [""], 0
    for token in _TOKEN.findall(text):
        depth += (token in _OPEN) - (token in _CLOSE)
        if depth < 0:
            break
        if token == "," and not depth:
            entries.append("")
        else:
            entries[-1] += token
    if depth:
        raise UsageError(f"the signature `{text}` has a bracket that is not closed, or closed and not opened")
    entries = [entry.strip() for entry in entries]
    return entries if entries[-1] else entries[:-1]


def _describe(parameter: Any) -> str:
    return f"`{parameter.name}: constexpr`" if parameter.is_constexpr else f"`{parameter.name}`"


def _elements(entry: str) -> list[str] | None:
    """Of a tuple, `(a, b)`."""
    return _entries(entry[1:-1]) if entry.startswith("(") and entry.endswith(")") else None


def _has_type(entry: str) -> bool:
    """Whether an entry is no constant."""
    elements = _elements(entry)
    if elements is not None:
        return any(map(_has_type, elements))
    return bool(_TYPE.fullmatch(entry) or _DESCRIPTOR.fullmatch(entry.replace(" ", "")))


def _type_of(result: Signature, parameter: Any, path: Path, entry: str, where: str) -> Any:
    """Triton's type of an entry; constants and what is known of numbers go to `result`."""
    if not _has_type(entry):
        return _fixed(result, parameter, path, _constant(parameter, entry, where))
    match = _TYPE.fullmatch(entry)
    if match is not None and match["hint"] == "1":
        return _fixed(result, parameter, path, 1)
    if parameter.is_constexpr:
        raise UsageError(f"{where}, a type; give the constant's value")
    elements = _elements(entry)
    if elements is not None:
        return tuple(_type_of(result, parameter, (*path, k), e, where) for k, e in enumerate(elements))
    descriptor = _DESCRIPTOR.fullmatch(entry.replace(" ", ""))
    if descriptor is not None:
        block = descriptor["block"].split(",")
        if not all(int(extent).bit_count() == 1 for extent in block):
            raise UsageError(f"{where}; the extents of a descriptor's block are powers of 2")
        return f"tensordesc<{descriptor['element']}[{', '.join(block)}]>"
    assert match is not None
    if match["hint"] not in (None, "16"):
        raise UsageError(f"{where}; the hint after `:` is 16 (a multiple of 16) or 1 (the value 1)")
    if match["hint"] == "16":
        result.attrs[path] = [["tt.divisibility", 16]]
    return match["type"]


def _fixed(result: Signature, parameter: Any, path: Path, value: object) -> str:
    result.constexprs[parameter.name if len(path) == 1 else path] = value
    return "constexpr"


def constant(text: str) -> object:
    """A literal of Python, or a data type such as `tl.float16`. Raises ValueError for other texts."""
    module, dot, name = text.partition(".")
    if module == "tl" and dot:
        import triton.language as tl

        if isinstance(value := getattr(tl, name, None), tl.dtype):
            return value
    try:
        return ast.literal_eval(text)
    except SyntaxError:
        raise ValueError(text) from None


def _constant(parameter: Any, entry: str, where: str) -> object:
    try:
        return constant(entry)
    except ValueError:
        quoted = f'; a string is quoted: `"{entry}"`' if parameter.is_constexpr and entry.isidentifier() else ""
        raise UsageError(f"{where}; give {_SYNTAX}{quoted}") from None
