// RUN: rung opt %s --split-input-file --pipeline 'expand-copies' | filecheck %s

// Rows are copied as blocks of bytes: 8 floats are 32.

func.func @rows(%a: memref<?x8xf32, strided<[?, 1], offset: ?>>, %b: memref<?x8xf32>) {
  memref.copy %a, %b : memref<?x8xf32, strided<[?, 1], offset: ?>> to memref<?x8xf32>
  return
}

// CHECK-LABEL: func.func @rows(
// CHECK-SAME:      %[[A:.+]]: memref<?x8xf32, strided<[?, 1], offset: ?>>, %[[B:.+]]: memref<?x8xf32>
// CHECK:         %[[SIZE:.+]] = memref.dim %[[A]], %{{.+}} : memref<?x8xf32
// CHECK:         scf.for %{{.+}} = %{{.+}} to %[[SIZE]] step
// CHECK-NOT:     scf.for
// CHECK:           "llvm.intr.memcpy"
// CHECK-NOT:     memref.copy

// -----

// Where the last dimension is strided, element by element.

func.func @elements(%a: memref<?x8xf32, strided<[?, 2], offset: ?>>, %b: memref<?x8xf32>) {
  memref.copy %a, %b : memref<?x8xf32, strided<[?, 2], offset: ?>> to memref<?x8xf32>
  return
}

// CHECK-LABEL: func.func @elements(
// CHECK:         scf.for %[[I:.+]] =
// CHECK-NEXT:      scf.for %[[J:.+]] =
// CHECK-NEXT:        %[[V:.+]] = memref.load %{{.+}}[%[[I]], %[[J]]]
// CHECK-NEXT:        memref.store %[[V]], %{{.+}}[%[[I]], %[[J]]]

// -----

// Of one block upstream makes `memcpy`.

func.func @left(%a: memref<8x8xf32, strided<[8, 1], offset: 16>>, %b: memref<8x8xf32>) {
  memref.copy %a, %b : memref<8x8xf32, strided<[8, 1], offset: 16>> to memref<8x8xf32>
  return
}

// CHECK-LABEL: func.func @left(
// CHECK-NEXT:    memref.copy
// CHECK-NEXT:    return
