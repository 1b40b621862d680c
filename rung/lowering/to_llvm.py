"""`to-llvm`: from loops, vectors and memrefs to the `llvm` dialect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch_mlir import ir
from torch_mlir.dialects import builtin, llvm
from torch_mlir.passmanager import PassManager

from ..errors import UsageError
from ..ir.attributes import KERNEL
from ..ir.llvm_stage import LEAVE, check_llvm, return_early
from ..ir.pointers import find_function, is_memref_at, is_pointer_of
from ..ir.waits import is_program
from ..passes import Pass

Value = ir.Value[Any]

# (prefix of the ops that need it, pass). A pass that no op needs is left out.
_LOOPS_AND_MATH = (
    ("vector.multi_reduction", "func.func(lower-vector-multi-reduction)"),
    # Unrolled: the default allocates buffers on the stack, inside loops.
    ("vector.transfer", "func.func(convert-vector-to-scf{full-unroll=true})"),
    ("", "expand-strided-metadata"),
    ("", "lower-affine"),
    ("", "convert-scf-to-cf"),
    ("arith.", "arith-emulate-unsupported-floats{source-types=f16,bf16 target-type=f32}"),
    # bf16 in integer operations: a conversion is a library call on most targets.
    ("arith.", "arith-expand{include-bf16=true}"),
)
_WITH_64_BIT_INDEX = (
    # The library has no vectors: its calls are made lane by lane, which must be lowered with the vectors.
    ("math.", "convert-math-to-llvm"),
    ("math.", "convert-math-to-libm"),
    ("vector.", "convert-vector-to-llvm{reassociate-fp-reductions=true}"),
    # Before arith, so that it sees the constants among its operands.
    ("", "finalize-memref-to-llvm"),
    ("", "convert-arith-to-llvm"),
    ("", "convert-func-to-llvm"),
    ("", "convert-cf-to-llvm"),
    ("index.", "convert-index-to-llvm"),
    ("", "convert-ub-to-llvm"),
)
# Of the passes above, vector's knows 64 bits only; this one asks the module's data layout, but does not know all ops.
_WITH_OTHER_INDEX = (
    ("math.", "convert-math-to-llvm"),
    ("math.", "convert-math-to-libm"),
    ("", "convert-to-llvm{dynamic=true}"),
)
_UNKNOWN = {"vector.create_mask": "expand-masks", "vector.extract_strided_slice": "expand-slices"}
"""Ops on vectors of one dimension that the conversion to another index does not know, and their expansions."""
_CLEAN = (("", "reconcile-unrealized-casts"), ("", "canonicalize{region-simplify=disabled}"))


@dataclass(frozen=True)
class ToLlvm(Pass):
    """Lower everything that is left to the `llvm` dialect and check that nothing else remains.

    before: func, scf, cf, arith, math, vector, memref, and memrefs at pointers (`rung.ir.pointers.memref_at`)
    after:  llvm.func and what it holds

    `scalar` marks every function `noimplicitfloat`, without which LLVM vectorizes scalar code on its own. The
    kernel is never inlined into its packed entry point: that would compile it twice.

    `index_bits` is the width of `index`: 64, or 32 for a 32-bit target. What a target's LLVM cannot take is the
    business of the passes around this one (`expand-*`, `guard-constants`), which the ISA names.

    Refuses (UsageError) what is to be expanded before it where the index has not 64 bits.

    Refuses (ContractError) with the name of the first op that is not in the `llvm` dialect: a leftover cast
    would crash the translation to LLVM IR.
    """

    name: ClassVar[str] = "to-llvm"
    scalar: bool = False
    """LLVM may not vectorize."""
    index_bits: Literal[32, 64] = 64

    def run(self, module: ir.Module) -> None:
        ops, leaves = _by_name(module), find_function(module, LEAVE) is not None
        if self.index_bits != 64:
            self._refuse_unknown(ops)
        self._make_descriptors(ops.get("builtin.unrealized_conversion_cast", []))
        convert = _WITH_64_BIT_INDEX
        if self.index_bits != 64:
            layout = f"#dlti.dl_spec<index = {self.index_bits} : i64>"
            module.operation.attributes["dlti.dl_spec"] = ir.Attribute.parse(layout)
            convert = _WITH_OTHER_INDEX
        steps = (*_LOOPS_AND_MATH, *convert, *_CLEAN)
        text = ",".join(step for prefix, step in steps if any(name.startswith(prefix) for name in ops))
        # No handle may outlive its operation: a new one at the same address would be taken for it.
        ops.clear()
        manager = PassManager.parse(f"builtin.module({text})")
        # Verifying after each of these passes costs more than running them all.
        manager.enable_verifier(False)
        manager.run(module.operation)
        if leaves:
            return_early(module)
        check_llvm(module)
        self._set_function_attributes(module)

    def _refuse_unknown(self, ops: dict[str, list[ir.Operation]]) -> None:
        for name, expansion in _UNKNOWN.items():
            for op in ops.get(name, []):
                if ir.VectorType(op.results[0].type).rank == 1:
                    raise UsageError(
                        f"pass `{self}`: `{name}` at {op.location} has no conversion to an index of {self.index_bits} "
                        f"bits; run `{expansion}` first"
                    )

    def _make_descriptors(self, casts: Iterable[ir.Operation]) -> None:
        """Let memrefs at pointers start from the struct that the memref lowering uses, and take pointers from it."""
        unused: list[ir.Operation] = []
        for cast in casts:
            with ir.InsertionPoint(cast), cast.location:
                if is_memref_at(cast):
                    kind = ir.MemRefType(cast.results[0].type)
                    cast.operands[0] = _descriptor(cast.operands[0], kind, self.index_bits)
                elif is_pointer_of(cast):
                    struct = _descriptor_type(ir.MemRefType(cast.operands[0].type), self.index_bits)
                    whole = builtin.UnrealizedConversionCastOp([struct], [cast.operands[0]]).results[0]
                    pointer = llvm.ExtractValueOp(cast.results[0].type, whole, [1]).result
                    cast.results[0].replace_all_uses_with(pointer)
                    unused.append(cast)
        for cast in unused:
            cast.erase()

    def _set_function_attributes(self, module: ir.Module) -> None:
        for op in module.body.operations:
            if not isinstance(op, llvm.LLVMFuncOp) or not op.regions[0].blocks:
                continue
            words = ["noimplicitfloat"] if self.scalar else []
            if KERNEL in op.operation.attributes:
                words.append("noinline")
            strings: list[ir.Attribute] = [ir.StringAttr.get(word) for word in words]
            if is_program(op.operation):
                # Its stack is small, with a page without access below: a large frame must not step over that.
                strings.append(ir.ArrayAttr.get([ir.StringAttr.get("probe-stack"), ir.StringAttr.get("inline-asm")]))
            if strings:
                op.operation.attributes["passthrough"] = ir.ArrayAttr.get(strings)


def _by_name(module: ir.Module) -> dict[str, list[ir.Operation]]:
    """All operations by their names, in order."""
    ops: dict[str, list[ir.Operation]] = {}

    def visit(op: ir.Operation) -> ir.WalkResult:
        ops.setdefault(op.name, []).append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return ops


def _descriptor_type(kind: ir.MemRefType, index_bits: int) -> ir.Type:
    """The struct that the memref lowering uses: two pointers, offset, sizes, strides."""
    dims = f", array<{kind.rank} x i{index_bits}>" * (2 if kind.rank else 0)
    return ir.Type.parse(f"!llvm.struct<(ptr, ptr, i{index_bits}{dims})>")


def _descriptor(pointer: Value, kind: ir.MemRefType, index_bits: int) -> Value:
    """Pointers, offset, sizes and strides of a memref at `pointer`."""
    strides, offset = kind.get_strides_and_offset()
    index = ir.IntegerType.get_signless(index_bits)
    value: Value = llvm.PoisonOp(_descriptor_type(kind, index_bits)).result

    def insert(item: Value, *position: int) -> None:
        nonlocal value
        value = llvm.InsertValueOp(value, item, position).result

    def number(item: int) -> Value:
        return llvm.ConstantOp(index, ir.IntegerAttr.get(index, item)).result

    insert(pointer, 0)
    insert(pointer, 1)
    insert(number(offset), 2)
    for d in range(kind.rank):
        # The extent of a pointer is not known; whatever asks for it gets one that no index reaches.
        size = (1 << (index_bits - 2)) if kind.is_dynamic_dim(d) else kind.get_dim_size(d)
        insert(number(size), 3, d)
        insert(number(strides[d]), 4, d)
    return value
