"""Constants against their bits, as Python and NumPy have them."""

import struct

import pytest

from rung.targets.npu.older_llvm import adapt


def double(value: float) -> str:
    return "0x" + struct.pack(">d", value).hex().upper()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("fadd float %x, 1.1e+00", f"fadd float %x, {double(struct.unpack('f', struct.pack('f', 1.1))[0])}"),
        ("fadd double %x, 1.1e+00", "fadd double %x, 1.1e+00"),
        ("fadd half %x, 1.1e+00", "fadd half %x, 0xH3C66"),
        ("fadd bfloat %x, 1.5e+00", "fadd bfloat %x, 0xR3FC0"),
        ("fadd float %x, f0x3F800001", f"fadd float %x, {double(1 + 2**-23)}"),
        ("fadd half %x, f0x3C00", "fadd half %x, 0xH3C00"),
        ("phi float [ %a, %b ], [ -inf, %c ]", "phi float [ %a, %b ], [ 0xFFF0000000000000, %c ]"),
        ("phi half [ +inf, %c ]", "phi half [ 0xH7C00, %c ]"),
        ("phi float [ +qnan, %c ]", "phi float [ 0x7FF8000000000000, %c ]"),
        ("phi double [ -qnan, %c ]", "phi double [ 0xFFF8000000000000, %c ]"),
        ("phi bfloat [ +qnan, %c ]", "phi bfloat [ 0xR7FC0, %c ]"),
        ("fadd float %x, +nan(0x5)", f"fadd float %x, 0x{0x7FF8 << 48 | 5 << 29:016X}"),
        ("fadd float %x, +snan(0x5)", f"fadd float %x, 0x{0x7FF << 52 | 5 << 29:016X}"),
        (
            "select <2 x i1> %c, <2 x float> <float -1.0e+00, float 2.5e-01>",
            f"select <2 x i1> %c, <2 x float> <float {double(-1.0)}, float {double(0.25)}>",
        ),
        ("%1.0e+1 = add i32 %a, %b", "%1.0e+1 = add i32 %a, %b"),
    ],
)
def test_constants(line: str, expected: str) -> None:
    assert adapt(line) == expected + "\n"
