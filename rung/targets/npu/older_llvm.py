"""LLVM IR text as MLIR's LLVM prints it -> as llvmlite's LLVM reads it: other spellings of float constants.

The one place where LLVM IR is text: what llvmlite cannot parse it has no objects of.
"""

from __future__ import annotations

import re
import struct

_BITS = re.compile(r"(?<!@)\bf0x([0-9A-Fa-f]+)\b")
_CONSTANT = re.compile(
    r"\b(?P<type>float|half|bfloat|double)\b"
    r"|(?<![\w.%@])(?:(?P<number>-?\d+\.\d+e[+-]\d+)"
    r"|(?P<sign>[+-])(?:(?P<special>inf|qnan)\b|(?P<payload>s?nan)\(0x(?P<bits>[0-9A-Fa-f]+)\)))"
)
_MAY_HOLD_ONE = re.compile(r"e[+-]\d|[+-](?:inf|qnan|s?nan\()")
# Exponent and fraction bits, prefix of a constant in hexadecimal.
_LAYOUTS = {"half": (5, 10, "0xH"), "bfloat": (8, 7, "0xR"), "float": (8, 23, ""), "double": (11, 52, "0x")}


def adapt(text: str) -> str:
    """before: `float f0x3F800001`, `float 1.1e+00` (shortest decimal of its type), `half +inf`, `float +qnan`
    after: `float 0x3FF0000020000000` (exact, as a double), `half 0xH7C00`, `float 0x7FF8000000000000`

    A number's type is the last type in front of it on its line. Decimal doubles are the same in both spellings.
    """
    if "f0x" in text:
        text = _BITS.sub(_from_bits, text)
    return "\n".join(_line(line) if _MAY_HOLD_ONE.search(line) else line for line in text.splitlines()) + "\n"


def _double(value: float) -> str:
    return "0x" + struct.pack(">d", value).hex().upper()


def _from_bits(found: re.Match[str]) -> str:
    digits = found[1]
    if len(digits) == 8:
        return _double(struct.unpack(">f", bytes.fromhex(digits))[0])
    return f"0xH{digits}" if len(digits) == 4 else f"0x{digits}"


def _line(line: str) -> str:
    kind = ""

    def rewrite(found: re.Match[str]) -> str:
        nonlocal kind
        if found["type"]:
            kind = found["type"]
            return kind
        if found["number"]:
            return _from_decimal(kind, found["number"])
        return _special(kind, found)

    return _CONSTANT.sub(rewrite, line)


def _from_decimal(kind: str, number: str) -> str:
    if kind == "half":
        return "0xH" + struct.pack(">e", float(number)).hex().upper()
    if kind == "bfloat":
        # The shortest decimal of a bfloat is that of the float with the same leading bits.
        return "0xR" + struct.pack(">f", float(number))[:2].hex().upper()
    if kind == "float":
        return _double(struct.unpack("f", struct.pack("f", float(number)))[0])
    return number


def _special(kind: str, found: re.Match[str]) -> str:
    """Infinities and NaNs by their bits."""
    exponent_bits, fraction_bits, prefix = _LAYOUTS[kind]
    fraction = 0
    if found["special"] == "qnan":
        fraction = 1 << (fraction_bits - 1)
    elif found["payload"]:
        fraction = int(found["bits"], 16) | (1 << (fraction_bits - 1) if found["payload"] == "nan" else 0)
    exponent = (1 << exponent_bits) - 1
    bits = (int(found["sign"] == "-") << exponent_bits | exponent) << fraction_bits | fraction
    if kind == "float":  # written as the double with the same fraction
        bits = (int(found["sign"] == "-") << 11 | 0x7FF) << 52 | fraction << 29
        return f"0x{bits:016X}"
    return f"{prefix}{bits:0{(exponent_bits + fraction_bits + 1) // 4}X}"
