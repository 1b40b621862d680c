// RUN: not rung opt %s --pipeline 'fit-scratchpad{depth=2 scratchpad-bytes=1023}; promote' 2>&1 | filecheck %s

// Two views of 64 floats, twice each, are 1024 bytes.

#i = affine_map<(d0) -> (d0)>
func.func @too_large(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %lo: index, %hi: index) {
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

// CHECK: error: promote: needs 1024 bytes of scratchpad (2 buffers, 2 deep where they stream), a context has 1023:
// CHECK-SAME: reduce the block, the tile or the depth
