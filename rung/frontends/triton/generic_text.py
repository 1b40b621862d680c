"""The import shim: Triton's MLIR and torch-mlir's meet in text.

This is the only place in rung that edits IR as text. It is needed because the two libraries carry different
builds of MLIR, and because properties (`<{...}>`) of operations that a context does not know are invisible
from Python.
"""

from __future__ import annotations

import re
from typing import Any

from triton._C.libtriton import ir as triton_ir

_MARK = "rung_generic_form"
_MARK_IN_DICTIONARY = re.compile(rf"{_MARK}, |, {_MARK}| \{{{_MARK}\}}")
_PROPERTIES = re.compile(r'\s*(?:%[^"]*= )?"ttg?\.[\w.]+"\([^()]*\)(?: ?\[[^\]]*\])? <\{')
_STRING_OR_BRACE = re.compile(r'"(?:[^"\\]|\\.)*"|[{}]')


def generic_text(module: Any) -> str:
    """Text of a Triton module in MLIR's generic form, with locations.

    MLIR prints a module that does not verify in the generic form, and an unprefixed attribute on
    `builtin.module` does not verify. The attribute cannot be taken off again: from here on `module` prints
    in the generic form, so whoever shows TTIR to people does so first.
    """
    module.set_attr(_MARK, triton_ir.builder(module.context).get_unit_attr())
    text: str = module.str()
    own_dictionary = text.rindex("\n})")  # only the module's own region closes in column 0
    return text[:own_dictionary] + _MARK_IN_DICTIONARY.sub("", text[own_dictionary:], count=1)


def properties_to_attributes(text: str) -> str:
    """Turn the properties of Triton's operations into attributes.

    Before: `"tt.reduce"(%x) <{axis = 0 : i32}> ({ ... }) : ...`
    After:  `"tt.reduce"(%x) ({ ... }) {axis = 0 : i32} : ...`

    Relies on what MLIR's printer guarantees: an operation starts on a line of its own, its properties stand
    on that line, and strings hold no raw line break.
    """
    lines: list[str] = []
    open_regions: list[str] = []  # of each operation whose regions are open: the properties it has yet to get
    for line in text.split("\n"):
        if line.lstrip().startswith("})"):
            close = line.index("})") + 2
            line = line[:close] + _with_attributes(line[close:], open_regions.pop())
        elif (match := _PROPERTIES.match(line)) or line.endswith("({"):
            properties, head, tail = "", line, ""
            if match:
                end = _closing_brace(line, match.end())
                properties, head, tail = line[match.end() : end], line[: match.end() - 3], line[end + 2 :]
            if line.endswith("({"):
                open_regions.append(properties)
                line = head + tail
            else:
                line = head + _with_attributes(tail, properties)
        lines.append(line)
    return "\n".join(lines)


def _with_attributes(tail: str, properties: str) -> str:
    """`tail` follows an operation's operands and regions: ` {attributes} : type` or ` : type`."""
    if not properties:
        return tail
    if tail.startswith(" {"):
        return f" {{{properties}, {tail[2:]}"
    return f" {{{properties}}}{tail}"


def _closing_brace(line: str, start: int) -> int:
    """Index of the `}` that closes the `{` just before `start`; braces inside strings do not count."""
    depth = 1
    for token in _STRING_OR_BRACE.finditer(line, start):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}":
            depth -= 1
            if depth == 0:
                return token.start()
    raise ValueError(f"unbalanced braces in: {line}")
