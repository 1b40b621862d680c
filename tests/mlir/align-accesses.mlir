// RUN: rung opt %s --pipeline 'align-accesses{vector-bytes=128}' | filecheck %s

// What is known to begin at a multiple of 128 bytes says so, and the buffer is aligned for it. Left alone: an index that
// may be anything, and the kernel's arguments, which are wherever the user put them.

func.func @accesses(%x: memref<?xf32>, %slot: index, %n: index) {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %buffer = memref.alloca() {alignment = 64 : i64} : memref<2x4096xf32, 1>
  scf.for %i = %c0 to %n step %c32 {
    %a = vector.load %buffer[%slot, %i] : memref<2x4096xf32, 1>, vector<32xf32>
    vector.store %a, %buffer[%slot, %n] : memref<2x4096xf32, 1>, vector<32xf32>
    vector.store %a, %x[%i] : memref<?xf32>, vector<32xf32>
  }
  return
}

// CHECK-LABEL: func.func @accesses(
// CHECK-SAME:      %[[X:.+]]: memref<?xf32>, %[[SLOT:.+]]: index, %[[N:.+]]: index)
// CHECK:         %[[BUFFER:.+]] = memref.alloca() {alignment = 128 : i64} : memref<2x4096xf32, 1>
// CHECK:         scf.for %[[I:.+]] =
// CHECK-NEXT:      %[[A:.+]] = vector.load %[[BUFFER]][%[[SLOT]], %[[I]]] {alignment = 128 : i64}
// CHECK-NEXT:      vector.store %[[A]], %[[BUFFER]][%[[SLOT]], %[[N]]] : memref
// CHECK-NEXT:      vector.store %[[A]], %[[X]][%[[I]]] : memref
