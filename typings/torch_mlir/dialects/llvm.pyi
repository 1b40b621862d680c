# What rung uses of `torch_mlir.dialects.llvm`: the signatures of torch_mlir 20261001,
# read with `inspect` at run time. A parameter takes any `ir.Value`; anything else in the module is `Any`.
import enum
from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

def __getattr__(name: str) -> Any: ...

class AllocaOp(ir.OpView):
    def __init__(
        self,
        res: ir.Type,
        arraySize: ir.Value,
        elem_type: ir.Type | ir.TypeAttr,
        *,
        alignment: int | ir.IntegerAttr | None = ...,
        inalloca: bool | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def arraySize(self) -> ir.Value[ir.IntegerType]: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...
    @property
    def elem_type(self) -> ir.TypeAttr: ...
    @property
    def inalloca(self) -> bool: ...
    @property
    def res(self) -> ir.OpResult: ...

class AtomicCmpXchgOp(ir.OpView):
    def __init__(
        self,
        ptr: ir.Value,
        cmp: ir.Value,
        val: ir.Value,
        success_ordering: Any,
        failure_ordering: Any,
        *,
        syncscope: str | ir.StringAttr | None = ...,
        alignment: int | ir.IntegerAttr | None = ...,
        weak: bool | None = ...,
        volatile_: bool | None = ...,
        access_groups: Any = ...,
        alias_scopes: Any = ...,
        noalias_scopes: Any = ...,
        tbaa: Any = ...,
        results: Sequence[ir.Type] | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def ptr(self) -> ir.Value: ...
    @property
    def cmp(self) -> ir.Value: ...
    @property
    def val(self) -> ir.Value: ...
    @property
    def success_ordering(self) -> ir.Attribute: ...
    @property
    def failure_ordering(self) -> ir.Attribute: ...
    @property
    def syncscope(self) -> ir.StringAttr | None: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...
    @property
    def weak(self) -> bool: ...
    @property
    def volatile_(self) -> bool: ...
    @property
    def access_groups(self) -> ir.ArrayAttr | None: ...
    @property
    def alias_scopes(self) -> ir.ArrayAttr | None: ...
    @property
    def noalias_scopes(self) -> ir.ArrayAttr | None: ...
    @property
    def tbaa(self) -> ir.ArrayAttr | None: ...
    @property
    def res(self) -> ir.OpResult: ...

class AtomicOrdering(enum.IntEnum):
    not_atomic = 0
    unordered = 1
    monotonic = 2
    acquire = 4
    release = 5
    acq_rel = 6
    seq_cst = 7

class ConstantOp(ir.OpView):
    def __init__(
        self, res: ir.Type, value: Any, *, loc: ir.Location | None = ..., ip: ir.InsertionPoint | None = ...
    ) -> None: ...
    @property
    def value(self) -> ir.Attribute: ...
    @property
    def res(self) -> ir.OpResult: ...

class ExtractValueOp(ir.OpView):
    def __init__(
        self,
        res: ir.Type,
        container: ir.Value,
        position: Sequence[int] | ir.DenseI64ArrayAttr,
        *,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def container(self) -> ir.Value: ...
    @property
    def position(self) -> ir.DenseI64ArrayAttr: ...
    @property
    def res(self) -> ir.OpResult: ...

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
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def base(self) -> ir.Value: ...
    @property
    def dynamicIndices(self) -> ir.OpOperandList: ...
    @property
    def rawConstantIndices(self) -> ir.DenseI32ArrayAttr: ...
    @property
    def elem_type(self) -> ir.TypeAttr: ...
    @property
    def res(self) -> ir.OpResult: ...

class InsertValueOp(ir.OpView):
    def __init__(
        self,
        container: ir.Value,
        value: ir.Value,
        position: Sequence[int] | ir.DenseI64ArrayAttr,
        *,
        results: Sequence[ir.Type] | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def container(self) -> ir.Value: ...
    @property
    def value(self) -> ir.Value: ...
    @property
    def position(self) -> ir.DenseI64ArrayAttr: ...
    @property
    def res(self) -> ir.OpResult: ...

class IntToPtrOp(ir.OpView):
    def __init__(
        self,
        res: ir.Type,
        arg: ir.Value,
        *,
        dereferenceable: Any = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def arg(self) -> ir.Value: ...
    @property
    def dereferenceable(self) -> ir.Attribute | None: ...
    @property
    def res(self) -> ir.OpResult: ...

class LLVMFuncOp(ir.OpView):
    def __init__(
        self,
        sym_name: str | ir.StringAttr,
        function_type: Any,
        *,
        sym_visibility: str | ir.StringAttr | None = ...,
        linkage: Any = ...,
        dso_local: bool | None = ...,
        CConv: Any = ...,
        comdat: str | ir.SymbolRefAttr | None = ...,
        convergent: bool | None = ...,
        personality: str | ir.FlatSymbolRefAttr | None = ...,
        garbageCollector: str | ir.StringAttr | None = ...,
        passthrough: Sequence[ir.Attribute] | ir.ArrayAttr | None = ...,
        arg_attrs: Any = ...,
        res_attrs: Any = ...,
        function_entry_count: Any = ...,
        memory_effects: Any = ...,
        visibility_: Any = ...,
        arm_streaming: bool | None = ...,
        arm_locally_streaming: bool | None = ...,
        arm_streaming_compatible: bool | None = ...,
        arm_new_za: bool | None = ...,
        arm_in_za: bool | None = ...,
        arm_out_za: bool | None = ...,
        arm_inout_za: bool | None = ...,
        arm_preserves_za: bool | None = ...,
        section: str | ir.StringAttr | None = ...,
        unnamed_addr: Any = ...,
        alignment: int | ir.IntegerAttr | None = ...,
        vscale_range: Any = ...,
        frame_pointer: Any = ...,
        target_cpu: str | ir.StringAttr | None = ...,
        tune_cpu: str | ir.StringAttr | None = ...,
        reciprocal_estimates: str | ir.StringAttr | None = ...,
        prefer_vector_width: str | ir.StringAttr | None = ...,
        target_features: Any = ...,
        no_signed_zeros_fp_math: bool | ir.BoolAttr | None = ...,
        denormal_fpenv: Any = ...,
        fp_contract: str | ir.StringAttr | None = ...,
        instrument_function_entry: str | ir.StringAttr | None = ...,
        instrument_function_exit: str | ir.StringAttr | None = ...,
        no_inline: bool | None = ...,
        always_inline: bool | None = ...,
        inline_hint: bool | None = ...,
        no_unwind: bool | None = ...,
        will_return: bool | None = ...,
        noreturn: bool | None = ...,
        optimize_none: bool | None = ...,
        returns_twice: bool | None = ...,
        hot: bool | None = ...,
        cold: bool | None = ...,
        noduplicate: bool | None = ...,
        no_caller_saved_registers: bool | None = ...,
        nocallback: bool | None = ...,
        modular_format: str | ir.StringAttr | None = ...,
        nobuiltins: Sequence[ir.Attribute] | ir.ArrayAttr | None = ...,
        allocsize: Sequence[int] | ir.DenseI32ArrayAttr | None = ...,
        optsize: bool | None = ...,
        minsize: bool | None = ...,
        save_reg_params: bool | None = ...,
        zero_call_used_regs: str | ir.StringAttr | None = ...,
        default_func_attrs: dict[str, Any] | ir.DictAttr | None = ...,
        vec_type_hint: Any = ...,
        work_group_size_hint: Sequence[int] | ir.DenseI32ArrayAttr | None = ...,
        reqd_work_group_size: Sequence[int] | ir.DenseI32ArrayAttr | None = ...,
        intel_reqd_sub_group_size: int | ir.IntegerAttr | None = ...,
        uwtable_kind: Any = ...,
        use_sample_profile: bool | ir.BoolAttr | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def sym_name(self) -> ir.StringAttr: ...
    @property
    def sym_visibility(self) -> ir.StringAttr | None: ...
    @property
    def function_type(self) -> ir.TypeAttr: ...
    @property
    def linkage(self) -> ir.Attribute: ...
    @property
    def dso_local(self) -> bool: ...
    @property
    def CConv(self) -> ir.Attribute: ...
    @property
    def comdat(self) -> ir.SymbolRefAttr | None: ...
    @property
    def convergent(self) -> bool: ...
    @property
    def personality(self) -> ir.FlatSymbolRefAttr | None: ...
    @property
    def garbageCollector(self) -> ir.StringAttr | None: ...
    @property
    def passthrough(self) -> ir.ArrayAttr | None: ...
    @property
    def arg_attrs(self) -> ir.ArrayAttr | None: ...
    @property
    def res_attrs(self) -> ir.ArrayAttr | None: ...
    @property
    def function_entry_count(self) -> ir.Attribute | None: ...
    @property
    def memory_effects(self) -> ir.Attribute | None: ...
    @property
    def visibility_(self) -> ir.Attribute: ...
    @property
    def arm_streaming(self) -> bool: ...
    @property
    def arm_locally_streaming(self) -> bool: ...
    @property
    def arm_streaming_compatible(self) -> bool: ...
    @property
    def arm_new_za(self) -> bool: ...
    @property
    def arm_in_za(self) -> bool: ...
    @property
    def arm_out_za(self) -> bool: ...
    @property
    def arm_inout_za(self) -> bool: ...
    @property
    def arm_preserves_za(self) -> bool: ...
    @property
    def section(self) -> ir.StringAttr | None: ...
    @property
    def unnamed_addr(self) -> ir.Attribute | None: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...
    @property
    def vscale_range(self) -> ir.Attribute | None: ...
    @property
    def frame_pointer(self) -> ir.Attribute | None: ...
    @property
    def target_cpu(self) -> ir.StringAttr | None: ...
    @property
    def tune_cpu(self) -> ir.StringAttr | None: ...
    @property
    def reciprocal_estimates(self) -> ir.StringAttr | None: ...
    @property
    def prefer_vector_width(self) -> ir.StringAttr | None: ...
    @property
    def target_features(self) -> ir.Attribute | None: ...
    @property
    def no_signed_zeros_fp_math(self) -> ir.BoolAttr | None: ...
    @property
    def denormal_fpenv(self) -> ir.Attribute | None: ...
    @property
    def fp_contract(self) -> ir.StringAttr | None: ...
    @property
    def instrument_function_entry(self) -> ir.StringAttr | None: ...
    @property
    def instrument_function_exit(self) -> ir.StringAttr | None: ...
    @property
    def no_inline(self) -> bool: ...
    @property
    def always_inline(self) -> bool: ...
    @property
    def inline_hint(self) -> bool: ...
    @property
    def no_unwind(self) -> bool: ...
    @property
    def will_return(self) -> bool: ...
    @property
    def noreturn(self) -> bool: ...
    @property
    def optimize_none(self) -> bool: ...
    @property
    def returns_twice(self) -> bool: ...
    @property
    def hot(self) -> bool: ...
    @property
    def cold(self) -> bool: ...
    @property
    def noduplicate(self) -> bool: ...
    @property
    def no_caller_saved_registers(self) -> bool: ...
    @property
    def nocallback(self) -> bool: ...
    @property
    def modular_format(self) -> ir.StringAttr | None: ...
    @property
    def nobuiltins(self) -> ir.ArrayAttr | None: ...
    @property
    def allocsize(self) -> ir.DenseI32ArrayAttr | None: ...
    @property
    def optsize(self) -> bool: ...
    @property
    def minsize(self) -> bool: ...
    @property
    def save_reg_params(self) -> bool: ...
    @property
    def zero_call_used_regs(self) -> ir.StringAttr | None: ...
    @property
    def default_func_attrs(self) -> ir.DictAttr | None: ...
    @property
    def vec_type_hint(self) -> ir.Attribute | None: ...
    @property
    def work_group_size_hint(self) -> ir.DenseI32ArrayAttr | None: ...
    @property
    def reqd_work_group_size(self) -> ir.DenseI32ArrayAttr | None: ...
    @property
    def intel_reqd_sub_group_size(self) -> ir.IntegerAttr | None: ...
    @property
    def uwtable_kind(self) -> ir.Attribute | None: ...
    @property
    def use_sample_profile(self) -> ir.BoolAttr | None: ...
    @property
    def body(self) -> ir.Region: ...

class LoadOp(ir.OpView):
    def __init__(
        self,
        res: ir.Type,
        addr: ir.Value,
        *,
        alignment: int | ir.IntegerAttr | None = ...,
        volatile_: bool | None = ...,
        nontemporal: bool | None = ...,
        invariant: bool | None = ...,
        invariantGroup: bool | None = ...,
        ordering: Any = ...,
        syncscope: str | ir.StringAttr | None = ...,
        dereferenceable: Any = ...,
        access_groups: Any = ...,
        alias_scopes: Any = ...,
        noalias_scopes: Any = ...,
        tbaa: Any = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def addr(self) -> ir.Value: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...
    @property
    def volatile_(self) -> bool: ...
    @property
    def nontemporal(self) -> bool: ...
    @property
    def invariant(self) -> bool: ...
    @property
    def invariantGroup(self) -> bool: ...
    @property
    def ordering(self) -> ir.Attribute: ...
    @property
    def syncscope(self) -> ir.StringAttr | None: ...
    @property
    def dereferenceable(self) -> ir.Attribute | None: ...
    @property
    def access_groups(self) -> ir.ArrayAttr | None: ...
    @property
    def alias_scopes(self) -> ir.ArrayAttr | None: ...
    @property
    def noalias_scopes(self) -> ir.ArrayAttr | None: ...
    @property
    def tbaa(self) -> ir.ArrayAttr | None: ...
    @property
    def res(self) -> ir.OpResult: ...

class MemcpyOp(ir.OpView):
    def __init__(
        self,
        dst: ir.Value,
        src: ir.Value,
        len: ir.Value,
        isVolatile: bool | ir.BoolAttr,
        *,
        access_groups: Any = ...,
        alias_scopes: Any = ...,
        noalias_scopes: Any = ...,
        tbaa: Any = ...,
        arg_attrs: Any = ...,
        res_attrs: Any = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def dst(self) -> ir.Value: ...
    @property
    def src(self) -> ir.Value: ...
    @property
    def len(self) -> ir.Value[ir.IntegerType]: ...
    @property
    def isVolatile(self) -> ir.BoolAttr: ...
    @property
    def access_groups(self) -> ir.ArrayAttr | None: ...
    @property
    def alias_scopes(self) -> ir.ArrayAttr | None: ...
    @property
    def noalias_scopes(self) -> ir.ArrayAttr | None: ...
    @property
    def tbaa(self) -> ir.ArrayAttr | None: ...
    @property
    def arg_attrs(self) -> ir.ArrayAttr | None: ...
    @property
    def res_attrs(self) -> ir.ArrayAttr | None: ...

class PointerType(ir.Type):
    def __init__(self, cast_from_type: ir.Type) -> None: ...
    @staticmethod
    def get(address_space: int | None = None, *, context: ir.Context | None = None) -> PointerType: ...
    @property
    def address_space(self) -> int: ...

class PoisonOp(ir.OpView):
    def __init__(self, res: ir.Type, *, loc: ir.Location | None = ..., ip: ir.InsertionPoint | None = ...) -> None: ...
    @property
    def res(self) -> ir.OpResult: ...

class StoreOp(ir.OpView):
    def __init__(
        self,
        value: ir.Value,
        addr: ir.Value,
        *,
        alignment: int | ir.IntegerAttr | None = ...,
        volatile_: bool | None = ...,
        nontemporal: bool | None = ...,
        invariantGroup: bool | None = ...,
        ordering: Any = ...,
        syncscope: str | ir.StringAttr | None = ...,
        access_groups: Any = ...,
        alias_scopes: Any = ...,
        noalias_scopes: Any = ...,
        tbaa: Any = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def value(self) -> ir.Value: ...
    @property
    def addr(self) -> ir.Value: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...
    @property
    def volatile_(self) -> bool: ...
    @property
    def nontemporal(self) -> bool: ...
    @property
    def invariantGroup(self) -> bool: ...
    @property
    def ordering(self) -> ir.Attribute: ...
    @property
    def syncscope(self) -> ir.StringAttr | None: ...
    @property
    def access_groups(self) -> ir.ArrayAttr | None: ...
    @property
    def alias_scopes(self) -> ir.ArrayAttr | None: ...
    @property
    def noalias_scopes(self) -> ir.ArrayAttr | None: ...
    @property
    def tbaa(self) -> ir.ArrayAttr | None: ...

def translate_module_to_llvmir(module: ir.Operation) -> str: ...
