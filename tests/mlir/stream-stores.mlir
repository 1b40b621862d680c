// RUN: rung opt %s --split-input-file --pipeline 'stream-stores{cache-bytes=1048576}' | filecheck %s

// All programs of a context write (%end - %begin) rows of 4096 bytes. If that is more than the cache holds, rows that
// begin at a line are stored past it, a fence behind them; the small loop is there twice.

func.func @doubled(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %begin: index, %end: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  scf.for %program = %begin to %end step %c1 {
    %o = arith.muli %program, %n : index
    %row = memref.reinterpret_cast %y to offset: [%o], sizes: [%n], strides: [1] {rung.bounds = array<i64: 1024>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    scf.for %i = %c0 to %n step %c16 {
      %a = vector.load %x[%i] : memref<?xf32>, vector<16xf32>
      %b = arith.addf %a, %a : vector<16xf32>
      vector.store %b, %row[%i] : memref<?xf32, strided<[1], offset: ?>>, vector<16xf32>
    } {rung.vectorized = {lanes = 16 : i64, unroll = 1 : i64}}
  } {rung.grid_loop}
  return
}

// CHECK-LABEL: func.func @doubled(
// CHECK-SAME:      %{{.+}}: memref<?xf32>, %{{.+}}: memref<?xf32>, %{{.+}}: index, %[[BEGIN:.+]]: index, %[[END:.+]]: index)
// CHECK:         %[[LATER:.+]] = arith.maxsi %[[BEGIN]], %[[END]]
// CHECK-NEXT:    %[[PROGRAMS:.+]] = arith.subi %[[LATER]], %[[BEGIN]]
// CHECK:         %[[WRITTEN:.+]] = arith.muli %[[PROGRAMS]], %{{.+}} : index
// CHECK:         %[[LARGE:.+]] = arith.cmpi ugt, %[[WRITTEN]], %{{.+}} : index
// CHECK-NEXT:    scf.for %{{.+}} = %[[BEGIN]] to %[[END]]
// CHECK:           %[[ROW:.+]] = memref.reinterpret_cast
// CHECK:           %[[ALIGNED:.+]] = arith.cmpi eq
// CHECK:           %[[STREAM:.+]] = arith.andi %[[LARGE]], %[[ALIGNED]] : i1
// CHECK-NEXT:      scf.if %[[STREAM]] {
// CHECK-NEXT:        scf.for %[[I:.+]] = %c0 to
// CHECK:               vector.store %{{.+}}, %[[ROW]][%[[I]]] {alignment = 64 : i64, nontemporal = true}
// CHECK-NEXT:        }
// CHECK-NEXT:      } else {
// CHECK-NEXT:        scf.for %[[I:.+]] = %c0 to
// CHECK:               vector.store %{{.+}}, %[[ROW]][%[[I]]] : memref
// CHECK-NEXT:        } {rung.vectorized
// CHECK-NEXT:      } {rung.streamed = 1 : i64}
// CHECK-NEXT:    } {rung.grid_loop}
// CHECK-NEXT:    scf.if %[[LARGE]] {
// CHECK-NEXT:      llvm.call_intrinsic "llvm.x86.sse.sfence"()
// CHECK-NEXT:    }
// CHECK-NEXT:    return

// -----

// Left alone: an array that the kernel also reads is in the cache already.

func.func @in_place(%y: memref<?xf32>, %n: index, %begin: index, %end: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  scf.for %program = %begin to %end step %c1 {
    %o = arith.muli %program, %n : index
    %row = memref.reinterpret_cast %y to offset: [%o], sizes: [%n], strides: [1] {rung.bounds = array<i64: 1024>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    scf.for %i = %c0 to %n step %c16 {
      %a = vector.load %row[%i] : memref<?xf32, strided<[1], offset: ?>>, vector<16xf32>
      vector.store %a, %row[%i] : memref<?xf32, strided<[1], offset: ?>>, vector<16xf32>
    } {rung.vectorized = {lanes = 16 : i64, unroll = 1 : i64}}
  } {rung.grid_loop}
  return
}

// CHECK-LABEL: func.func @in_place(
// CHECK-NOT:     nontemporal
// CHECK:         return
