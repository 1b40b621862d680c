"""A compiled kernel as bytes that run without Python: what `rung_open_kernel` reads (rung/runtime/src/alone.c)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from .. import processor
from ..errors import UsageError

_MAGIC = b"rungkrn1"
_HEADER = struct.Struct("<8sq" + "qq" * 5)


def image(binary: Any) -> bytes:
    """Of one of Triton's `CompiledKernel`s that rung has compiled, for processors like this one.

    Where the kernel assumes something of its launches, a version that does not is compiled and put beside it.
    """
    from ..abi import packed_symbol
    from ..compile import host_object
    from ..triton_backend.arguments import Arguments
    from ..triton_backend.careful import compile_careful

    metadata = binary.metadata
    facts: dict[str, Any] = metadata.rung
    if "sites" in facts:
        raise UsageError("RUNG_SANITIZE watches the kernels of a process that has rung, and C++ has none; unset it")
    careful = b""
    if facts["assumed"] or facts["fits"]:
        compiled = compile_careful(facts["ttir"], metadata)
        assert compiled.metadata["name"] == facts["name"]
        careful = host_object(compiled)
    pairs: list[int] = [slot for pair in facts["assumed"] for slot in pair]
    kinds = Arguments.of(binary.src.signature).kinds
    return _joined(
        len(kinds.replace("-", "")),
        (
            _text(" ".join(sorted(processor.detect().extensions))),
            _text(packed_symbol(facts["name"])),
            binary.asm["rung"],
            careful,
            struct.pack(f"<{len(pairs)}q", *pairs),
        ),
    )


def _joined(arguments: int, parts: Iterable[bytes]) -> bytes:
    places, content = list[int](), b""
    for part in parts:
        places += [_HEADER.size + len(content), len(part)]
        content += part + bytes(-len(part) % 8)
    return _HEADER.pack(_MAGIC, arguments, *places) + content


def _text(text: str) -> bytes:
    return text.encode() + b"\0"
