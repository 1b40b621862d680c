// RUN: rung opt %s --split-input-file --pipeline 'prefetch' | filecheck %s
// RUN: rung opt %s --split-input-file --pipeline 'prefetch{limit-bytes=4096}' | filecheck %s --check-prefix SMALL

// A program goes twice over its row: in the second loop, which has it from the cache, the next program's row is
// fetched, a line per vector of 16 floats. The last program fetches its own row again.

func.func @two_passes(%x: memref<?xf32>, %n: index, %begin: index, %end: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c1024 = arith.constant 1024 : index
  scf.for %program = %begin to %end step %c1 {
    %o = arith.muli %program, %n : index
    %row = memref.reinterpret_cast %x to offset: [%o], sizes: [%n], strides: [1] {rung.bounds = array<i64: 1024>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    scf.for %i = %c0 to %c1024 step %c16 {
      %a = vector.load %row[%i] : memref<?xf32, strided<[1], offset: ?>>, vector<16xf32>
    } {rung.vectorized = {lanes = 16 : i64, unroll = 1 : i64}}
    scf.for %i = %c0 to %c1024 step %c16 {
      %b = vector.load %row[%i] : memref<?xf32, strided<[1], offset: ?>>, vector<16xf32>
    } {rung.vectorized = {lanes = 16 : i64, unroll = 1 : i64}}
  } {rung.grid_loop}
  return
}

// CHECK-LABEL: func.func @two_passes(
// CHECK-SAME:      %[[X:.+]]: memref<?xf32>, %[[N:.+]]: index, %{{.+}}: index, %[[END:.+]]: index)
// CHECK:         scf.for %[[PROGRAM:.+]] = %{{.+}} to %[[END]] step %c1 {
// CHECK:           %[[ROW:.+]] = memref.reinterpret_cast %[[X]]
// CHECK-NEXT:      %[[AFTER:.+]] = arith.addi %[[PROGRAM]], %c1
// CHECK-NEXT:      %[[MORE:.+]] = arith.cmpi slt, %[[AFTER]], %[[END]]
// CHECK:           %[[NEXT:.+]] = arith.select %[[MORE]], %{{.+}}, %[[PROGRAM]]
// CHECK-NEXT:      %[[OFFSET:.+]] = arith.muli %[[NEXT]], %[[N]]
// CHECK-NEXT:      %[[NEXTROW:.+]] = memref.reinterpret_cast %[[X]] to offset: [%[[OFFSET]]]
// CHECK-NEXT:      scf.for %[[I:.+]] = %c0 to %c1024 step %c16 {
// CHECK-NEXT:        vector.load %[[ROW]][%[[I]]]
// CHECK-NEXT:      }
// CHECK-NEXT:      scf.for %[[I:.+]] = %c0 to %c1024 step %c16 {
// CHECK-NEXT:        memref.prefetch %[[NEXTROW]][%[[I]]], read, locality<3>, data
// CHECK-NEXT:        vector.load %[[ROW]][%[[I]]]
// CHECK-NEXT:      } {rung.prefetched = {bytes = 4096 : i64, ops = 1 : i64},

// Two rows are 8192 bytes: where the cache holds less, the next one would push out what this program still needs.
// SMALL-LABEL: func.func @two_passes(
// SMALL-NOT:     memref.prefetch
// SMALL:         return

// -----

// Left alone: a row that one loop reads is a stream, which the hardware's prefetchers follow.

func.func @one_pass(%x: memref<?xf32>, %n: index, %begin: index, %end: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c1024 = arith.constant 1024 : index
  scf.for %program = %begin to %end step %c1 {
    %o = arith.muli %program, %n : index
    %row = memref.reinterpret_cast %x to offset: [%o], sizes: [%n], strides: [1] {rung.bounds = array<i64: 1024>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    scf.for %i = %c0 to %c1024 step %c16 {
      %a = vector.load %row[%i] : memref<?xf32, strided<[1], offset: ?>>, vector<16xf32>
    } {rung.vectorized = {lanes = 16 : i64, unroll = 1 : i64}}
  } {rung.grid_loop}
  return
}

// CHECK-LABEL: func.func @one_pass(
// CHECK-NOT:     memref.prefetch
// CHECK:         return
