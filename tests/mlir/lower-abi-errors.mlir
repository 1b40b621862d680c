// RUN: not rung opt %s --split-input-file --pipeline 'lower-abi' 2>&1 | filecheck %s

func.func @two_dimensions(%x: memref<4x4xf32>) attributes {rung.kernel} {
  return
}

// CHECK: error: lower-abi: a kernel cannot take an argument of type memref<4x4xf32>

// -----

func.func @wide_integer(%n: i128) attributes {rung.kernel} {
  return
}

// CHECK: error: lower-abi: a kernel cannot take an argument of type i128

// -----

func.func @results(%n: i32) -> i32 attributes {rung.kernel} {
  return %n : i32
}

// CHECK: error: lower-abi: the kernel `results` has results
