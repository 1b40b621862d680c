import pytest
from torch_mlir import ir

from rung.errors import ContractError
from rung.ir.context import make_context
from rung.ir.llvm_stage import check_llvm
from rung.lowering.lower_abi import LowerAbi
from rung.lowering.to_llvm import ToLlvm
from rung.pipelines import to_llvm
from rung.targets.isa.hexagon import HEXAGON
from tests.filecheck.matching import in_order, run

KERNEL = """
func.func @kernel(%x: memref<?xf32>, %n: i32, %b: i1, %h: f16, %gx: index) attributes {rung.kernel} {
  scf.if %b {
    %v = memref.load %x[%gx] : memref<?xf32>
    memref.store %v, %x[%gx] : memref<?xf32>
  }
  return
}"""


def test_entry_points():
    text = run(KERNEL, LowerAbi())
    in_order(
        text,
        r"func.func @kernel\(%arg0: !llvm.ptr, %arg1: i32, %arg2: i8, %arg3: f16, %arg4: i64\)",
        r"to memref<\?xf32>",
        r"arith.cmpi ne, %arg2",
        r"arith.index_cast %arg4 : i64 to index",
        r"func.func @kernel_packed\(%arg0: !llvm.ptr\)",
        r"llvm.load %arg0 : !llvm.ptr -> !llvm.ptr",
        r"getelementptr %arg0\[1\]",
        r"llvm.load %\w+ : !llvm.ptr -> i32",
        r"llvm.load %\w+ : !llvm.ptr -> i8",
        r"llvm.load %\w+ : !llvm.ptr -> f16",
        r"call @kernel\(",
    )


def test_the_entry_point_is_named_apart_and_marked():
    """Whatever the user's functions are called: launchers find it by the kernel's name."""
    others = """
func.func private @kernel_packed(%n: i32) -> i32 {
  return %n : i32
}
func.func private @caller(%n: i32) -> i32 {
  %r = func.call @kernel_packed(%n) : (i32) -> i32
  return %r : i32
}"""
    module = ir.Module.parse(KERNEL + others, make_context())
    LowerAbi().run(module)
    assert module.operation.verify()
    in_order(
        str(module),
        r"func.func @kernel\(%arg0: !llvm.ptr, .* attributes \{rung.kernel\}",
        r"func.func @kernel_packed\(%arg0: !llvm.ptr\) attributes \{rung.entry\}",
        "call @kernel\\(",
        r"func.func private @kernel_packed1\(%arg0: i32\) -> i32",
        r"func.func private @caller\(%arg0: i32\) -> i32",
        "call @kernel_packed1\\(",
    )


def test_what_a_kernel_asks_of_a_launch():
    text = run(
        """
func.func @kernel(%x: memref<?xf32>, %n: i32, %b: i1, %gx: index, %gy: index, %gz: index) attributes {rung.kernel} {
  return
}
func.func private @kernel_fits(%x: memref<?xf32>, %n: i32, %b: i1, %gx: index, %gy: index, %gz: index) -> i1
    attributes {rung.fits} {
  %c = arith.constant 100 : i32
  %few = arith.cmpi slt, %n, %c : i32
  %both = arith.andi %few, %b : i1
  return %both : i1
}""",
        LowerAbi(),
    )
    in_order(
        text,
        r"func.func @kernel_packed",
        r"llvm.load %\w+ : !llvm.ptr -> i32",
        r"arith.cmpi ne, %\w+, %c0_i8",
        r"arith.cmpi slt, %\w+, %c100_i32",
        r"scf.if",
        r"call @kernel\(",
        r"\} else \{",
        r"getelementptr %arg0\[3\]",
        r"llvm.store %c-1_i64, %\w+",
    )
    assert "fits" not in text


def test_other_functions_keep_their_signatures():
    text = run(
        "func.func private @combiner(%a: f32, %b: i1) -> f32 attributes {rung.combiner} { return %a : f32 }",
        LowerAbi(),
    )
    assert "@combiner(%arg0: f32, %arg1: i1) -> f32" in text and "packed" not in text


@pytest.mark.parametrize(
    "kind", ["memref<4x4xf32>", "tensor<4xf32>", "i128", "vector<4xf32>", "memref<?xf32, strided<[2]>>"]
)
def test_refuses_arguments(kind: str):
    with pytest.raises(ContractError, match="cannot take an argument"):
        run(f"func.func @kernel(%a: {kind}) attributes {{rung.kernel}} {{ return }}", LowerAbi())


def test_to_llvm_marks_scalar_code():
    text = run(KERNEL, LowerAbi(), ToLlvm(scalar=True))
    in_order(
        text,
        r'llvm.func @kernel\(.*passthrough = \["noimplicitfloat", "noinline"\]',
        "llvm.func @kernel_packed",
    )
    assert "memref" not in text and "unrealized" not in text


def test_index_of_32_bits():
    text = run(
        """
func.func @kernel(%x: memref<?xf32>, %n: index) attributes {rung.kernel} {
  %m = vector.create_mask %n : vector<16xi1>
  %p = arith.constant dense<0.0> : vector<16xf32>
  %v = vector.maskedload %x[%n], %m, %p : memref<?xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
  %h = vector.extract_strided_slice %v {offsets = [8], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
  %f = math.fma %h, %h, %h : vector<8xf32>
  vector.store %f, %x[%n] : memref<?xf32>, vector<8xf32>
  return
}""",
        LowerAbi(),
        *to_llvm(HEXAGON),
    )
    in_order(
        text,
        r"@kernel\(%arg0: !llvm.ptr, %arg1: i64\)",
        r"llvm.trunc %arg1 : i64 to i32",
        "llvm.shufflevector",
    )
    assert "llvm.call @fma" not in text


def test_to_llvm_names_what_is_left():
    with pytest.raises(ContractError, match=r"`tensor.empty` is left"):
        run(
            "func.func @f() -> tensor<4xf32> { %t = tensor.empty() : tensor<4xf32>\n return %t : tensor<4xf32> }",
            ToLlvm(),
        )


def test_check_llvm_finds_casts():
    module = ir.Module.parse(
        "llvm.func @f(%p: !llvm.ptr) { %m = builtin.unrealized_conversion_cast %p : !llvm.ptr to i64\n llvm.return }",
        make_context(),
    )
    with module.context, pytest.raises(ContractError, match="unrealized_conversion_cast"):
        check_llvm(module)
