// RUN: rung opt %s --split-input-file --pipeline 'read-in-place{least-terms=8}' | filecheck %s

// Rows of A are copied under a mask, and zeros put beside them. Where all 4 x 8 numbers are there, they are read from
// memory, 8 or %s apart.

func.func @kernel(%A: memref<?xf32>, %b: memref<8x16xf32>, %C: memref<4x16xf32>, %o: index, %s: index, %r: index,
                  %c: index) attributes {rung.kernel} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %a = memref.alloca() : memref<4x8xf32>
  %rows = memref.reinterpret_cast %A to offset: [%o], sizes: [%r, %c], strides: [%s, 1]
    {rung.bounds = array<i64: 4, 8>} : memref<?xf32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
  
  %part = memref.reinterpret_cast %a to offset: [0], sizes: [%r, %c], strides: [8, 1]
    : memref<4x8xf32> to memref<?x?xf32, strided<[8, 1]>>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%rows : memref<?x?xf32, strided<[?, 1], offset: ?>>) outs(%part : memref<?x?xf32, strided<[8, 1]>>) {
    ^bb0(%e: f32, %old: f32): linalg.yield %e : f32 }
  %right = arith.subi %c8, %c : index
  %to_the_right = memref.reinterpret_cast %a to offset: [%c], sizes: [%r, %right], strides: [8, 1]
    : memref<4x8xf32> to memref<?x?xf32, strided<[8, 1], offset: ?>>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%to_the_right : memref<?x?xf32, strided<[8, 1], offset: ?>>) { ^bb0(%old: f32): linalg.yield %zero : f32 }
  %down = arith.subi %c4, %r : index
  %from = arith.muli %r, %c8 : index
  %below = memref.reinterpret_cast %a to offset: [%from], sizes: [%down, 8], strides: [8, 1]
    : memref<4x8xf32> to memref<?x8xf32, strided<[8, 1], offset: ?>>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%below : memref<?x8xf32, strided<[8, 1], offset: ?>>) { ^bb0(%old: f32): linalg.yield %zero : f32 }
  
  linalg.matmul ins(%a, %b : memref<4x8xf32>, memref<8x16xf32>) outs(%C : memref<4x16xf32>)
  return
}

// CHECK-LABEL: func.func @kernel(
// CHECK-SAME:      %[[A:.+]]: memref<?xf32>, %[[B:.+]]: memref<8x16xf32>
// CHECK:         %[[WHOLE:.+]] = arith.andi
// CHECK:         scf.if
// CHECK-COUNT-3:   linalg.generic
// CHECK:         arith.select %{{.+}}, %[[A]], %{{.+}} : memref<?xf32>
// CHECK:         linalg.matmul {rung.in_place} ins(%{{.+}}, %[[B]] : memref<4x8xf32, strided<[?, 1], offset: ?>>

// -----

// Left alone: columns of A that are not next to each other.

func.func @kernel(%A: memref<?xf32>, %b: memref<8x16xf32>, %C: memref<4x16xf32>, %o: index, %s: index, %r: index,
                  %c: index) attributes {rung.kernel} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %a = memref.alloca() : memref<4x8xf32>
  %rows = memref.reinterpret_cast %A to offset: [%o], sizes: [%r, %c], strides: [%s, %s]
    {rung.bounds = array<i64: 4, 8>} : memref<?xf32> to memref<?x?xf32, strided<[?, ?], offset: ?>>
  
  %part = memref.reinterpret_cast %a to offset: [0], sizes: [%r, %c], strides: [8, 1]
    : memref<4x8xf32> to memref<?x?xf32, strided<[8, 1]>>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%rows : memref<?x?xf32, strided<[?, ?], offset: ?>>) outs(%part : memref<?x?xf32, strided<[8, 1]>>) {
    ^bb0(%e: f32, %old: f32): linalg.yield %e : f32 }
  %right = arith.subi %c8, %c : index
  %to_the_right = memref.reinterpret_cast %a to offset: [%c], sizes: [%r, %right], strides: [8, 1]
    : memref<4x8xf32> to memref<?x?xf32, strided<[8, 1], offset: ?>>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%to_the_right : memref<?x?xf32, strided<[8, 1], offset: ?>>) { ^bb0(%old: f32): linalg.yield %zero : f32 }
  %down = arith.subi %c4, %r : index
  %from = arith.muli %r, %c8 : index
  %below = memref.reinterpret_cast %a to offset: [%from], sizes: [%down, 8], strides: [8, 1]
    : memref<4x8xf32> to memref<?x8xf32, strided<[8, 1], offset: ?>>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%below : memref<?x8xf32, strided<[8, 1], offset: ?>>) { ^bb0(%old: f32): linalg.yield %zero : f32 }
  
  linalg.matmul ins(%a, %b : memref<4x8xf32>, memref<8x16xf32>) outs(%C : memref<4x16xf32>)
  return
}

// CHECK-LABEL: func.func @kernel(
// CHECK-NOT:     rung.in_place
// CHECK:         return
