// RUN: rung opt %s --split-input-file --pipeline 'lower-transport' | filecheck %s
// RUN: rung opt %s --split-input-file --pipeline 'lower-transport{checked=on}' | filecheck %s --check-prefix CHECKED

// One row of n elements of 2 bytes: (dst, src, rows, row bytes, dst stride, src stride, tag).

func.func @one_row(%x: memref<?xf16>, %i: index, %n: index, %slot: index) {
  %c0 = arith.constant 0 : index
  %b = memref.alloca() : memref<2x4096xf16, 1>
  %tag = memref.alloca() : memref<2xi32>
  memref.dma_start %x[%i], %b[%slot, %c0], %n, %tag[%slot] : memref<?xf16>, memref<2x4096xf16, 1>, memref<2xi32>
  memref.dma_wait %tag[%slot], %n : memref<2xi32>
  return
}

// CHECK-LABEL: func.func @one_row(
// CHECK-SAME:      %[[X:.+]]: memref<?xf16>, %{{.+}}: index, %[[N:.+]]: index, %{{.+}}: index)
// CHECK:         %[[B:.+]] = memref.alloca() : memref<2x4096xf16, 1>
// CHECK:         %[[TAGS:.+]] = memref.alloca() : memref<2xi32>
// CHECK:         %[[N64:.+]] = arith.index_cast %[[N]] : index to i64
// CHECK:         %[[BYTES:.+]] = arith.muli %[[N64]], %c2_i64
// CHECK:         %[[BP:.+]] = builtin.unrealized_conversion_cast %[[B]] :
// CHECK:         %[[DST:.+]] = llvm.getelementptr %[[BP]][
// CHECK:         %[[XP:.+]] = builtin.unrealized_conversion_cast %[[X]] :
// CHECK:         %[[SRC:.+]] = llvm.getelementptr %[[XP]][
// CHECK-NEXT:    %[[ROWS:.+]] = arith.index_cast %c1 : index to i64
// CHECK:         %[[TP:.+]] = builtin.unrealized_conversion_cast %[[TAGS]] :
// CHECK:         %[[TAG:.+]] = llvm.getelementptr %[[TP]][
// CHECK-NEXT:    call @rung_dma_start(%[[DST]], %[[SRC]], %[[ROWS]], %[[BYTES]], %[[BYTES]], %{{.+}}, %[[TAG]])
// CHECK:         %[[TAG:.+]] = llvm.getelementptr
// CHECK-NEXT:    call @rung_dma_wait(%[[TAG]])
// CHECK-NEXT:    return

// CHECKED-LABEL: func.func @one_row(
// CHECKED:         call @rung_checked_dma_start(
// CHECKED:         call @rung_checked_dma_wait(

// -----

// n elements in rows of k, `ld` apart in memory: n / k rows, which lie one behind another in the scratchpad. A load is
// strided in its source, a store in its target.

func.func @rows(%x: memref<?xf16>, %i: index, %n: index, %ld: index, %k: index) {
  %c0 = arith.constant 0 : index
  %b = memref.alloca() : memref<4096xf16, 1>
  %tag = memref.alloca() : memref<1xi32>
  memref.dma_start %x[%i], %b[%c0], %n, %tag[%c0], %ld, %k : memref<?xf16>, memref<4096xf16, 1>, memref<1xi32>
  memref.dma_start %b[%c0], %x[%i], %n, %tag[%c0], %ld, %k : memref<4096xf16, 1>, memref<?xf16>, memref<1xi32>
  return
}

// CHECK-LABEL: func.func @rows(
// CHECK-SAME:      %[[X:.+]]: memref<?xf16>, %{{.+}}: index, %[[N:.+]]: index, %[[LD:.+]]: index, %[[K:.+]]: index)
// Rows of nothing are none: n / max(k, 1).
// CHECK:         %[[K1:.+]] = arith.maxui %[[K]], %c1
// CHECK-NEXT:    %[[COUNT:.+]] = arith.divui %[[N]], %[[K1]]
// CHECK-NEXT:    %[[K64:.+]] = arith.index_cast %[[K]] : index to i64
// CHECK:         %[[BYTES:.+]] = arith.muli %[[K64]], %c2_i64
// CHECK-NEXT:    %[[LD64:.+]] = arith.index_cast %[[LD]] : index to i64
// CHECK:         %[[STRIDE:.+]] = arith.muli %[[LD64]], %c2_i64
// CHECK:         %[[ROWS:.+]] = arith.index_cast %[[COUNT]] : index to i64
// CHECK:         call @rung_dma_start(%{{.+}}, %{{.+}}, %[[ROWS]], %[[BYTES]], %[[BYTES]], %[[STRIDE]], %{{.+}})
// CHECK:         %[[BYTES:.+]] = arith.muli %{{.+}}, %c2_i64
// CHECK:         %[[STRIDE:.+]] = arith.muli %{{.+}}, %c2_i64
// CHECK:         call @rung_dma_start(%{{.+}}, %{{.+}}, %{{.+}}, %[[BYTES]], %[[STRIDE]], %[[BYTES]], %{{.+}})

// -----

// Left alone: a module without transfers.

func.func @no_transfer(%a: memref<8xf32>, %b: memref<8xf32>) {
  memref.copy %a, %b : memref<8xf32> to memref<8xf32>
  return
}

// CHECK-NOT:   func.func private
// CHECK-LABEL: func.func @no_transfer(
// CHECK-NEXT:    memref.copy
// CHECK-NEXT:    return
