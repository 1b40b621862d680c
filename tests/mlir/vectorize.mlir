// RUN: rung opt %s --split-input-file --pipeline 'vectorize{vector-bytes=16 unroll=2}' | filecheck %s

// Whole vectors, two in flight, up to the last multiple of 8; then one vector at a time under a mask.

#i = affine_map<(d0) -> (d0)>
func.func @map(%x: memref<?xf32>, %y: memref<?xf32>) {
  linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]}
      ins(%x : memref<?xf32>) outs(%y : memref<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    %r = arith.addf %a, %a : f32
    linalg.yield %r : f32
  }
  return
}

// CHECK-LABEL: func.func @map(
// CHECK-SAME:      %[[X:.+]]: memref<?xf32>, %[[Y:.+]]: memref<?xf32>)
// CHECK:         %[[N:.+]] = memref.dim %[[X]], %c0
// CHECK:         %[[NONE:.+]] = arith.constant dense<0.0{{.*}}> : vector<4xf32>
// CHECK-NEXT:    %[[REST:.+]] = arith.remui %[[N]], %c8
// CHECK-NEXT:    %[[MAIN:.+]] = arith.subi %[[N]], %[[REST]]
// CHECK-NEXT:    scf.for %[[I:.+]] = %c0{{.*}} to %[[MAIN]] step %c8 {
// CHECK-NEXT:      %[[I4:.+]] = arith.addi %[[I]], %c4
// CHECK-NEXT:      %[[A0:.+]] = vector.load %[[X]][%[[I]]] : memref<?xf32>, vector<4xf32>
// CHECK-NEXT:      %[[A1:.+]] = vector.load %[[X]][%[[I4]]] : memref<?xf32>, vector<4xf32>
// CHECK-NEXT:      %[[R0:.+]] = arith.addf %[[A0]], %[[A0]] : vector<4xf32>
// CHECK-NEXT:      %[[R1:.+]] = arith.addf %[[A1]], %[[A1]] : vector<4xf32>
// CHECK-NEXT:      vector.store %[[R0]], %[[Y]][%[[I]]]
// CHECK-NEXT:      vector.store %[[R1]], %[[Y]][%[[I4]]]
// CHECK-NEXT:    } {rung.vectorized = {lanes = 4 : i64, unroll = 2 : i64}}
// CHECK-NEXT:    scf.for %[[I:.+]] = %[[MAIN]] to %[[N]] step %c4 {
// CHECK-NEXT:      %[[LEFT:.+]] = arith.subi %[[N]], %[[I]]
// CHECK-NEXT:      %[[MASK:.+]] = vector.create_mask %[[LEFT]] : vector<4xi1>
// CHECK-NEXT:      %[[A:.+]] = vector.maskedload %[[X]][%[[I]]], %[[MASK]], %[[NONE]]
// CHECK-NEXT:      %[[R:.+]] = arith.addf %[[A]], %[[A]]
// CHECK-NEXT:      vector.maskedstore %[[Y]][%[[I]]], %[[MASK]], %[[R]]
// CHECK-NEXT:    } {rung.vectorized = {lanes = 4 : i64, unroll = 1 : i64}}

// -----

// A sum has one accumulator per vector in flight; they are added up behind the loop. 64 is a multiple of 8, so that
// nothing is left over.

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
// CHECK:         %[[ZERO:.+]] = arith.constant dense<-0.0{{.*}}> : vector<4xf32>
// CHECK:         %[[SUMS:.+]]:2 = scf.for %{{.+}} = %c0 to %c64 step %c8
// CHECK-SAME:        iter_args(%[[ACC0:.+]] = %[[ZERO]], %[[ACC1:.+]] = %[[ZERO]])
// CHECK:           arith.addf %[[ACC0]], %{{.+}} : vector<4xf32>
// CHECK-NEXT:      arith.addf %[[ACC1]], %{{.+}} : vector<4xf32>
// CHECK:         } {rung.vectorized = {lanes = 4 : i64, unroll = 2 : i64}}
// Four lanes, two, one; at last what the accumulator held before.
// CHECK-NEXT:    arith.addf %[[SUMS]]#0, %[[SUMS]]#1 : vector<4xf32>
// CHECK:         arith.addf %{{.+}}, %{{.+}} : vector<2xf32>
// CHECK:         %[[SUM:.+]] = arith.addf %{{.+}}, %{{.+}} : f32
// CHECK-NEXT:    %[[OLD:.+]] = memref.load %[[S]][]
// CHECK-NEXT:    %[[NEW:.+]] = arith.addf %[[OLD]], %[[SUM]]
// CHECK-NEXT:    memref.store %[[NEW]], %[[S]][]
// CHECK-NEXT:    return

// -----

// A running sum is done in registers: shifted and added, log2(4) times.

#i = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>
func.func @running_sum(%x: memref<64xf32>, %y: memref<64xf32>, %s: memref<f32>) {
  linalg.generic {indexing_maps = [#i, #i, #none], iterator_types = ["reduction"]}
      ins(%x : memref<64xf32>) outs(%y, %s : memref<64xf32>, memref<f32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %r = arith.addf %sum, %a : f32
    linalg.yield %r, %r : f32, f32
  }
  return
}

// CHECK-LABEL: func.func @running_sum(
// CHECK:         scf.for {{.*}} iter_args(%[[BEFORE:.+]] = %{{.+}}) -> (vector<4xf32>) {
// CHECK:           %[[A:.+]] = vector.load
// CHECK:           %[[BY1:.+]] = vector.shuffle %[[ZERO:.+]], %[[A]] [0, 4, 5, 6]
// CHECK-NEXT:      %[[TWO:.+]] = arith.addf %[[BY1]], %[[A]]
// CHECK-NEXT:      %[[BY2:.+]] = vector.shuffle %[[ZERO]], %[[TWO]] [0, 1, 4, 5]
// CHECK-NEXT:      %[[FOUR:.+]] = arith.addf %[[BY2]], %[[TWO]]
// The last lane of one vector is what comes before the next one.
// CHECK:           %[[R:.+]] = arith.addf %[[BEFORE]], %[[FOUR]]
// CHECK-NEXT:      vector.shuffle %[[R]], %[[R]] [3, 3, 3, 3]
// CHECK:           vector.store %[[R]],
// CHECK:         } {rung.vectorized = {lanes = 4 : i64, unroll = 2 : i64}}

// -----

// What cannot be vectorized gets a loop over scalars, with the reason.

#i = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>
func.func @horner(%x: memref<?xf32>, %s: memref<f32>) {
  linalg.generic {indexing_maps = [#i, #none], iterator_types = ["reduction"]}
      ins(%x : memref<?xf32>) outs(%s : memref<f32>) {
  ^bb0(%a: f32, %sum: f32):
    %t = arith.mulf %sum, %a : f32
    %r = arith.addf %t, %a : f32
    linalg.yield %r : f32
  }
  return
}

// CHECK-LABEL: func.func @horner(
// CHECK-NOT:     vector
// CHECK:         scf.for %{{.+}} = %c0 to %{{.+}} step %c1 iter_args(%{{.+}} = %{{.+}}) -> (f32) {
// CHECK:         } {rung.scalar = "an accumulator's update is not a known combiner"}
