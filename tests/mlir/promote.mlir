// RUN: rung opt %s --split-input-file --pipeline 'fit-scratchpad{depth=2}; promote' | filecheck %s
// RUN: rung opt %s --split-input-file --pipeline 'fit-scratchpad{depth=2 scratchpad-bytes=600}; promote{on-overflow=direct}' | filecheck %s --check-prefix DIRECT

// A stream in and a stream out: each view has a buffer in the scratchpad (memory space 1), filled before the nest or
// emptied behind it. Both are counted twice, for `double-buffer` will make two of each: 2 x 2 x 64 x 4 bytes.

#i = affine_map<(d0) -> (d0)>
func.func @load_and_store(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %lo: index, %hi: index) {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  scf.for %p = %lo to %hi step %c1 {
    %o = arith.muli %p, %c64 : index
    %v = memref.reinterpret_cast %x to offset: [%o], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    %w = memref.reinterpret_cast %y to offset: [%o], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]}
        ins(%v : memref<?xf32, strided<[1], offset: ?>>) outs(%w : memref<?xf32, strided<[1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32):
      %r = arith.addf %a, %a : f32
      linalg.yield %r : f32
    }
  } {rung.grid_loop}
  return
}

// CHECK-LABEL: func.func @load_and_store(
// CHECK-SAME:      attributes {rung.scratchpad = {alignment_bytes = 64 : i64, budget_bytes = 262144 : i64, buffers = 2 : i64, scratch_bytes = 0 : i64}}
// CHECK:         %[[BX:.+]] = memref.alloca() : memref<64xf32, 1>
// CHECK-NEXT:    %[[BY:.+]] = memref.alloca() : memref<64xf32, 1>
// CHECK-NEXT:    scf.for
// CHECK:           %[[V:.+]] = memref.reinterpret_cast %{{.+}} : memref<?xf32> to
// CHECK-NEXT:      %[[FV:.+]] = memref.reinterpret_cast %[[BX]] to offset: [0]
// CHECK-NEXT:      %[[W:.+]] = memref.reinterpret_cast %{{.+}} : memref<?xf32> to
// CHECK-NEXT:      %[[FW:.+]] = memref.reinterpret_cast %[[BY]] to offset: [0]
// CHECK-NEXT:      memref.copy %[[V]], %[[FV]] {rung.transfer = "load"}
// CHECK-NEXT:      linalg.generic {{.*}} ins(%[[FV]] : {{.*}}) outs(%[[FW]] :
// CHECK:           memref.copy %[[FW]], %[[W]] {rung.transfer = "store"}
// CHECK-NEXT:    } {rung.grid_loop, rung.promoted = 2 : i64, rung.scratchpad_bytes = 1024 : i64, rung.streams = 2 : i64}

// In 600 bytes one stream has room.
// DIRECT-LABEL: func.func @load_and_store(
// DIRECT:         memref.copy {{.*}} {rung.transfer = "load"}
// DIRECT-NOT:     memref.copy
// DIRECT:         } {rung.direct = ["argument 1: its 512 bytes do not fit"], rung.grid_loop, rung.promoted = 1 : i64

// -----

// A bias, the same for every program, is loaded once, if there is a program at all; it has one buffer.

#i = affine_map<(d0) -> (d0)>
func.func @unchanging(%bias: memref<?xf32>, %y: memref<?xf32>, %n: index, %lo: index, %hi: index) {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  scf.for %p = %lo to %hi step %c1 {
    %o = arith.muli %p, %c64 : index
    %v = memref.reinterpret_cast %bias to offset: [0], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
        : memref<?xf32> to memref<?xf32, strided<[1]>>
    %w = memref.reinterpret_cast %y to offset: [%o], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]}
        ins(%v : memref<?xf32, strided<[1]>>) outs(%w : memref<?xf32, strided<[1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32):
      %r = arith.addf %a, %a : f32
      linalg.yield %r : f32
    }
  } {rung.grid_loop}
  return
}

// CHECK-LABEL: func.func @unchanging(
// CHECK-SAME:      %{{.+}}: memref<?xf32>, %{{.+}}: memref<?xf32>, %{{.+}}: index, %[[LO:.+]]: index, %[[HI:.+]]: index)
// It is taken for other memory than what is stored to.
// CHECK-SAME:      rung.assumed = array<i64: 0, 1>
// CHECK:         %[[RUNS:.+]] = arith.cmpi slt, %[[LO]], %[[HI]]
// CHECK-NEXT:    scf.if %[[RUNS]] {
// CHECK-NEXT:      memref.copy {{.*}} {rung.in_order = "it does not change in the loop: {{.*}}", rung.transfer = "load"}
// CHECK:         scf.for
// CHECK-NOT:       rung.transfer = "load"
// CHECK:           memref.copy {{.*}} {rung.transfer = "store"}
// CHECK-NEXT:    } {rung.grid_loop, rung.promoted = 2 : i64, rung.scratchpad_bytes = 768 : i64, rung.streams = 1 : i64}

// -----

// In place, and each store shifted by one element against the loads: no load may overtake a store, so that each copy
// stands at its use and says why.

#i = affine_map<(d0) -> (d0)>
func.func @in_order(%x: memref<?xf32>, %n: index, %lo: index, %hi: index) {
  %c1 = arith.constant 1 : index
  scf.for %p = %lo to %hi step %c1 {
    %q = arith.addi %p, %c1 : index
    %v = memref.reinterpret_cast %x to offset: [%p], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    %w = memref.reinterpret_cast %x to offset: [%q], sizes: [%n], strides: [1] {rung.bounds = array<i64: 64>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]}
        ins(%v : memref<?xf32, strided<[1], offset: ?>>) outs(%w : memref<?xf32, strided<[1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32):
      %r = arith.addf %a, %a : f32
      linalg.yield %r : f32
    }
  } {rung.grid_loop}
  return
}

// CHECK-LABEL: func.func @in_order(
// CHECK:         scf.for
// CHECK:           memref.copy {{.*}} {rung.in_order = "the array is stored to at other places {{.*}} = "load"}
// CHECK-NEXT:      linalg.generic
// CHECK:           memref.copy {{.*}} {rung.in_order = "the array is stored to at other places {{.*}} = "store"}
// CHECK-NEXT:    } {{{.*}}rung.streams = 0 : i64}

// -----

// Left direct, with the reason: nobody knows how large this view may become.

#i = affine_map<(d0) -> (d0)>
func.func @no_bound(%x: memref<?xf32>, %n: index, %lo: index, %hi: index) {
  %c1 = arith.constant 1 : index
  scf.for %p = %lo to %hi step %c1 {
    %v = memref.reinterpret_cast %x to offset: [%p], sizes: [%n], strides: [1]
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [#i], iterator_types = ["parallel"]}
        outs(%v : memref<?xf32, strided<[1], offset: ?>>) {
    ^bb0(%a: f32):
      %r = arith.addf %a, %a : f32
      linalg.yield %r : f32
    }
  } {rung.grid_loop}
  return
}

// CHECK-LABEL: func.func @no_bound(
// CHECK-NOT:     rung.transfer
// CHECK:         } {rung.direct = ["argument 0: its size has no static bound"], rung.grid_loop}
