"""Object files, as far as a library's maker asks: the names that one leaves to others."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_SYMBOLS, _UNDEFINED, _LOCAL = 2, 0, 0


class _Section(NamedTuple):
    kind: int
    offset: int
    size: int
    link: int


def undefined(object_code: bytes) -> list[str]:
    """Symbols of a little-endian ELF object that it uses and does not define (System V ABI, chapter 4)."""
    sections = list(_sections(object_code))
    names: set[str] = set()
    for section in sections:
        if section.kind == _SYMBOLS:
            strings = object_code[sections[section.link].offset :]
            names |= {strings[at : strings.index(b"\0", at)].decode() for at in _undefined(object_code, section)}
    return sorted(names - {""})


def _is_wide(object_code: bytes) -> bool:
    return object_code[4] == 2


def _sections(object_code: bytes) -> Iterator[_Section]:
    wide = _is_wide(object_code)
    (table,) = struct.unpack_from("<Q" if wide else "<I", object_code, 40 if wide else 32)
    size, count = struct.unpack_from("<HH", object_code, 58 if wide else 46)
    for number in range(count):
        # name, type, flags, address, offset, size, link
        fields = struct.unpack_from("<IIQQQQI" if wide else "<IIIIIII", object_code, table + number * size)
        yield _Section(fields[1], *fields[4:7])


def _undefined(object_code: bytes, section: _Section) -> Iterator[int]:
    """Places of names in the table of strings."""
    wide = _is_wide(object_code)
    # name, information, other, section (and value and size); of 32 bits: name, value, size, information, other, section
    layout = struct.Struct("<IBBH16x" if wide else "<I8xBBH")
    for at in range(section.offset, section.offset + section.size, layout.size):
        name, information, _, where = layout.unpack_from(object_code, at)
        if where == _UNDEFINED and information >> 4 != _LOCAL:
            yield name
