// RUN: rung opt %s --split-input-file --pipeline 'check-transfers' | filecheck %s

// The engine is told where each transfer is and what the computation touches; a text for every place is kept once.

func.func @kernel(%x: memref<?xf32>, %n: index, %lo: index, %hi: index, %step: index) {
  %c0 = arith.constant 0 : index
  %b = memref.alloca() : memref<2x64xf32, 1>
  %tag = memref.alloca() : memref<2xi32>
  scf.for %i = %lo to %hi step %step {
    memref.dma_start %x[%i], %b[%c0, %c0], %n, %tag[%c0] : memref<?xf32>, memref<2x64xf32, 1>, memref<2xi32>
    memref.dma_wait %tag[%c0], %n : memref<2xi32>
    %v = vector.load %b[%c0, %c0] : memref<2x64xf32, 1>, vector<8xf32>
    vector.store %v, %x[%i] : memref<?xf32>, vector<8xf32>
  } {rung.grid_loop}
  return
}

// CHECK-DAG:   llvm.mlir.global internal constant @rung_site_0("a transfer at -:{{[0-9]+}}, grid loop at -:{{[0-9]+}}\00")
// CHECK-DAG:   llvm.mlir.global internal constant @rung_site_1("a transfer at -:{{[0-9]+}}, grid loop at -:{{[0-9]+}}\00")
// CHECK-DAG:   llvm.mlir.global internal constant @rung_site_2("vector.load at -:{{[0-9]+}}, grid loop at -:{{[0-9]+}}\00")
// CHECK-LABEL: func.func @kernel(
// CHECK-SAME:      %{{.+}}: memref<?xf32>, %{{.+}}: index, %[[LO:.+]]: index, %{{.+}}: index, %[[STEP:.+]]: index)
// CHECK-NEXT:    %[[MARK:.+]] = call @rung_dma_enter()
// CHECK:         %[[B:.+]] = memref.alloca() : memref<2x64xf32, 1>
// CHECK:         scf.for %[[I:.+]] =
// CHECK-NEXT:      %[[DONE:.+]] = arith.subi %[[I]], %[[LO]]
// CHECK-NEXT:      %[[NUMBER:.+]] = arith.divsi %[[DONE]], %[[STEP]]
// CHECK-NEXT:      %[[ITERATION:.+]] = arith.index_cast %[[NUMBER]] : index to i64
// CHECK-NEXT:      %[[SITE:.+]] = llvm.mlir.addressof @rung_site_0
// CHECK:           call @rung_dma_at(%[[SITE]], %[[ITERATION]], %c0_i64)
// CHECK-NEXT:      memref.dma_start
// CHECK:           call @rung_dma_at(
// CHECK-NEXT:      memref.dma_wait
// The load reads (0) 8 floats of 4 bytes.
// CHECK:           %[[SITE:.+]] = llvm.mlir.addressof @rung_site_2
// CHECK:           %[[BP:.+]] = builtin.unrealized_conversion_cast %[[B]]
// CHECK:           %[[AT:.+]] = llvm.getelementptr %[[BP]][
// CHECK:           %[[BYTES:.+]] = arith.muli %c8_i64, %c4_i64
// CHECK-NEXT:      call @rung_dma_touch(%[[AT]], %[[BYTES]], %c0_i64{{.*}}, %[[SITE]], %{{.+}})
// CHECK-NEXT:      vector.load
// What is stored is memory, not scratchpad: nothing is told.
// CHECK-NEXT:      vector.store
// CHECK-NEXT:    } {rung.grid_loop}
// CHECK-NEXT:    call @rung_dma_leave(%[[MARK]])
// CHECK-NEXT:    return

// -----

// Lanes that are masked off are not touched.

func.func @masked(%n: index, %mask: vector<8xi1>, %v: vector<8xf32>) {
  %c0 = arith.constant 0 : index
  %b = memref.alloca() : memref<64xf32, 1>
  %tag = memref.alloca() : memref<1xi32>
  memref.dma_wait %tag[%c0], %n : memref<1xi32>
  vector.maskedstore %b[%c0], %mask, %v : memref<64xf32, 1>, vector<8xi1>, vector<8xf32>
  return
}

// CHECK-LABEL: func.func @masked(
// CHECK-SAME:      %{{.+}}: index, %[[MASK:.+]]: vector<8xi1>,
// Not in a loop: iteration -1.
// CHECK:         call @rung_dma_at(%{{.+}}, %c-1_i64, %c0_i64)
// CHECK-NEXT:    memref.dma_wait
// As many as the number of the last lane that is on.
// CHECK:         %[[NUMBERS:.+]] = arith.constant dense<[1, 2, 3, 4, 5, 6, 7, 8]>
// CHECK:         %[[ON:.+]] = arith.select %[[MASK]], %[[NUMBERS]], %{{.+}} : vector<8xi1>
// CHECK-NEXT:    %[[LANES:.+]] = vector.reduction <maxsi>, %[[ON]]
// CHECK:         %[[BYTES:.+]] = arith.muli %[[LANES]], %c4_i64
// CHECK-NEXT:    call @rung_dma_touch(%{{.+}}, %[[BYTES]], %c1_i64, %{{.+}}, %c-1_i64{{.*}})
// CHECK-NEXT:    vector.maskedstore

// -----

// Left alone: a module without transfers.

func.func @no_transfer(%i: index) -> f32 {
  %b = memref.alloca() : memref<64xf32, 1>
  %v = memref.load %b[%i] : memref<64xf32, 1>
  return %v : f32
}

// CHECK-LABEL: func.func @no_transfer(
// CHECK-NEXT:    memref.alloca
// CHECK-NEXT:    memref.load
// CHECK-NEXT:    return
