// RUN: rung opt %s --split-input-file --pipeline 'transport' | filecheck %s

// A load and a store by the engine, each awaited on the spot; the wait names the most that can have been transferred.

func.func @load_and_store(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %i: index) {
  %f = memref.alloca() : memref<64xf32, 1>
  %v = memref.reinterpret_cast %x to offset: [%i], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
      : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
  %w = memref.reinterpret_cast %y to offset: [%i], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
      : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
  %fv = memref.reinterpret_cast %f to offset: [0], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
      : memref<64xf32, 1> to memref<?xf32, strided<[1]>, 1>
  memref.copy %v, %fv {rung.transfer = "load"}
      : memref<?xf32, strided<[1], offset: ?>> to memref<?xf32, strided<[1]>, 1>
  memref.copy %fv, %w {rung.transfer = "store"}
      : memref<?xf32, strided<[1]>, 1> to memref<?xf32, strided<[1], offset: ?>>
  return
}

// CHECK-LABEL: func.func @load_and_store(
// CHECK-SAME:      %[[X:.+]]: memref<?xf32>, %[[Y:.+]]: memref<?xf32>, %[[N:.+]]: index, %[[I:.+]]: index)
// CHECK-NEXT:    %[[F:.+]] = memref.alloca() : memref<64xf32, 1>
// CHECK-NEXT:    %[[STORED:.+]] = memref.alloca() : memref<1xi32>
// CHECK-NEXT:    %[[LOADED:.+]] = memref.alloca() : memref<1xi32>
// CHECK:         memref.dma_start %[[X]][%[[I]]], %[[F]][%c0], %[[N]], %[[LOADED]][%c0
// CHECK:         memref.dma_wait %[[LOADED]][%c0{{.*}}], %c64
// CHECK:         memref.dma_start %[[F]][%c0{{.*}}], %[[Y]][%[[I]]], %[[N]], %[[STORED]][%c0
// CHECK:         memref.dma_wait %[[STORED]][%c0{{.*}}], %c64
// CHECK-NEXT:    return

// -----

// Two dimensions are one strided transfer: m * n elements, in rows of n that begin `ld` apart.

func.func @rows(%x: memref<?xf32>, %i: index, %m: index, %n: index, %ld: index) {
  %f = memref.alloca() : memref<1024xf32, 1>
  %v = memref.reinterpret_cast %x to offset: [%i], sizes: [%m, %n], strides: [%ld, 1] {rung.bounds = array<i64: 16, 64>}
      : memref<?xf32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
  %fv = memref.reinterpret_cast %f to offset: [0], sizes: [%m, %n], strides: [%n, 1] {rung.bounds = array<i64: 16, 64>}
      : memref<1024xf32, 1> to memref<?x?xf32, strided<[?, 1]>, 1>
  memref.copy %v, %fv {rung.transfer = "load"}
      : memref<?x?xf32, strided<[?, 1], offset: ?>> to memref<?x?xf32, strided<[?, 1]>, 1>
  return
}

// CHECK-LABEL: func.func @rows(
// CHECK-SAME:      %[[X:.+]]: memref<?xf32>,
// CHECK-SAME:      %[[I:.+]]: index, %[[M:.+]]: index, %[[N:.+]]: index, %[[LD:.+]]: index)
// CHECK:         %[[ELEMENTS:.+]] = arith.muli %[[M]], %[[N]]
// CHECK:         memref.dma_start %[[X]][%[[I]]], %{{.+}}[%c0], %[[ELEMENTS]], %{{.+}}[%c0{{.*}}], %[[LD]], %[[N]] :
// CHECK:         memref.dma_wait %{{.+}}, %c1024

// -----

// Other copies are left alone.

func.func @left_alone(%a: memref<8xf32>, %b: memref<8xf32>) {
  memref.copy %a, %b : memref<8xf32> to memref<8xf32>
  return
}

// CHECK-LABEL: func.func @left_alone(
// CHECK-NEXT:    memref.copy %{{.+}}, %{{.+}} : memref<8xf32> to memref<8xf32>
