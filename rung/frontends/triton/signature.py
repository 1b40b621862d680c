"""Signatures as text, in the syntax of Triton's ahead-of-time tool: `*fp32:16, *fp32:16, i32, 1024`."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

from ...errors import UsageError

_SCALAR = r"[iu](?:1|8|16|32|64)|bf16|fp(?:16|32|64)|fp8e(?:5|4nv|4b8|5b16|4b15)"
_ENTRIES = re.compile(r"""(?:"[^"]*"|'[^']*'|\([^()]*\)|\[[^][]*\]|[^,])+""")
_TYPE = re.compile(rf"(?P<type>\**k?(?:{_SCALAR}))(?::(?P<hint>\w+))?")
_SYNTAX = "a type such as `i32`, `fp32`, `*fp16` or `*fp32:16` (multiple of 16), or a constant such as `1024`"


@dataclass(frozen=True)
class Signature:
    """What `make_ttir` needs to know of a kernel's arguments, under the names of its own parameters."""

    signature: dict[str, str]
    constexprs: dict[str, object]
    attrs: dict[tuple[int, ...], list[list[object]]]


def signature_from_text(text: str, kernel: Any) -> Signature:
    """The signature of the JITFunction `kernel` from one entry per argument, in order.

    An entry is a type, a type with `:16` (the value or address is a multiple of 16) or `:1` (the value is
    1), or the value of a constexpr. Arguments at the end that have a default may be left out. Raises
    UsageError naming the argument.
    """
    entries: list[str] = [entry.strip() for entry in _ENTRIES.findall(text)]
    missing = [p for p in kernel.params[len(entries) :] if not p.has_default]
    if missing or len(entries) > len(kernel.params):
        raise UsageError(
            f"the signature has {len(entries)} entries, but kernel `{kernel.__name__}` takes "
            f"{len(kernel.params)} arguments: {', '.join(_describe(p) for p in kernel.params)}"
        )
    result = Signature({}, {}, {})
    for parameter, entry in zip(kernel.params, entries, strict=False):
        where = f"signature, argument {parameter.num + 1} {_describe(parameter)} is `{entry}`"
        _add(result, parameter, entry, where)
    for parameter in kernel.params[len(entries) :]:
        result.signature[parameter.name] = "constexpr"
        result.constexprs[parameter.name] = parameter.default
    return result


def _describe(parameter: Any) -> str:
    return f"`{parameter.name}: constexpr`" if parameter.is_constexpr else f"`{parameter.name}`"


def _add(result: Signature, parameter: Any, entry: str, where: str) -> None:
    match = _TYPE.fullmatch(entry)
    if match is None or match["hint"] == "1":
        result.signature[parameter.name] = "constexpr"
        result.constexprs[parameter.name] = 1 if match else _constant(parameter, entry, where)
        return
    if parameter.is_constexpr:
        raise UsageError(f"{where}, a type; give the constant's value")
    if match["hint"] not in (None, "16"):
        raise UsageError(f"{where}; the hint after `:` is 16 (a multiple of 16) or 1 (the value 1)")
    result.signature[parameter.name] = match["type"]
    if match["hint"] == "16":
        result.attrs[(parameter.num,)] = [["tt.divisibility", 16]]


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
