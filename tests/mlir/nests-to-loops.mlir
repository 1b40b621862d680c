// RUN: rung opt %s --split-input-file --pipeline 'nests-to-loops' | filecheck %s
// RUN: rung opt %s --split-input-file --pipeline 'nests-to-loops{unroll=2}' | filecheck %s --check-prefix TWO

// A sum is carried through the loop; memory is written once, behind it.

#i = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>
func.func @sum(%x: memref<64xf32>, %s: memref<f32>) {
  linalg.generic {indexing_maps = [#i, #none], iterator_types = ["reduction"]}
      ins(%x : memref<64xf32>) outs(%s : memref<f32>) {
  ^bb0(%a: f32, %sum: f32):
    %r = arith.addf %sum, %a : f32
    linalg.yield %r : f32
  }
  return
}

// CHECK-LABEL: func.func @sum(
// CHECK-SAME:      %[[X:.+]]: memref<64xf32>, %[[S:.+]]: memref<f32>)
// CHECK:         %[[SUM:.+]] = scf.for %[[I:.+]] = %c0 to %c64 step %c1 iter_args(%[[ACC:.+]] = %cst) -> (f32) {
// CHECK-NEXT:      %[[A:.+]] = memref.load %[[X]][%[[I]]]
// CHECK-NEXT:      %[[R:.+]] = arith.addf %[[ACC]], %[[A]] : f32
// CHECK-NEXT:      scf.yield %[[R]]
// CHECK-NEXT:    }
// CHECK-NEXT:    %[[OLD:.+]] = memref.load %[[S]][]
// CHECK-NEXT:    %[[NEW:.+]] = arith.addf %[[OLD]], %[[SUM]]
// CHECK-NEXT:    memref.store %[[NEW]], %[[S]][]

// TWO-LABEL: func.func @sum(
// TWO:         %[[SUMS:.+]]:2 = scf.for %{{.+}} = %c0 to %c64 step %c2 iter_args({{.+}}) -> (f32, f32) {
// TWO:         arith.addf %[[SUMS]]#0, %[[SUMS]]#1

// -----

// A copy that the core itself makes is a nest, too; one into the scratchpad (memory space 1) is a transfer, and left.

func.func @copies(%x: memref<64xf32>, %y: memref<64xf32>, %z: memref<64xf32, 1>) {
  memref.copy %x, %y : memref<64xf32> to memref<64xf32>
  memref.copy %x, %z : memref<64xf32> to memref<64xf32, 1>
  return
}

// CHECK-LABEL: func.func @copies(
// CHECK-SAME:      %[[X:.+]]: memref<64xf32>, %[[Y:.+]]: memref<64xf32>, %[[Z:.+]]: memref<64xf32, 1>)
// CHECK:         scf.for %[[I:.+]] = %c0 to %c64 step %c1 {
// CHECK-NEXT:      %[[A:.+]] = memref.load %[[X]][%[[I]]]
// CHECK-NEXT:      memref.store %[[A]], %[[Y]][%[[I]]]
// CHECK-NEXT:    }
// CHECK-NEXT:    memref.copy %[[X]], %[[Z]]
