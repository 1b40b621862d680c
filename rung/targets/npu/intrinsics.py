"""The device's own instructions, for the host: LLVM IR that computes what an intrinsic of the device does."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...errors import RungError

_DECLARED = re.compile(r"^declare [^@]*@(llvm\.hexagon\.[\w.]+)\(.*$", re.MULTILINE)
_BYTE_DOT = re.compile(r"llvm\.hexagon\.V6\.vrmpybv\.acc(\.128B)?$")


def emulate(text: str) -> str:
    """before: `declare <32 x i32> @llvm.hexagon.V6.vrmpybv.acc.128B(...)`, and calls of it
    after:  `define <32 x i32> @rung.V6.vrmpybv.acc.128B(...) { ... }`, and calls of that

    Refuses intrinsics that have no definition here.
    """
    for found in _DECLARED.finditer(text):
        name = found[1]
        definition = _definition(name)
        if definition is None:
            raise RungError(
                f"the host has no code for the device's instruction `{name}`: its values cannot be computed"
            )
        own = name.replace("llvm.hexagon.", "rung.")
        text = text.replace(found[0], "").replace(f"@{name}(", f"@{own}(") + definition(own)
    return text


def _definition(name: str) -> Callable[[str], str] | None:
    dot = _BYTE_DOT.match(name)
    return None if dot is None else lambda own: _byte_dot(own, 32 if dot[1] else 16)


def _byte_dot(name: str, lanes: int) -> str:
    """acc + a.b[0] * b.b[0] + ... + a.b[3] * b.b[3] in every word, of signed bytes."""
    kind = f"<{lanes} x i32>"

    def splat(number: int) -> str:
        return "<" + ", ".join([f"i32 {number}"] * lanes) + ">"

    lines = [f"define internal {kind} @{name}({kind} %sum0, {kind} %a, {kind} %b) {{", "entry:"]
    for byte in range(4):
        for operand in "ab":
            lines.append(f"  %{operand}{byte}.up = shl {kind} %{operand}, {splat(24 - 8 * byte)}")
            lines.append(f"  %{operand}{byte} = ashr {kind} %{operand}{byte}.up, {splat(24)}")
        lines.append(f"  %product{byte} = mul {kind} %a{byte}, %b{byte}")
        lines.append(f"  %sum{byte + 1} = add {kind} %sum{byte}, %product{byte}")
    return "\n".join([*lines, f"  ret {kind} %sum4", "}", ""])
