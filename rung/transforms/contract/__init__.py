"""Contractions: `linalg.matmul` and `linalg.batch_matmul` become register-tiled outer products."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import Annotated, ClassVar

from torch_mlir import ir

from ...errors import UnsupportedError, UsageError
from ...ir.attributes import IN_PLACE, KEPT
from ...ir.build_nest import build_map_nest
from ...ir.emit import Emitter, bits, is_float
from ...ir.packing import CONTRACTIONS, WORD_BYTES, computed_type, dot_of, extended_type, is_signed, row_sums_type
from ...passes.base import Pass
from ...passes.options import Limits, OneOf
from ...targets.isa import INTRINSICS
from .beginning import filled_with, filling_before
from .kept import Keep
from .kernel import Contraction, KernelPlan, emit_contraction
from .live import Live, live_part
from .scratch import scratch
from .steps import Steps, gather_steps
from .word_kernel import WordContraction
from .words import rows_of_words, words

_FEW_TERMS = 16
"""Of a sum (in words, two or four terms each): every number of C is loaded and stored once for so many products. Where
they are more, that is hidden behind them, and operands that were just copied are nearer than those of several steps."""


@dataclass(frozen=True)
class TileContractions(Pass):
    """Turn contractions on buffers into loops around a micro-kernel that keeps a tile of C in registers.

    linalg.matmul ins(%a, %b : memref<64x32xf32>, memref<32x64xf32>) outs(%c : memref<64x64xf32>)
      ->
    scf.for %j = 0 to 64 step 32 {                       // a panel of B stays in L1
      scf.for %i = 0 to 64 step 8 {
        %acc:16 = 8 x 2 vector.load %c
        %sum:16 = scf.for %k = 0 to 32 step 4 iter_args(%acc) {
          4 x (2 vector.load %b, 8 broadcasts of %a, 16 vector.fma)
        }
        8 x 2 vector.store %sum, %c
      } {rung.contraction = {lanes = 16, mr = 8, nr = 2}}
    }

    `lanes=1` (`vector_bytes=0`) gives the same loops over scalars. Operands narrower than C are first
    extended into
    packed scratch by nests that the vectorizer takes next: run this pass before it. Half-precision C is
    accumulated in f32.

    `byte_dot` and `bf16_dot` name LLVM's intrinsics that add products of narrow elements to each 32-bit lane.
    Contractions of i8 into i32 then take four terms of k at a time: rows of B are packed into words of four bytes,
    and four bytes of A are broadcast as one word (of bf16 into f32, or where the instruction takes 16 bits, two
    terms). Missing terms of the last word are zero.

    Where C was just filled with a constant, the sums begin with that constant, and the nest that filled C is gone.

    With `panel_bytes`, several steps of a loop of short contractions are made before one sum of all their terms
    (`steps.py`), so that tiles of C stay in registers for longer: `steps = 4` in the attribute.

    With `keep_bytes`, an operand that `mark-kept` found to be the same for several programs in turn is filled and
    packed by the first of them (`kept.py`): `kept_b = 8` in the attribute, if that is B and there is room for 8 steps.

    Rows and columns of C that nothing reads, as a mask keeps them from being stored, are not summed (`live.py`).

    Refuses dynamic shapes and transposing indexing maps with an error: the contract of stage `linalg`
    excludes them.
    """

    name: ClassVar[str] = "tile-contractions"
    vector_bytes: Annotated[int, Limits(4, 1024, powers_of_two=True, or_zero=True)] = 64
    """Of one register; 0: scalars."""
    vector_registers: Annotated[int, Limits(4, 256)] = 32
    fma: bool = True
    """The machine has fused multiply-add."""
    mr: Annotated[int, Limits(0, 64)] = 0
    """Rows of the register tile; 0 chooses."""
    nr: Annotated[int, Limits(0, 16)] = 0
    """Vectors in a row of the register tile; 0 chooses."""
    byte_dot: Annotated[str, OneOf(("", *INTRINSICS))] = ""
    """An intrinsic that adds products of bytes, or of 16 bits, to each lane of vectors of its own size."""
    bf16_dot: Annotated[str, OneOf(("", *INTRINSICS))] = ""
    """The same for bf16, whose products are summed in f32."""
    panel_bytes: Annotated[int, Limits(0, 1 << 40)] = 0
    """Steps of a loop around a contraction are gathered while a panel of B, of all their terms, is no larger."""
    keep_bytes: Annotated[int, Limits(0, 1 << 40)] = 0
    """Of operands that are kept for the next program, packed, where `mark-kept` found them to be the same."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self._dots:
            dot = INTRINSICS.get(name)
            if dot is not None and self.vector_bytes != dot.vector_bytes:
                wanted = f"give {dot.vector_bytes}, as {name} takes"
                raise UsageError(f"pass `{self.name}`: vector-bytes is `{self.vector_bytes}`; {wanted}")

    @property
    def _dots(self) -> tuple[str, ...]:
        return self.byte_dot, self.bf16_dot

    def run(self, module: ir.Module) -> None:
        found = _contractions(module.operation)
        keep_bytes = self.keep_bytes // max(1, sum(KEPT in op.attributes for op in found))
        # Asked of all before any is tiled: loops of one that adds to the same C would seem to read all of it.
        live = {op: live_part(op) for op in found}
        for op in found:
            self._tile(op, keep_bytes, live[op])

    def _tile(self, op: ir.Operation, keep_bytes: int, live: Live) -> None:
        a, b, c = op.operands
        _check(op)
        if name := dot_of(op, self._dots):
            self._tile_words(op, name, keep_bytes, live)
            return
        computed, filling = computed_type(op), filling_before(op)
        a = _extended(op, a, computed, unit_stride=False)
        b = _extended(op, b, computed, unit_stride=True)
        shape_a, shape_c = ir.MemRefType(a.type).shape, ir.MemRefType(c.type).shape
        plan = self._plan(shape_c[-2], shape_c[-1], shape_a[-1], bits(computed))
        steps = self._steps(op, a, b, plan, bits(computed) // 8, keep_bytes)
        first = None if filling is None or ir.MemRefType(c.type).element_type != computed else _taken(filling, steps)

        in_place = IN_PLACE in op.attributes

        def plain(e: Emitter, prefix: list[ir.Value]) -> Contraction:
            return Contraction(e, (a, b, c), prefix, computed, plan, self.fma, steps, first, in_place, live)

        emit_contraction(op, plain)
        _erase(op, (a, b))

    def _tile_words(self, op: ir.Operation, name: str, keep_bytes: int, live: Live) -> None:
        c, dot, filling = op.operands[2], INTRINSICS[name], filling_before(op)
        lanes = self.vector_bytes // WORD_BYTES
        m, n = ir.MemRefType(c.type).shape[-2:]
        k = -(-ir.MemRefType(op.operands[1].type).shape[-2] // dot.products)
        plan = replace(self._plan(m, max(n, lanes), k, 32), n=n)
        a, b = rows_of_words(op, dot), words(op, dot, plan.vectors * plan.lanes)
        steps = self._steps(op, a, b, plan, WORD_BYTES, keep_bytes)
        first = None if filling is None else _taken(filling, steps)

        in_place = IN_PLACE in op.attributes
        sums = scratch(op, row_sums_type(a)) if dot.bias else None

        def in_words(e: Emitter, prefix: list[ir.Value]) -> Contraction:
            return WordContraction(e, (a, b, c), prefix, plan, name, dot, steps, first, in_place, live, sums)

        emit_contraction(op, in_words)
        _erase(op, (a, b))

    def _steps(
        self, op: ir.Operation, a: ir.Value, b: ir.Value, plan: KernelPlan, width: int, keep_bytes: int
    ) -> Steps | None:
        """As many as have a panel of B that fits, where the terms of one are few; an operand that stays is kept."""
        fit = self.panel_bytes // (plan.vectors * plan.lanes * width * plan.k) if plan.k <= _FEW_TERMS else 1
        keep = None
        if KEPT in op.attributes:
            number = ir.IntegerAttr(op.attributes[KEPT]).value
            kind = ir.MemRefType((a, b)[number].type)
            keep = Keep(number, keep_bytes // (prod(kind.shape) * bits(kind.element_type) // 8))
        return gather_steps(op, a, b, fit, keep) if fit >= 2 or keep is not None else None

    def _plan(self, m: int, n: int, k: int, width: int) -> KernelPlan:
        lanes = max(1, self.vector_bytes * 8 // width) if self.vector_bytes else 1
        registers = self.vector_registers if self.vector_bytes else 16
        while lanes > n:
            lanes //= 2
        vectors = self.nr or (2 if n >= 2 * lanes else 1)
        # Beside the tile live one row of B and one broadcast of A.
        most = max(1, (registers - vectors - 1) // vectors)
        rows = self.mr or _rows(m, min(most, 8 if vectors == 2 else 14))
        depth = 4 if k >= 4 and rows * vectors <= 16 else 2 if k >= 2 else 1
        return KernelPlan(m, n, k, lanes, rows, vectors, depth)


def _taken(filling: ir.Operation, steps: Steps | None) -> ir.Value | None:
    """What C was filled with, which is not done any more; None for sums over several fillings."""
    if steps is not None and steps.most > 1:
        return None
    value = filled_with(filling)
    filling.erase()
    return value


def _erase(op: ir.Operation, operands: Iterable[ir.Value]) -> None:
    """The contraction, and what nothing else reads."""
    op.erase()
    for operand in operands:
        if not isinstance(operand.owner, ir.Block) and operand.owner.name == "memref.alloca" and not list(operand.uses):
            operand.owner.erase()


def _rows(m: int, most: int) -> int:
    """Rows of a tile: as few tiles as `most` allows, then the most even split."""
    tiles = -(-m // most)
    return -(-m // tiles)


def _contractions(op: ir.Operation) -> list[ir.Operation]:
    found: list[ir.Operation] = []
    for region in op.regions:
        for block in region.blocks:
            for view in block.operations:
                inner = view.operation
                if inner.name in CONTRACTIONS:
                    found.append(inner)
                elif len(inner.regions) and inner.name != "linalg.generic":
                    found += _contractions(inner)
    return found


def _check(op: ir.Operation) -> None:
    where = str(op.location)
    if not all(ir.ShapedType(v.type).has_static_shape for v in op.operands):
        raise UnsupportedError(f"`{op.name}` of dynamic shape", where, "buffers of static shape")
    if "indexing_maps" not in op.attributes:
        return
    maps = [str(ir.AffineMapAttr(a).value) for a in ir.ArrayAttr(op.attributes["indexing_maps"])]
    plain = ["(d0, d1, d2) -> (d0, d2)", "(d0, d1, d2) -> (d2, d1)", "(d0, d1, d2) -> (d0, d1)"]
    batched = [
        "(d0, d1, d2, d3) -> (d0, d1, d3)",
        "(d0, d1, d2, d3) -> (d0, d3, d2)",
        "(d0, d1, d2, d3) -> (d0, d1, d2)",
    ]
    if maps not in (plain, batched):
        raise UnsupportedError(f"`{op.name}` with transposed operands", where, "A: MxK, B: KxN, C: MxN")


def _extended(op: ir.Operation, view: ir.Value, element: ir.Type, unit_stride: bool) -> ir.Value:
    """`view`, or a packed copy of it in scratch with elements of another type."""
    kind = extended_type(view, element, unit_stride)
    if kind is None:
        return view
    old = ir.MemRefType(view.type).element_type
    packed = scratch(op, kind)

    def extend(value: ir.Value, ip: ir.InsertionPoint) -> ir.Value:
        if old == element:
            return value
        grows = bits(element) > bits(old)
        if is_float(element):
            name = "arith.extf" if grows else "arith.truncf"
        else:
            name = ("arith.extsi" if is_signed(op) else "arith.extui") if grows else "arith.trunci"
        return ir.Operation.create(name, [element], [value], loc=op.location, ip=ip).result

    build_map_nest(ir.InsertionPoint(op), op.location, view, packed, extend)
    return packed
