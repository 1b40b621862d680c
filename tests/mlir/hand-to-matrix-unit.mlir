// RUN: rung opt %s --split-input-file --pipeline 'hand-to-matrix-unit' | filecheck %s

// The nests that fill A and B are the unit's business; the one before them, which computes something else, is not. What
// stands between them and computes nothing stays where it is.

#map = affine_map<(i, j) -> (i, j)>
// CHECK-DAG: func.func private @rung_matrix_f32_4x16x8()
// CHECK-DAG: func.func private @rung_matrix_end()
// CHECK: func.func @kernel
func.func @kernel(%x: memref<4x8xf32>, %y: memref<8x16xf32>, %c: memref<4x16xf32>) attributes {rung.kernel} {
  %zero = arith.constant 0.0 : f32
  %a = memref.alloca() : memref<4x8xf32>
  // CHECK: outs(%{{.*}} : memref<4x16xf32>)
  // CHECK: call @rung_matrix_f32_4x16x8() : () -> ()
  // CHECK: outs(%{{.*}} : memref<4x8xf32>)
  // CHECK: memref.alloca() : memref<8x16xf32>
  // CHECK: outs(%{{.*}} : memref<8x16xf32>)
  // CHECK: linalg.matmul
  // CHECK: call @rung_matrix_end() : () -> ()
  // CHECK: outs(%{{.*}} : memref<4x16xf32>)
  linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]}
    outs(%c : memref<4x16xf32>) { ^bb0(%o: f32): linalg.yield %zero : f32 }
  linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}
    ins(%x : memref<4x8xf32>) outs(%a : memref<4x8xf32>) { ^bb0(%i: f32, %o: f32): linalg.yield %i : f32 }
  %b = memref.alloca() : memref<8x16xf32>
  linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}
    ins(%y : memref<8x16xf32>) outs(%b : memref<8x16xf32>) { ^bb0(%i: f32, %o: f32): linalg.yield %i : f32 }
  linalg.matmul ins(%a, %b : memref<4x8xf32>, memref<8x16xf32>) outs(%c : memref<4x16xf32>)
  linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]}
    outs(%c : memref<4x16xf32>) { ^bb0(%o: f32): %s = arith.addf %o, %o : f32 linalg.yield %s : f32 }
  return
}

// -----

// A batch is so many rows more. Two contractions of one size have one declaration; between them, each has its own calls.

// CHECK: func.func private @rung_matrix_f32_12x16x8()
// CHECK-NOT: func.func private @rung_matrix_f32_12x16x8()
// CHECK-LABEL: func.func @batches
func.func @batches(%a: memref<3x4x8xf32>, %b: memref<3x8x16xf32>, %c: memref<3x4x16xf32>) attributes {rung.kernel} {
  // CHECK: call @rung_matrix_f32_12x16x8()
  // CHECK-NEXT: linalg.batch_matmul
  // CHECK-NEXT: call @rung_matrix_end()
  // CHECK-NEXT: call @rung_matrix_f32_12x16x8()
  // CHECK-NEXT: linalg.batch_matmul
  // CHECK-NEXT: call @rung_matrix_end()
  linalg.batch_matmul ins(%a, %b : memref<3x4x8xf32>, memref<3x8x16xf32>) outs(%c : memref<3x4x16xf32>)
  linalg.batch_matmul ins(%a, %b : memref<3x4x8xf32>, memref<3x8x16xf32>) outs(%c : memref<3x4x16xf32>)
  return
}

// -----

// Of dynamic shape: left alone.

// CHECK-LABEL: func.func @dynamic
// CHECK-NOT: call @
func.func @dynamic(%a: memref<?x8xf32>, %b: memref<8x16xf32>, %c: memref<?x16xf32>) attributes {rung.kernel} {
  linalg.matmul ins(%a, %b : memref<?x8xf32>, memref<8x16xf32>) outs(%c : memref<?x16xf32>)
  return
}

// -----

// Another type than those that the unit multiplies: left alone.

// CHECK-LABEL: func.func @halves
// CHECK-NOT: call @
func.func @halves(%a: memref<4x8xf16>, %b: memref<8x16xf16>, %c: memref<4x16xf32>) attributes {rung.kernel} {
  linalg.matmul ins(%a, %b : memref<4x8xf16>, memref<8x16xf16>) outs(%c : memref<4x16xf32>)
  return
}
