// RUN: rung opt %s --split-input-file --pipeline 'tile-contractions{vector-bytes=16 mr=2 nr=1}' | filecheck %s
// RUN: rung opt %s --split-input-file --pipeline 'tile-contractions{vector-bytes=0 mr=2 nr=2}' | filecheck %s --check-prefix SCALAR

// A tile of C stays in registers while the innermost loop runs along K: here 2 rows of one vector of 4 lanes; on a
// machine with 32 registers of 16 floats, 8 x 2 of them.

func.func @matmul(%a: memref<64x32xf32>, %b: memref<32x64xf32>, %c: memref<64x64xf32>) {
  linalg.matmul ins(%a, %b : memref<64x32xf32>, memref<32x64xf32>) outs(%c : memref<64x64xf32>)
  return
}

// CHECK-LABEL: func.func @matmul(
// CHECK-SAME:      %[[A:.+]]: memref<64x32xf32>, %[[B:.+]]: memref<32x64xf32>, %[[C:.+]]: memref<64x64xf32>)
// CHECK:         scf.for %[[J:.+]] = %c0 to %c64 step %c4 {
// CHECK-NEXT:      scf.for %[[I:.+]] = %c0 to %c64 step %c2 {
// CHECK-NEXT:        %[[I1:.+]] = arith.addi %[[I]], %c1
// CHECK-NEXT:        %[[OLD0:.+]] = vector.load %[[C]][%[[I]], %[[J]]]
// CHECK-NEXT:        %[[OLD1:.+]] = vector.load %[[C]][%[[I1]], %[[J]]]
// CHECK-NEXT:        %[[SUM:.+]]:2 = scf.for %[[K:.+]] = %c0 to %c32 step %c4
// CHECK-SAME:            iter_args(%[[ACC0:.+]] = %[[OLD0]], %[[ACC1:.+]] = %[[OLD1]])
// One term of K: a row of B by an element of each row of A.
// CHECK-NEXT:          %[[ROW:.+]] = vector.load %[[B]][%[[K]], %[[J]]] : memref<32x64xf32>, vector<4xf32>
// CHECK-NEXT:          %[[A0:.+]] = memref.load %[[A]][%[[I]], %[[K]]]
// CHECK-NEXT:          %[[A0S:.+]] = vector.broadcast %[[A0]] : f32 to vector<4xf32>
// CHECK-NEXT:          vector.fma %[[A0S]], %[[ROW]], %[[ACC0]]
// CHECK-NEXT:          %[[A1:.+]] = memref.load %[[A]][%[[I1]], %[[K]]]
// CHECK-NEXT:          %[[A1S:.+]] = vector.broadcast %[[A1]] : f32 to vector<4xf32>
// CHECK-NEXT:          vector.fma %[[A1S]], %[[ROW]], %[[ACC1]]
// Three more of them in each iteration.
// CHECK-COUNT-6:       vector.fma
// CHECK-NOT:           vector.fma
// CHECK:             } {rung.contraction = {lanes = 4 : i64, mr = 2 : i64, nr = 1 : i64}}
// CHECK-NEXT:        vector.store %[[SUM]]#0, %[[C]][%[[I]], %[[J]]]
// CHECK-NEXT:        vector.store %[[SUM]]#1, %[[C]][%[[I1]], %[[J]]]

// SCALAR-LABEL: func.func @matmul(
// SCALAR-NOT:     vector
// SCALAR:         scf.for %{{.+}} = %c0 to %c32 step %c4 iter_args({{.+}}) -> (f32, f32, f32, f32) {
// SCALAR-COUNT-16:  math.fma
// SCALAR-NOT:       math.fma
// SCALAR:         } {rung.contraction = {lanes = 1 : i64, mr = 2 : i64, nr = 2 : i64}}

// -----

// Operands narrower than C are extended into packed scratch first, by nests that the vectorizer takes next.

func.func @narrow(%a: memref<64x32xf16>, %b: memref<32x64xf32>, %c: memref<64x64xf32>) {
  linalg.matmul ins(%a, %b : memref<64x32xf16>, memref<32x64xf32>) outs(%c : memref<64x64xf32>)
  return
}

// CHECK-LABEL: func.func @narrow(
// CHECK-SAME:      %[[A:.+]]: memref<64x32xf16>,
// CHECK-NEXT:    %[[PACKED:.+]] = memref.alloca() : memref<64x32xf32>
// CHECK-NEXT:    linalg.generic {{.*}} ins(%[[A]] : {{.*}}) outs(%[[PACKED]] :
// CHECK:           arith.extf
// CHECK:         memref.load %[[PACKED]]
// CHECK-NOT:     f16
// CHECK:         } {rung.contraction

// -----

// What is stored is %r rows of C: the others are not summed. Two products that add to the same C are as one.

func.func @stored_in_part(%a: memref<8x4xf32>, %b: memref<4x4xf32>, %out: memref<?xf32>, %r: index, %first: f32) {
  %c = memref.alloca() : memref<8x4xf32>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      outs(%c : memref<8x4xf32>) { ^bb0(%old: f32): linalg.yield %first : f32 }
  linalg.matmul ins(%a, %b : memref<8x4xf32>, memref<4x4xf32>) outs(%c : memref<8x4xf32>)
  linalg.matmul ins(%a, %b : memref<8x4xf32>, memref<4x4xf32>) outs(%c : memref<8x4xf32>)
  %wanted = arith.addi %r, %r : index
  %part = memref.reinterpret_cast %c to offset: [0], sizes: [%wanted, 4], strides: [4, 1]
    : memref<8x4xf32> to memref<?x4xf32, strided<[4, 1]>>
  %rows = memref.reinterpret_cast %out to offset: [0], sizes: [%wanted, 4], strides: [4, 1]
    : memref<?xf32> to memref<?x4xf32, strided<[4, 1]>>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                  iterator_types = ["parallel", "parallel"]}
      ins(%part : memref<?x4xf32, strided<[4, 1]>>) outs(%rows : memref<?x4xf32, strided<[4, 1]>>) {
    ^bb0(%e: f32, %old: f32): linalg.yield %e : f32 }
  return
}

// CHECK-LABEL: func.func @stored_in_part(
// CHECK-SAME:      %[[R:[^:]+]]: index, %{{.+}}: f32)
// CHECK:         %[[N:.+]] = arith.addi %[[R]], %[[R]]
// CHECK:         %[[END:.+]] = arith.minsi %[[N]], %c8
// CHECK-NEXT:    scf.for %{{.+}} = %c0 to %[[END]] step %c2
// CHECK:         %[[END2:.+]] = arith.minsi %{{.+}}, %c8
// CHECK-NEXT:    scf.for %{{.+}} to %[[END2]] step

// -----

// All of C is wanted, as something reads it from the second row on.

func.func @read_elsewhere(%a: memref<8x4xf32>, %b: memref<4x4xf32>, %out: memref<?xf32>, %r: index) {
  %c = memref.alloca() : memref<8x4xf32>
  linalg.matmul ins(%a, %b : memref<8x4xf32>, memref<4x4xf32>) outs(%c : memref<8x4xf32>)
  %part = memref.reinterpret_cast %c to offset: [4], sizes: [%r, 4], strides: [4, 1]
    : memref<8x4xf32> to memref<?x4xf32, strided<[4, 1], offset: 4>>
  %rows = memref.reinterpret_cast %out to offset: [0], sizes: [%r, 4], strides: [4, 1]
    : memref<?xf32> to memref<?x4xf32, strided<[4, 1]>>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                  iterator_types = ["parallel", "parallel"]}
      ins(%part : memref<?x4xf32, strided<[4, 1], offset: 4>>) outs(%rows : memref<?x4xf32, strided<[4, 1]>>) {
    ^bb0(%e: f32, %old: f32): linalg.yield %e : f32 }
  return
}

// CHECK-LABEL: func.func @read_elsewhere(
// CHECK-NOT:     arith.minsi
// CHECK:         scf.for %{{.+}} = %c0 to %c8 step %c2
// CHECK-NOT:     arith.minsi
