// RUN: rung opt %s --split-input-file --pipeline 'double-buffer' | filecheck %s
// RUN: rung opt %s --split-input-file --pipeline 'double-buffer{depth=3}' | filecheck %s --check-prefix DEEP

// Loads run an iteration ahead, in the other buffer; a store is awaited when its buffer comes round again, two
// iterations later, and behind the loop. With three buffers loads run two ahead, and three stores may be outstanding.

func.func @stream(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %lo: index, %hi: index, %step: index) {
  %f = memref.alloca() : memref<64xf32, 1>
  %g = memref.alloca() : memref<64xf32, 1>
  scf.for %i = %lo to %hi step %step {
    %v = memref.reinterpret_cast %x to offset: [%i], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    %w = memref.reinterpret_cast %y to offset: [%i], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    %fv = memref.reinterpret_cast %f to offset: [0], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
        : memref<64xf32, 1> to memref<?xf32, strided<[1]>, 1>
    %gw = memref.reinterpret_cast %g to offset: [0], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
        : memref<64xf32, 1> to memref<?xf32, strided<[1]>, 1>
    memref.copy %v, %fv {rung.transfer = "load"}
        : memref<?xf32, strided<[1], offset: ?>> to memref<?xf32, strided<[1]>, 1>
    linalg.copy ins(%fv : memref<?xf32, strided<[1]>, 1>) outs(%gw : memref<?xf32, strided<[1]>, 1>)
    memref.copy %gw, %w {rung.transfer = "store"}
        : memref<?xf32, strided<[1]>, 1> to memref<?xf32, strided<[1], offset: ?>>
  }
  return
}

// CHECK-LABEL: func.func @stream(
// CHECK-SAME:      %[[X:.+]]: memref<?xf32>, %[[Y:.+]]: memref<?xf32>,
// CHECK-SAME:      %[[N:.+]]: index, %[[LO:.+]]: index, %[[HI:.+]]: index, %[[STEP:.+]]: index)
// CHECK-NEXT:    %[[F:.+]] = memref.alloca() : memref<2x64xf32, 1>
// CHECK-NEXT:    %[[FTAG:.+]] = memref.alloca() : memref<2xi32>
// CHECK:         %[[G:.+]] = memref.alloca() : memref<2x64xf32, 1>
// CHECK-NEXT:    %[[GTAG:.+]] = memref.alloca() : memref<2xi32>
// Prologue: the first load, if there is an iteration.
// CHECK:         %[[RUNS:.+]] = arith.cmpi slt, %[[LO]], %[[HI]]
// CHECK-NEXT:    scf.if %[[RUNS]] {
// CHECK:           memref.dma_start %[[X]][%[[LO]]], %[[F]][%c0{{.*}}, %c0{{.*}}], %[[N]], %[[FTAG]][%c0
// CHECK:         scf.for %[[I:.+]] = %[[LO]] to %[[HI]] step %[[STEP]] {
// CHECK-NEXT:      %[[DONE:.+]] = arith.subi %[[I]], %[[LO]]
// CHECK-NEXT:      %[[NUMBER:.+]] = arith.divui %[[DONE]], %[[STEP]]
// CHECK:           %[[SLOT:.+]] = arith.remui %[[NUMBER]], %c2
// CHECK:           %[[AHEAD:.+]] = arith.addi %[[SLOT]], %c1
// CHECK:           %[[OTHER:.+]] = arith.remui %[[AHEAD]], %c2
// CHECK-NEXT:      %[[NEXT:.+]] = arith.addi %[[I]], %[[STEP]]
// CHECK-NEXT:      %[[MORE:.+]] = arith.cmpi slt, %[[NEXT]], %[[HI]]
// CHECK-NEXT:      scf.if %[[MORE]] {
// CHECK:             memref.dma_start %[[X]][%[[NEXT]]], %[[F]][%[[OTHER]], %c0{{.*}}], %[[N]], %[[FTAG]][%[[OTHER]]]
// CHECK:           %[[FV:.+]] = memref.reinterpret_cast %[[F]] to
// CHECK:           %[[GW:.+]] = memref.reinterpret_cast %[[G]] to
// CHECK:           memref.dma_wait %[[FTAG]][%[[SLOT]]]
// CHECK:           memref.dma_wait %[[GTAG]][%[[SLOT]]]
// CHECK-NEXT:      linalg.copy ins(%[[FV]] : {{.*}}) outs(%[[GW]] :
// CHECK:           memref.dma_start %[[G]][%[[SLOT]], %c0{{.*}}], %[[Y]][%[[I]]], %[[N]], %[[GTAG]][%[[SLOT]]]
// CHECK-NEXT:    } {rung.depth = 2 : i64, rung.pipelined = 2 : i64}
// Epilogue: the stores that are outstanding. A wait for one that never was returns at once.
// CHECK:         memref.dma_wait %[[GTAG]][%c0
// CHECK:         memref.dma_wait %[[GTAG]][%c1
// CHECK-NEXT:    return

// DEEP-LABEL: func.func @stream(
// DEEP:         memref.alloca() : memref<3x64xf32, 1>
// DEEP-COUNT-2: memref.dma_start
// DEEP-NOT:     memref.dma_start
// DEEP:         scf.for
// DEEP:         } {rung.depth = 3 : i64, rung.pipelined = 2 : i64}
// DEEP-COUNT-3: memref.dma_wait
// DEEP-NEXT:    return

// -----

// Left in place: a load that must not run ahead, and one whose address is read from memory, which another iteration
// might write.

func.func @left_in_place(%x: memref<?xf32>, %at: memref<?xindex>, %n: index, %lo: index, %hi: index, %step: index) {
  %f = memref.alloca() : memref<64xf32, 1>
  %g = memref.alloca() : memref<64xf32, 1>
  scf.for %i = %lo to %hi step %step {
    %v = memref.reinterpret_cast %x to offset: [%i], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    %fv = memref.reinterpret_cast %f to offset: [0], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
        : memref<64xf32, 1> to memref<?xf32, strided<[1]>, 1>
    memref.copy %v, %fv {rung.transfer = "load", rung.in_order = "the array is stored to at other places in the loop"}
        : memref<?xf32, strided<[1], offset: ?>> to memref<?xf32, strided<[1]>, 1>
    %j = memref.load %at[%i] : memref<?xindex>
    %w = memref.reinterpret_cast %x to offset: [%j], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    %gw = memref.reinterpret_cast %g to offset: [0], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
        : memref<64xf32, 1> to memref<?xf32, strided<[1]>, 1>
    memref.copy %w, %gw {rung.transfer = "load"}
        : memref<?xf32, strided<[1], offset: ?>> to memref<?xf32, strided<[1]>, 1>
  }
  return
}

// CHECK-LABEL: func.func @left_in_place(
// CHECK-NOT:     memref.dma_start
// CHECK:         } {rung.not_pipelined = ["load of argument 0: the array is stored to at other places in the loop",
// CHECK-SAME:       "load of argument 0: its address is read from memory or depends on control flow"]}
