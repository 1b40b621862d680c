// RUN: rung opt %s --split-input-file --pipeline 'fit-scratchpad{scratchpad-bytes=131072 depth=2}' | filecheck %s
// RUN: rung opt %s --split-input-file --pipeline 'fit-scratchpad{scratchpad-bytes=131072 depth=2 holds-scratch=on}' | filecheck %s --check-prefix BOTH
// RUN: rung opt %s --split-input-file --pipeline 'fit-scratchpad{scratchpad-bytes=262400 depth=2 holds-scratch=on}' | filecheck %s --check-prefix ROOM

// Two views of 64 KiB, two buffers each: halves fill 128 KiB to the last byte.

#i = affine_map<(d0) -> (d0)>
func.func @one_nest(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %gx: index, %gy: index, %gz: index) {
  scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
    %v = memref.reinterpret_cast %x to offset: [%px], sizes: [%n], strides: [1] {rung.bounds = array<i64: 16384>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    %w = memref.reinterpret_cast %y to offset: [%px], sizes: [%n], strides: [1] {rung.bounds = array<i64: 16384>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]}
        ins(%v : memref<?xf32, strided<[1], offset: ?>>) outs(%w : memref<?xf32, strided<[1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32):
      %r = arith.addf %a, %a : f32
      linalg.yield %r : f32
    }
  } {rung.grid}
  return
}

// CHECK-LABEL: func.func @one_nest(
// CHECK-SAME:      rung.scratchpad = {alignment_bytes = 64 : i64, budget_bytes = 131072 : i64, buffers = 2 : i64, scratch_bytes = 0 : i64}
// CHECK:         linalg.generic {{.*}} attrs = {rung.tile = [8192]}

// Where the tags of the transfers lie there, too, two words in a block of 64 bytes for each view, thirds are left: 5462
// elements, in whole blocks of 64.
// BOTH-LABEL: func.func @one_nest(
// BOTH-SAME:      budget_bytes = 130944 : i64, buffers = 2 : i64, scratch_bytes = 128 : i64}
// BOTH:         linalg.generic {{.*}} attrs = {rung.tile = [5504]}

// Nothing is cut that fits as it is.
// ROOM-LABEL: func.func @one_nest(
// ROOM-SAME:      budget_bytes = 262272 : i64, buffers = 2 : i64, scratch_bytes = 128 : i64}
// ROOM-NOT:     rung.tile
