"""Loads and stores of all lanes at once: contiguous, uniform, or by index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from torch_mlir import ir

from ...ir.emit import Emitter, Index, vector_of
from ...ir.nest import Operand


@dataclass(eq=False, slots=True)
class Access:
    """Where the lanes are: `memref[indices]` is lane 0, and lane l is l elements on
    (`contiguous`), at the same place
    (neither), or at the offset that `vector` gives in elements. `backwards`: contiguous, and `memref[indices]`
    is the last lane."""

    memref: ir.Value
    indices: list[ir.Value]
    contiguous: bool = False
    backwards: bool = False
    vector: ir.Value | None = None


def locate_operand(emitter: Emitter, operand: Operand, position: dict[int, Index], dim: int, lanes: int) -> Access:
    """The place of a nest's operand where `position` gives the index of lane 0 and `dim` is the dimension
    of the lanes."""
    indices = [position[d] for d in operand.dims]
    stride = operand.stride_along(dim)
    if lanes == 1 or stride == 0:
        return Access(operand.view, [emitter.index(i) for i in indices])
    # `vector.load` and `vector.store` refuse views with negative strides: those are flattened.
    if stride == 1 and operand.dims[-1] == dim and not _runs_backwards(operand.view):
        return Access(operand.view, [emitter.index(i) for i in indices], contiguous=True)
    flat, strides = emitter.flat(operand.view)
    start = _start(emitter, indices, strides)
    if stride == 1:
        return Access(flat, [emitter.index(start)], contiguous=True)
    if stride == -1:
        return _backwards(emitter, flat, [start], lanes)
    along = strides[operand.dims.index(dim)]
    return Access(flat, [emitter.index(start)], vector=_stride_vector(emitter, along, lanes))


def _backwards(emitter: Emitter, memref: ir.Value, indices: Sequence[Index], lanes: int) -> Access:
    """The lanes from `indices` downwards in the last dimension, as one access from the last lane on."""
    *outer, start = indices
    place = [emitter.index(i) for i in (*outer, emitter.add(start, 1 - lanes))]
    return Access(memref, place, contiguous=True, backwards=True)


def _start(emitter: Emitter, indices: Sequence[Index], strides: Sequence[Index]) -> Index:
    """The element number of a place."""
    start: Index = 0
    for index, by in zip(indices, strides, strict=True):
        start = emitter.add(start, emitter.mul(index, by))
    return start


def _runs_backwards(view: ir.Value) -> bool:
    strides, _ = ir.MemRefType(view.type).get_strides_and_offset()
    return any(s < 0 and s != ir.ShapedType.get_dynamic_stride_or_offset() for s in strides)


def _stride_vector(emitter: Emitter, stride: Index, lanes: int) -> ir.Value:
    """`[0, stride, 2 * stride, ...]`; 32 bits where they are sure to be enough."""
    if isinstance(stride, int):
        small = abs(stride) * lanes < 1 << 31
        type_ = ir.IntegerType.get_signless(32, emitter.context) if small else emitter.index_type
        return emitter.iota(type_, lanes, stride)
    iota = emitter.iota(emitter.index_type, lanes)
    with emitter.at(emitter.head):
        return emitter.value("arith.muli", iota.type, [iota, emitter.head_broadcast(stride, lanes)])


def locate(
    emitter: Emitter,
    lanes: int,
    memref: ir.Value,
    base: Sequence[Index],
    steps: Sequence[int],
    vectors: Sequence[ir.Value | None],
    guarded: bool,
) -> Access:
    """The place of `memref[base + lane * steps + vectors]`. `guarded`: lane 0 need not be active, so even an
    address that all lanes share is read lane by lane under the mask."""
    indices = [emitter.index(b) for b in base]
    if lanes == 1:
        return Access(memref, indices)
    strides, _ = ir.MemRefType(memref.type).get_strides_and_offset()
    still = all(s == 0 for s in steps[:-1]) and all(v is None for v in vectors[:-1])
    unit = not strides or strides[-1] == 1
    last = vectors[-1] if vectors else None
    if still and unit and last is None and steps and steps[-1] in (1, -1) and _runs_backwards(memref):
        # Along another dimension: as in `locate_operand`.
        memref, by_dim = emitter.flat(memref)
        indices = [emitter.index(_start(emitter, base, by_dim))]
    if still and last is None and (not steps or steps[-1] == 0):
        if not guarded:
            return Access(memref, indices)
        if len(indices) == 1 and unit:
            return Access(memref, indices, vector=_stride_vector(emitter, 0, lanes))
    elif still and unit and last is None and steps[-1] == 1:
        return Access(memref, indices, contiguous=True)
    elif still and unit and last is None and steps[-1] == -1:
        return _backwards(emitter, memref, indices, lanes)
    if len(indices) == 1 and unit:
        vector = last if last is not None else _stride_vector(emitter, steps[-1], lanes)
        return Access(memref, indices, vector=vector)
    flat, all_strides = emitter.flat(memref)
    start: Index = 0
    offsets: ir.Value | None = None
    for b, step, vector, by in zip(base, steps, vectors, all_strides, strict=True):
        start = emitter.add(start, emitter.mul(b, by))
        part = _offsets(emitter, lanes, step, vector, by)
        if part is not None:
            offsets = part if offsets is None else emitter.value("arith.addi", part.type, [offsets, part])
    if offsets is None:
        offsets = _stride_vector(emitter, 0, lanes)
    return Access(flat, [emitter.index(start)], vector=offsets)


def _offsets(emitter: Emitter, lanes: int, step: int, vector: ir.Value | None, stride: Index) -> ir.Value | None:
    """What one index adds to the lanes' offsets, as a vector of `index`; None for nothing."""
    if vector is None and step == 0:
        return None
    if vector is None:
        vector = emitter.iota(emitter.index_type, lanes, step)
    wide = vector_of(emitter.index_type, lanes)
    if vector.type != wide:
        vector = emitter.value("arith.index_cast", wide, [vector])
    if stride == 1:
        return vector
    by = emitter.head_broadcast(emitter.index(stride), lanes)
    return emitter.value("arith.muli", wide, [vector, by])


def load(emitter: Emitter, access: Access, lanes: int, mask: ir.Value | None, other: ir.Value | None) -> ir.Value:
    """All lanes of `access`; lanes outside `mask` give `other` (zero if there is none) and
    touch no memory."""
    if access.backwards:
        flip = partial(_flipped, emitter, lanes)
        found = load(emitter, replace(access, backwards=False), lanes, flip(mask), flip(other))
        return emitter.shuffle(found, found, range(lanes - 1, -1, -1))
    element = ir.MemRefType(access.memref.type).element_type
    if lanes == 1:
        return emitter.value("memref.load", element, [access.memref, *access.indices])
    if not access.contiguous and access.vector is None:
        value = emitter.value("memref.load", element, [access.memref, *access.indices])
        return emitter.broadcast(value, lanes)
    type_ = vector_of(element, lanes)
    if access.contiguous and mask is None:
        return emitter.value("vector.load", type_, [access.memref, *access.indices])
    if isinstance(element, ir.BF16Type):
        return _load_bf16(emitter, access, lanes, mask, other)
    if other is None:
        other = emitter.head_broadcast(emitter.zero(element), lanes)
    if access.contiguous:
        assert mask is not None
        return emitter.value("vector.maskedload", type_, [access.memref, *access.indices, mask, other])
    assert access.vector is not None
    active = emitter.all_true(lanes) if mask is None else mask
    operands = [access.memref, *access.indices, access.vector, active, other]
    return emitter.value("vector.gather", type_, operands)


def _flipped(emitter: Emitter, lanes: int, vector: ir.Value | None) -> ir.Value | None:
    return None if vector is None else emitter.shuffle(vector, vector, range(lanes - 1, -1, -1))


def _load_bf16(emitter: Emitter, access: Access, lanes: int, mask: ir.Value | None, other: ir.Value | None) -> ir.Value:
    bits = replace(access, memref=emitter.as_integers(access.memref))
    if other is not None:
        i16 = ir.IntegerType.get_signless(16, emitter.context)
        other = emitter.value("arith.bitcast", vector_of(i16, lanes), [other])
    loaded = load(emitter, bits, lanes, mask, other)
    type_ = vector_of(ir.MemRefType(access.memref.type).element_type, lanes)
    return emitter.value("arith.bitcast", type_, [loaded])


def store(emitter: Emitter, access: Access, lanes: int, mask: ir.Value | None, value: ir.Value) -> None:
    """Write the active lanes of `value`. Where lanes share an address the last one wins."""
    if access.backwards:
        flipped = emitter.shuffle(value, value, range(lanes - 1, -1, -1))
        store(emitter, replace(access, backwards=False), lanes, _flipped(emitter, lanes, mask), flipped)
        return
    element = ir.MemRefType(access.memref.type).element_type
    special = mask is not None or access.vector is not None
    if lanes > 1 and special and isinstance(element, ir.BF16Type):
        i16 = ir.IntegerType.get_signless(16, emitter.context)
        value = emitter.value("arith.bitcast", vector_of(i16, lanes), [value])
        access = replace(access, memref=emitter.as_integers(access.memref))
    place = [access.memref, *access.indices]
    if lanes == 1:
        emitter.op("memref.store", [], [value, *place])
    elif access.contiguous and mask is None:
        emitter.op("vector.store", [], [value, *place])
    elif access.contiguous:
        assert mask is not None
        emitter.op("vector.maskedstore", [], [*place, mask, value])
    elif access.vector is not None:
        active = emitter.all_true(lanes) if mask is None else mask
        emitter.op("vector.scatter", [], [*place, access.vector, active, value])
    else:
        assert mask is None, "a masked store to one address is a scatter"
        emitter.op("memref.store", [], [emitter.extract(value, lanes - 1), *place])
