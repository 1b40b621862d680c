// RUN: rung opt %s --split-input-file --pipeline 'mark-kept' | filecheck %s

// Programs (x, y), x fastest: where B is read depends on the program through the quotient y only, so that all programs
// along x multiply with the same B. A and B are taken to be other memory than C, which is written.

#map = affine_map<(i, j) -> (i, j)>
func.func @kernel(%A: memref<?xf32>, %B: memref<?xf32>, %C: memref<?xf32>, %F: memref<?xi32>, %gx: index, %T: index,
                  %K: index) attributes {rung.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1 : i32
  scf.for %p = %c0 to %T step %c1 {
    %x = arith.remui %p, %gx : index
    %y = arith.divui %p, %gx : index
    %a = memref.alloca() : memref<4x8xf32>
    %b = memref.alloca() : memref<8x16xf32>
    %c = memref.alloca() : memref<4x16xf32>
    
    linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]}
      outs(%c : memref<4x16xf32>) { ^bb0(%o: f32): linalg.yield %zero : f32 }
    %r = arith.muli %x, %c4 : index
    %first = arith.muli %r, %K : index
    %columns = arith.muli %y, %c16 : index
    scf.for %k = %c0 to %K step %c8 {
      %from = arith.addi %first, %k : index
      %va = memref.reinterpret_cast %A to offset: [%from], sizes: [4, 8], strides: [%K, 1]
        : memref<?xf32> to memref<4x8xf32, strided<[?, 1], offset: ?>>
      linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%va : memref<4x8xf32, strided<[?, 1], offset: ?>>) outs(%a : memref<4x8xf32>) {
        ^bb0(%e: f32, %o: f32): linalg.yield %e : f32
      }
      %rows = arith.muli %k, %c64 : index
      %at = arith.addi %rows, %columns : index
      %vb = memref.reinterpret_cast %B to offset: [%at], sizes: [8, 16], strides: [64, 1]
        : memref<?xf32> to memref<8x16xf32, strided<[64, 1], offset: ?>>
      linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%vb : memref<8x16xf32, strided<[64, 1], offset: ?>>) outs(%b : memref<8x16xf32>)
        { ^bb0(%e: f32, %o: f32): linalg.yield %e : f32 }
      
      linalg.matmul ins(%a, %b : memref<4x8xf32>, memref<8x16xf32>) outs(%c : memref<4x16xf32>)
    }
    
    %low = arith.muli %r, %c64 : index
    %place = arith.addi %low, %columns : index
    %vc = memref.reinterpret_cast %C to offset: [%place], sizes: [4, 16], strides: [64, 1]
      : memref<?xf32> to memref<4x16xf32, strided<[64, 1], offset: ?>>
    linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%c : memref<4x16xf32>) outs(%vc : memref<4x16xf32, strided<[64, 1], offset: ?>>)
      { ^bb0(%e: f32, %o: f32): linalg.yield %e : f32 }
  } {rung.grid_loop}
  return
}

// CHECK-LABEL: func.func @kernel(
// CHECK-SAME:      {{.*}}rung.assumed = array<i64: 1, 2>
// CHECK:         linalg.matmul {rung.kept = 1 : i64} ins(%{{.+}}, %{{.+}} : memref<4x8xf32>, memref<8x16xf32>)
