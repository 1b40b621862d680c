"""LLVM IR text as MLIR's LLVM prints it -> as llvmlite's LLVM reads it: other spellings of float constants."""

from __future__ import annotations

import re
import struct

_BITS = re.compile(r"\bf0x([0-9A-Fa-f]+)\b")
_DECIMAL = re.compile(r"\b(?P<type>float|half|double)\b|(?<![\w.%@])(?P<number>-?\d+\.\d+e[+-]\d+)")
_FORMATS = {"float": "f", "half": "e"}


def adapt(text: str) -> str:
    """before: `float f0x3F800001`, `float 1.1e+00` (shortest decimal of its type);
    after: `float 0x3FF0000020000000` (exact, as a double), `half 0xH3C00`.

    A number's type is the last type in front of it on its line. Doubles are the same in both spellings.
    """
    if "f0x" in text:
        text = _BITS.sub(_from_bits, text)
    return "\n".join(_line(line) if "e+" in line or "e-" in line else line for line in text.splitlines()) + "\n"


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
        value = float(found["number"])
        if kind == "half":
            return "0xH" + struct.pack(">e", value).hex().upper()
        if kind == "float":
            return _double(struct.unpack("f", struct.pack("f", value))[0])
        return found["number"]

    return _DECIMAL.sub(rewrite, line)
