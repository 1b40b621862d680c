# What rung uses of `torch_mlir.dialects.llvm` 20261001; made by tools/make_typings.py, not to be edited.

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from torch_mlir import ir

class AddressOfOp(ir.OpView):
    def __init__(
        self,
        res: ir.Type,
        global_name: str | ir.FlatSymbolRefAttr,
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...

class AllocaOp(ir.OpView):
    def __init__(
        self,
        res: ir.Type,
        arraySize: ir.Value,
        elem_type: ir.Type | ir.TypeAttr,
        *,
        alignment: int | ir.IntegerAttr | None = None,
        inalloca: bool | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...
    @alignment.setter
    def alignment(self, value: ir.IntegerAttr | None) -> None: ...

class AtomicCmpXchgOp(ir.OpView):
    def __init__(
        self,
        ptr: ir.Value,
        cmp: ir.Value,
        val: ir.Value,
        success_ordering: Any,
        failure_ordering: Any,
        *,
        syncscope: str | ir.StringAttr | None = None,
        alignment: int | ir.IntegerAttr | None = None,
        weak: bool | None = None,
        volatile_: bool | None = None,
        access_groups: Any = None,
        alias_scopes: Any = None,
        noalias_scopes: Any = None,
        tbaa: Any = None,
        results: Sequence[ir.Type] | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def cmp(self) -> ir.Value: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...
    @alignment.setter
    def alignment(self, value: ir.IntegerAttr | None) -> None: ...

class BitcastOp(ir.OpView):
    def __init__(
        self, res: ir.Type, arg: ir.Value, *, loc: ir.Location | None = None, ip: ir.InsertionPoint | None = None
    ) -> None: ...
    @property
    def arg(self) -> ir.Value: ...

class ConstantOp(ir.OpView):
    def __init__(
        self, res: ir.Type, value: Any, *, loc: ir.Location | None = None, ip: ir.InsertionPoint | None = None
    ) -> None: ...
    @property
    def value(self) -> ir.Attribute: ...
    @value.setter
    def value(self, value: ir.Attribute) -> None: ...

class ExtractValueOp(ir.OpView):
    def __init__(
        self,
        res: ir.Type,
        container: ir.Value,
        position: Sequence[int] | ir.DenseI64ArrayAttr,
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def position(self) -> ir.DenseI64ArrayAttr: ...
    @position.setter
    def position(self, value: ir.DenseI64ArrayAttr) -> None: ...

class GEPOp(ir.OpView):
    def __init__(
        self,
        res: ir.Type,
        base: ir.Value,
        dynamicIndices: Sequence[ir.Value],
        rawConstantIndices: Sequence[int] | ir.DenseI32ArrayAttr,
        elem_type: ir.Type | ir.TypeAttr,
        noWrapFlags: Any,
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def base(self) -> ir.Value: ...

class ICmpOp(ir.OpView):
    def __init__(
        self,
        predicate: Any,
        lhs: ir.Value,
        rhs: ir.Value,
        *,
        results: Sequence[ir.Type] | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...

class InsertValueOp(ir.OpView):
    def __init__(
        self,
        container: ir.Value,
        value: ir.Value,
        position: Sequence[int] | ir.DenseI64ArrayAttr,
        *,
        results: Sequence[ir.Type] | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def value(self) -> ir.Value: ...
    @property
    def position(self) -> ir.DenseI64ArrayAttr: ...
    @position.setter
    def position(self, value: ir.DenseI64ArrayAttr) -> None: ...

class IntToPtrOp(ir.OpView):
    def __init__(
        self,
        res: ir.Type,
        arg: ir.Value,
        *,
        dereferenceable: Any = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def arg(self) -> ir.Value: ...

class LLVMFuncOp(ir.OpView):
    def __init__(
        self,
        sym_name: str | ir.StringAttr,
        function_type: Any,
        *,
        sym_visibility: str | ir.StringAttr | None = None,
        linkage: Any = None,
        dso_local: bool | None = None,
        CConv: Any = None,
        comdat: str | ir.SymbolRefAttr | None = None,
        convergent: bool | None = None,
        personality: str | ir.FlatSymbolRefAttr | None = None,
        garbageCollector: str | ir.StringAttr | None = None,
        passthrough: Sequence[ir.Attribute] | ir.ArrayAttr | None = None,
        arg_attrs: Any = None,
        res_attrs: Any = None,
        function_entry_count: Any = None,
        memory_effects: Any = None,
        visibility_: Any = None,
        arm_streaming: bool | None = None,
        arm_locally_streaming: bool | None = None,
        arm_streaming_compatible: bool | None = None,
        arm_new_za: bool | None = None,
        arm_in_za: bool | None = None,
        arm_out_za: bool | None = None,
        arm_inout_za: bool | None = None,
        arm_preserves_za: bool | None = None,
        section: str | ir.StringAttr | None = None,
        unnamed_addr: Any = None,
        alignment: int | ir.IntegerAttr | None = None,
        vscale_range: Any = None,
        frame_pointer: Any = None,
        target_cpu: str | ir.StringAttr | None = None,
        tune_cpu: str | ir.StringAttr | None = None,
        reciprocal_estimates: str | ir.StringAttr | None = None,
        prefer_vector_width: str | ir.StringAttr | None = None,
        target_features: Any = None,
        no_signed_zeros_fp_math: bool | ir.BoolAttr | None = None,
        denormal_fpenv: Any = None,
        fp_contract: str | ir.StringAttr | None = None,
        instrument_function_entry: str | ir.StringAttr | None = None,
        instrument_function_exit: str | ir.StringAttr | None = None,
        no_inline: bool | None = None,
        always_inline: bool | None = None,
        inline_hint: bool | None = None,
        no_unwind: bool | None = None,
        will_return: bool | None = None,
        noreturn: bool | None = None,
        optimize_none: bool | None = None,
        returns_twice: bool | None = None,
        hot: bool | None = None,
        cold: bool | None = None,
        noduplicate: bool | None = None,
        no_caller_saved_registers: bool | None = None,
        nocallback: bool | None = None,
        modular_format: str | ir.StringAttr | None = None,
        nobuiltins: Sequence[ir.Attribute] | ir.ArrayAttr | None = None,
        allocsize: Sequence[int] | ir.DenseI32ArrayAttr | None = None,
        optsize: bool | None = None,
        minsize: bool | None = None,
        save_reg_params: bool | None = None,
        zero_call_used_regs: str | ir.StringAttr | None = None,
        default_func_attrs: Mapping[str, Any] | ir.DictAttr | None = None,
        vec_type_hint: Any = None,
        work_group_size_hint: Sequence[int] | ir.DenseI32ArrayAttr | None = None,
        reqd_work_group_size: Sequence[int] | ir.DenseI32ArrayAttr | None = None,
        intel_reqd_sub_group_size: int | ir.IntegerAttr | None = None,
        uwtable_kind: Any = None,
        use_sample_profile: bool | ir.BoolAttr | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def sym_name(self) -> ir.StringAttr: ...
    @sym_name.setter
    def sym_name(self, value: ir.StringAttr) -> None: ...
    @property
    def linkage(self) -> ir.Attribute: ...
    @linkage.setter
    def linkage(self, value: ir.Attribute) -> None: ...
    @property
    def section(self) -> ir.StringAttr | None: ...
    @section.setter
    def section(self, value: ir.StringAttr | None) -> None: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...
    @alignment.setter
    def alignment(self, value: ir.IntegerAttr | None) -> None: ...
    @property
    def body(self) -> ir.Region: ...

class LoadOp(ir.OpView):
    def __init__(
        self,
        res: ir.Type,
        addr: ir.Value,
        *,
        alignment: int | ir.IntegerAttr | None = None,
        volatile_: bool | None = None,
        nontemporal: bool | None = None,
        invariant: bool | None = None,
        invariantGroup: bool | None = None,
        ordering: Any = None,
        syncscope: str | ir.StringAttr | None = None,
        dereferenceable: Any = None,
        access_groups: Any = None,
        alias_scopes: Any = None,
        noalias_scopes: Any = None,
        tbaa: Any = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...
    @alignment.setter
    def alignment(self, value: ir.IntegerAttr | None) -> None: ...

class MemcpyOp(ir.OpView):
    def __init__(
        self,
        dst: ir.Value,
        src: ir.Value,
        len: ir.Value,
        isVolatile: bool | ir.BoolAttr,
        *,
        access_groups: Any = None,
        alias_scopes: Any = None,
        noalias_scopes: Any = None,
        tbaa: Any = None,
        arg_attrs: Any = None,
        res_attrs: Any = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def src(self) -> ir.Value: ...

class PoisonOp(ir.OpView):
    def __init__(
        self, res: ir.Type, *, loc: ir.Location | None = None, ip: ir.InsertionPoint | None = None
    ) -> None: ...

class SelectOp(ir.OpView):
    def __init__(
        self,
        condition: ir.Value,
        trueValue: ir.Value,
        falseValue: ir.Value,
        *,
        fastmathFlags: Any = None,
        results: Sequence[ir.Type] | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def condition(self) -> ir.Value: ...

class ShuffleVectorOp(ir.OpView):
    def __init__(
        self,
        res: ir.Type,
        v1: ir.Value,
        v2: ir.Value,
        mask: Sequence[int] | ir.DenseI32ArrayAttr,
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def mask(self) -> ir.DenseI32ArrayAttr: ...
    @mask.setter
    def mask(self, value: ir.DenseI32ArrayAttr) -> None: ...

class StoreOp(ir.OpView):
    def __init__(
        self,
        value: ir.Value,
        addr: ir.Value,
        *,
        alignment: int | ir.IntegerAttr | None = None,
        volatile_: bool | None = None,
        nontemporal: bool | None = None,
        invariantGroup: bool | None = None,
        ordering: Any = None,
        syncscope: str | ir.StringAttr | None = None,
        access_groups: Any = None,
        alias_scopes: Any = None,
        noalias_scopes: Any = None,
        tbaa: Any = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def value(self) -> ir.Value: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...
    @alignment.setter
    def alignment(self, value: ir.IntegerAttr | None) -> None: ...

class ZeroOp(ir.OpView):
    def __init__(
        self, res: ir.Type, *, loc: ir.Location | None = None, ip: ir.InsertionPoint | None = None
    ) -> None: ...

class AtomicOrdering(IntEnum):
    not_atomic = 0
    unordered = 1
    monotonic = 2
    acquire = 4
    release = 5
    acq_rel = 6
    seq_cst = 7

class ICmpPredicate(IntEnum):
    eq = 0
    ne = 1
    slt = 2
    sle = 3
    sgt = 4
    sge = 5
    ult = 6
    ule = 7
    ugt = 8
    uge = 9

class PointerType(ir.Type):
    def __init__(self, cast_from_type: ir.Type) -> None: ...
    @staticmethod
    def get(address_space: int | None = None, *, context: ir.Context | None = None) -> PointerType: ...

def translate_module_to_llvmir(module: ir.Operation) -> str: ...
