// RUN: rung opt %s --split-input-file --pipeline 'join-lanes' | filecheck %s

// An operand that runs backwards along a part of a register is read at an exclusive or of the lane; what the body asks
// for is a part of the lane's number.

#all = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
func.func @halves(%x: memref<64x2x8xi32>, %other: memref<64x2x8xi32, strided<[16, -8, 1], offset: 8>>, %y: memref<64x2x8xi32>) {
  linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %other : memref<64x2x8xi32>, memref<64x2x8xi32, strided<[16, -8, 1], offset: 8>>) outs(%y : memref<64x2x8xi32>) {
  ^bb0(%a: i32, %b: i32, %old: i32):
    %j = linalg.index 1 : index
    %i = arith.index_cast %j : index to i32
    %s = arith.subi %a, %b : i32
    %r = arith.muli %s, %i : i32
    linalg.yield %r : i32
  }
  return
}

// CHECK:       #[[ROW:.+]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func.func @halves(
// CHECK-SAME:      %[[X:.+]]: memref<64x2x8xi32>, %[[OTHER:.+]]: memref<64x2x8xi32, strided<[16, -8, 1], offset: 8>>, %[[Y:.+]]: memref<64x2x8xi32>)
// CHECK-DAG:     %[[A:.+]] = memref.reinterpret_cast %[[X]] to offset: [0], sizes: [64, 16], strides: [16, 1]
// CHECK-DAG:     %[[B:.+]] = memref.reinterpret_cast %[[OTHER]] to offset: [0], sizes: [64, 16], strides: [16, 1]
// CHECK-DAG:     %[[C:.+]] = memref.reinterpret_cast %[[Y]] to offset: [0], sizes: [64, 16], strides: [16, 1]
// CHECK:         linalg.generic {indexing_maps = [#[[ROW]], #[[ROW]]], iterator_types = ["parallel", "parallel"]}
// CHECK-SAME:        ins(%[[A]] : {{.+}}) outs(%[[C]] : {{.+}})
// CHECK-NEXT:    ^bb0(%[[IN:.+]]: i32, %{{.+}}: i32):
// CHECK-NEXT:      %[[LANE:.+]] = linalg.index 1 : index
// CHECK:           %[[SHIFTED:.+]] = arith.shrui %[[LANE]], %{{.+}} : index
// CHECK:           %[[HALF:.+]] = arith.andi %[[SHIFTED]], %{{.+}} : index
// CHECK:           %[[OUTER:.+]] = linalg.index 0 : index
// CHECK:           %[[AT:.+]] = arith.xori %[[LANE]], %{{.+}} : index
// CHECK-NEXT:      %[[FOUND:.+]] = memref.load %[[B]][%[[OUTER]], %[[AT]]] : memref<64x16xi32, strided<[16, 1]>>
// CHECK:           arith.index_cast %[[HALF]] : index to i32
// CHECK:           arith.subi %[[IN]], %[[FOUND]] : i32

// -----

// Left alone: nothing runs backwards or is asked for, an output that runs backwards, a length that is no power of two,
// an operand that sees one of the loops, a reduction, and more than a register (of which a part is joined).

#ij = affine_map<(d0, d1) -> (d0, d1)>
#j = affine_map<(d0, d1) -> (d1)>
#i = affine_map<(d0, d1) -> (d0)>
func.func @alone(
    %x: memref<2x8xf32>, %y: memref<2x8xf32>, %back: memref<2x8xf32, strided<[-8, 1], offset: 8>>,
    %three: memref<3x4xf32, strided<[-4, 1], offset: 8>>, %row: memref<8xf32>, %s: memref<2xf32>) {
  linalg.generic {indexing_maps = [#ij, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<2x8xf32>) outs(%y : memref<2x8xf32>) {
  ^bb0(%a: f32, %old: f32):
    linalg.yield %a : f32
  }
  linalg.generic {indexing_maps = [#ij, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<2x8xf32>) outs(%back : memref<2x8xf32, strided<[-8, 1], offset: 8>>) {
  ^bb0(%a: f32, %old: f32):
    linalg.yield %a : f32
  }
  linalg.generic {indexing_maps = [#ij], iterator_types = ["parallel", "parallel"]}
      outs(%three : memref<3x4xf32, strided<[-4, 1], offset: 8>>) {
  ^bb0(%old: f32):
    %r = arith.negf %old : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#ij, #j, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%back, %row : memref<2x8xf32, strided<[-8, 1], offset: 8>>, memref<8xf32>) outs(%y : memref<2x8xf32>) {
  ^bb0(%a: f32, %b: f32, %old: f32):
    %r = arith.addf %a, %b : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#ij, #i], iterator_types = ["parallel", "reduction"]}
      ins(%back : memref<2x8xf32, strided<[-8, 1], offset: 8>>) outs(%s : memref<2xf32>) {
  ^bb0(%a: f32, %sum: f32):
    %r = arith.addf %sum, %a : f32
    linalg.yield %r : f32
  }
  return
}

// CHECK-LABEL: func.func @alone(
// CHECK-NOT:     reinterpret_cast
// CHECK:         return
