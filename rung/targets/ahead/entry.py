"""The functions that C programs call: LLVM IR that fills a launch's slots and hands them to the runtime."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from ...dtypes import BY_TRITON
from ...errors import UsageError

GRID = ("grid_x", "grid_y", "grid_z")
UNFIT = 2
"""RUNG_UNFIT of rung_runtime.h."""

_BY_LETTER = {dtype.letter: dtype for dtype in BY_TRITON.values() if dtype.letter}


@dataclass(frozen=True)
class Entry:
    """One function of a library: a kernel with one signature."""

    name: str
    kinds: str
    usual: str
    """Symbol of the kernel's code."""
    careful: str | None
    """Of the code that assumes nothing of a launch."""
    pairs: Sequence[tuple[int, int]]
    """Arguments that `usual` takes to be different memory."""
    multiples: Sequence[int] = ()
    """Arguments that are multiples of 16."""


@dataclass(frozen=True)
class Dispatch:
    """A function that calls the first of several entries, all with the same C types, that takes arguments aligned as
    its own are."""

    name: str
    entries: Sequence[Entry]


def entries_ir(entries: Sequence[Entry], dispatches: Sequence[Dispatch]) -> str:
    """LLVM IR of all functions that a library shows."""
    lines = ["declare i32 @rung_launch(ptr, ptr)", ""]
    for entry in entries:
        lines += [*_entry(entry), ""]
    for dispatch in dispatches:
        lines += [*_dispatch(dispatch), ""]
    return "\n".join(lines)


def kinds_of(types: Sequence[str]) -> str:
    """One letter per argument, of Triton's types. Raises UsageError for what C has no type for."""
    for name in types:
        if not name.startswith("*") and not (name in BY_TRITON and BY_TRITON[name].letter):
            raise UsageError(f"an argument of type `{name}` has no type in C; pass numbers and pointers")
    return "".join("P" if name.startswith("*") else BY_TRITON[name].letter for name in types)


def c_type(name: str) -> str:
    """C's of Triton's. Floats of 16 bits are their bits."""
    dtype = BY_TRITON.get(name)
    if dtype is None:
        return "void"
    return f"uint{dtype.bits}_t" if dtype.is_float and dtype.bits < 32 else dtype.c


def _type(kind: str) -> str:
    if kind == "P":
        return "ptr"
    dtype = _BY_LETTER[kind]
    return f"i{dtype.bits}" if dtype.bits < 32 else dtype.llvm


def _head(name: str, kinds: str) -> str:
    types = [*map(_type, kinds), "i64", "i64", "i64"]
    # Some ABIs hand an `int` over in a wider register.
    return f"define signext i32 @{name}({', '.join(f'{kind} %a{k}' for k, kind in enumerate(types))}) {{"


def _entry(entry: Entry) -> Iterator[str]:
    count, flat = len(entry.kinds), [number for pair in entry.pairs for number in pair]
    pairs, kernel = f"@{entry.name}.pairs", f"@{entry.name}.kernel"
    careful = f"@{entry.careful}" if entry.careful else "null"
    for symbol in filter(None, (entry.usual, entry.careful)):
        yield f"declare void @{symbol}(ptr)"
    yield f"{pairs} = internal constant [{len(flat)} x i64] [{', '.join(f'i64 {number}' for number in flat)}]"
    facts = f"ptr @{entry.usual}, ptr {careful}, i64 {count}, i64 {len(entry.pairs)}, ptr {pairs}"
    yield f"{kernel} = internal constant {{ ptr, ptr, i64, i64, ptr }} {{ {facts} }}"
    yield _head(entry.name, entry.kinds)
    yield f"  %slots = alloca [{count + 3} x i64], align 8"
    for number, kind in enumerate([*entry.kinds, *"iii"]):
        value = yield from _slot(number, kind)
        yield f"  %p{number} = getelementptr i64, ptr %slots, i64 {number}"
        yield f"  store i64 {value}, ptr %p{number}, align 8"
    yield f"  %code = call i32 @rung_launch(ptr {kernel}, ptr %slots)"
    yield "  ret i32 %code"
    yield "}"


def _slot(number: int, kind: str) -> Generator[str, None, str]:
    """The value in the low bytes of 64 bits."""
    value, name = f"%a{number}", _type(kind)
    if name == "i64":
        return value
    if name == "ptr":
        yield f"  %s{number} = ptrtoint ptr {value} to i64"
        return f"%s{number}"
    if name in ("float", "double"):
        bits = "i32" if name == "float" else "i64"
        yield f"  %b{number} = bitcast {name} {value} to {bits}"
        if name == "double":
            return f"%b{number}"
        value, name = f"%b{number}", bits
    yield f"  %s{number} = zext {name} {value} to i64"
    return f"%s{number}"


def _dispatch(dispatch: Dispatch) -> Iterator[str]:
    kinds = dispatch.entries[0].kinds
    handed = ", ".join(f"{kind} %a{k}" for k, kind in enumerate([*map(_type, kinds), "i64", "i64", "i64"]))
    yield _head(dispatch.name, kinds)
    slots = dict[int, str]()
    for number in sorted({number for entry in dispatch.entries for number in entry.multiples}):
        slots[number] = yield from _slot(number, kinds[number])
    for place, entry in enumerate(dispatch.entries):
        together = "0"
        for step, number in enumerate(entry.multiples):
            yield f"  %o{place}.{step} = or i64 {together}, {slots[number]}"
            together = f"%o{place}.{step}"
        yield f"  %m{place} = and i64 {together}, 15"
        yield f"  %f{place} = icmp eq i64 %m{place}, 0"
        yield f"  br i1 %f{place}, label %take{place}, label %next{place}"
        yield f"take{place}:"
        yield f"  %c{place} = call i32 @{entry.name}({handed})"
        yield f"  ret i32 %c{place}"
        yield f"next{place}:"
    yield f"  ret i32 {UNFIT}"
    yield "}"
