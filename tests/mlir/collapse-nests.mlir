// RUN: rung opt %s --split-input-file --pipeline 'collapse-nests' | filecheck %s

// Loops that follow one another in both operands become one; the reduction stays apart, and keeps what asks for it.

#all = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#kept = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
func.func @third(%x: memref<2x4x2x8xi32>, %s: memref<2x4x8xi32>) {
  linalg.generic {indexing_maps = [#all, #kept], iterator_types = ["parallel", "parallel", "reduction", "parallel"]}
      ins(%x : memref<2x4x2x8xi32>) outs(%s : memref<2x4x8xi32>) {
  ^bb0(%a: i32, %sum: i32):
    %k = linalg.index 2 : index
    %i = arith.index_cast %k : index to i32
    %b = arith.muli %a, %i : i32
    %r = arith.xori %sum, %b : i32
    linalg.yield %r : i32
  }
  return
}

// CHECK:       #[[ALL:.+]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK:       #[[KEPT:.+]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-LABEL: func.func @third(
// CHECK-SAME:      %[[X:.+]]: memref<2x4x2x8xi32>, %[[S:.+]]: memref<2x4x8xi32>)
// CHECK-NEXT:    %[[A:.+]] = memref.reinterpret_cast %[[X]] to offset: [0], sizes: [8, 2, 8], strides: [16, 8, 1]
// CHECK-NEXT:    %[[B:.+]] = memref.reinterpret_cast %[[S]] to offset: [0], sizes: [8, 8], strides: [8, 1]
// CHECK-NEXT:    linalg.generic {indexing_maps = [#[[ALL]], #[[KEPT]]], iterator_types = ["parallel", "reduction", "parallel"]}
// CHECK-SAME:        ins(%[[A]] : {{.+}}) outs(%[[B]] : {{.+}})
// CHECK:           linalg.index 1

// -----

// Left alone: an operand that sees one of the two loops, rows with a gap between them, a loop that the body asks for,
// and loops as long as a vector.

#ij = affine_map<(d0, d1) -> (d0, d1)>
#j = affine_map<(d0, d1) -> (d1)>
func.func @alone(
    %x: memref<4x8xf32>, %row: memref<8xf32>, %gap: memref<4x8xf32, strided<[9, 1]>>, %y: memref<4x8xindex>,
    %long: memref<4x64xf32>) {
  linalg.generic {indexing_maps = [#j, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%row : memref<8xf32>) outs(%x : memref<4x8xf32>) {
  ^bb0(%a: f32, %old: f32):
    linalg.yield %a : f32
  }
  linalg.generic {indexing_maps = [#ij, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%gap : memref<4x8xf32, strided<[9, 1]>>) outs(%x : memref<4x8xf32>) {
  ^bb0(%a: f32, %old: f32):
    linalg.yield %a : f32
  }
  linalg.generic {indexing_maps = [#ij], iterator_types = ["parallel", "parallel"]} outs(%y : memref<4x8xindex>) {
  ^bb0(%old: index):
    %i = linalg.index 0 : index
    linalg.yield %i : index
  }
  linalg.generic {indexing_maps = [#ij], iterator_types = ["parallel", "parallel"]} outs(%long : memref<4x64xf32>) {
  ^bb0(%old: f32):
    %r = arith.negf %old : f32
    linalg.yield %r : f32
  }
  return
}

// CHECK-LABEL: func.func @alone(
// CHECK-NOT:     reinterpret_cast
// CHECK:         return
