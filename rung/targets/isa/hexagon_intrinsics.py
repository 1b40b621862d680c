"""Hexagon's own instructions, for the host: LLVM IR that computes what an intrinsic does."""

from __future__ import annotations

_LANES = 32
"""Words of a vector of 128 bytes."""


def byte_dot(name: str) -> str:
    """vrmpy: acc + a.b[0] * b.b[0] + ... + a.b[3] * b.b[3] in every word, of signed bytes.

    Source: Qualcomm Hexagon V73 HVX Programmer's Reference Manual.
    """
    kind = f"<{_LANES} x i32>"

    def splat(number: int) -> str:
        return f"splat (i32 {number})"

    lines = [f"define {kind} @{name}({kind} %sum0, {kind} %a, {kind} %b) {{", "entry:"]
    for byte in range(4):
        for operand in "ab":
            lines.append(f"  %{operand}{byte}.up = shl {kind} %{operand}, {splat(24 - 8 * byte)}")
            lines.append(f"  %{operand}{byte} = ashr {kind} %{operand}{byte}.up, {splat(24)}")
        lines.append(f"  %product{byte} = mul {kind} %a{byte}, %b{byte}")
        lines.append(f"  %sum{byte + 1} = add {kind} %sum{byte}, %product{byte}")
    return "\n".join([*lines, f"  ret {kind} %sum4", "}", ""])
