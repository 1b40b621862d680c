// RUN: not rung opt %s --split-input-file --pipeline 'tile-contractions' 2>&1 | filecheck %s

func.func @dynamic(%a: memref<?x32xf32>, %b: memref<32x64xf32>, %c: memref<?x64xf32>) {
  linalg.matmul ins(%a, %b : memref<?x32xf32>, memref<32x64xf32>) outs(%c : memref<?x64xf32>)
  return
}

// CHECK: error: `linalg.matmul` of dynamic shape is not supported
// CHECK-SAME: supported: buffers of static shape

// -----

#a = affine_map<(m, n, k) -> (k, m)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @transposed(%a: memref<32x64xf32>, %b: memref<32x64xf32>, %c: memref<64x64xf32>) {
  linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%a, %b : memref<32x64xf32>, memref<32x64xf32>) outs(%c : memref<64x64xf32>)
  return
}

// CHECK: error: `linalg.matmul` with transposed operands is not supported
// CHECK-SAME: supported: A: MxK, B: KxN, C: MxN
