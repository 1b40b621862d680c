// RUN: not rung opt %s --split-input-file --pipeline 'to-llvm' 2>&1 | filecheck %s

// Nothing lowers tensors here: the front end gives nests on memrefs.

func.func @tensor() -> tensor<4xf32> {
  %t = tensor.empty() : tensor<4xf32>
  return %t : tensor<4xf32>
}

// CHECK: error: stage `llvm`: `tensor.empty` is left

// -----

// A cast that nothing has resolved would crash the translation to LLVM IR.

func.func @cast(%p: !llvm.ptr) -> i64 {
  %n = builtin.unrealized_conversion_cast %p : !llvm.ptr to i64
  return %n : i64
}

// CHECK: error: stage `llvm`: `builtin.unrealized_conversion_cast` is left
