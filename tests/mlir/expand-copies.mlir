// RUN: rung opt %s --split-input-file --pipeline 'expand-copies' | filecheck %s

// Rows are copied as blocks of bytes: 8 floats are 32.

func.func @rows(%a: memref<?x8xf32, strided<[?, 1], offset: ?>>, %b: memref<?x8xf32>) {
  memref.copy %a, %b : memref<?x8xf32, strided<[?, 1], offset: ?>> to memref<?x8xf32>
  return
}

// CHECK-LABEL: func.func @rows(
// CHECK-SAME:      %[[A:.+]]: memref<?x8xf32, strided<[?, 1], offset: ?>>, %[[B:.+]]: memref<?x8xf32>
// CHECK:         %[[SIZE:.+]] = memref.dim %[[A]], %{{.+}} : memref<?x8xf32
// CHECK:         %[[ROW:.+]] = arith.constant 8 : index
// CHECK:         scf.for %{{.+}} = %{{.+}} to %[[SIZE]] step
// CHECK-NOT:     scf.for
// CHECK:           %[[AT:.+]] = builtin.unrealized_conversion_cast %[[B]] :
// CHECK:           %[[TO:.+]] = llvm.getelementptr %[[AT]][
// CHECK:           %[[BEGIN:.+]] = builtin.unrealized_conversion_cast %[[A]] :
// CHECK:           %[[FROM:.+]] = llvm.getelementptr %[[BEGIN]][
// CHECK:           %[[WIDTH:.+]] = arith.constant 4 : index
// CHECK-NEXT:      %[[BYTES:.+]] = arith.muli %[[ROW]], %[[WIDTH]] : index
// CHECK-NEXT:      %[[COUNT:.+]] = arith.index_cast %[[BYTES]] : index to i64
// CHECK-NEXT:      "llvm.intr.memcpy"(%[[TO]], %[[FROM]], %[[COUNT]])
// CHECK-NOT:     memref.copy

// -----

// Where the last dimension is strided, element by element.

func.func @elements(%a: memref<?x8xf32, strided<[?, 2], offset: ?>>, %b: memref<?x8xf32>) {
  memref.copy %a, %b : memref<?x8xf32, strided<[?, 2], offset: ?>> to memref<?x8xf32>
  return
}

// CHECK-LABEL: func.func @elements(
// CHECK-SAME:      %[[A:.+]]: memref<?x8xf32, strided<[?, 2], offset: ?>>, %[[B:.+]]: memref<?x8xf32>
// CHECK:         scf.for %[[I:.+]] =
// CHECK-NEXT:      scf.for %[[J:.+]] =
// CHECK-NEXT:        %[[V:.+]] = memref.load %[[A]][%[[I]], %[[J]]]
// CHECK-NEXT:        memref.store %[[V]], %[[B]][%[[I]], %[[J]]]

// -----

// Bits do not fill bytes: no row of them is a block of bytes.

func.func @bits(%a: memref<8x8xi1, strided<[16, 1]>>, %b: memref<8x8xi1>) {
  memref.copy %a, %b : memref<8x8xi1, strided<[16, 1]>> to memref<8x8xi1>
  return
}

// CHECK-LABEL: func.func @bits(
// CHECK:         scf.for
// CHECK-NEXT:      scf.for
// CHECK-NEXT:        memref.load
// CHECK-NEXT:        memref.store

// -----

// Of one block upstream makes `memcpy`.

func.func @left(%a: memref<8x8xf32, strided<[8, 1], offset: 16>>, %b: memref<8x8xf32>) {
  memref.copy %a, %b : memref<8x8xf32, strided<[8, 1], offset: 16>> to memref<8x8xf32>
  return
}

// CHECK-LABEL: func.func @left(
// CHECK-NEXT:    memref.copy
// CHECK-NEXT:    return
