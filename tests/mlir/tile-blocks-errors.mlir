// RUN: not rung opt %s --pipeline tile-blocks 2>&1 | filecheck %s

// A nest of one dimension has tiles of one.

#i = affine_map<(d0) -> (d0)>
func.func @another_rank(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %gx: index, %gy: index, %gz: index) {
  scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
    %v = memref.reinterpret_cast %x to offset: [%px], sizes: [%n], strides: [1] {rung.bounds = array<i64: 16384>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    %w = memref.reinterpret_cast %y to offset: [%px], sizes: [%n], strides: [1] {rung.bounds = array<i64: 16384>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]}
        ins(%v : memref<?xf32, strided<[1], offset: ?>>) outs(%w : memref<?xf32, strided<[1], offset: ?>>) attrs = {rung.tile = [64, 64]} {
    ^bb0(%a: f32, %b: f32):
      %r = arith.addf %a, %a : f32
      linalg.yield %r : f32
    }
  } {rung.grid}
  return
}

// CHECK: error: tile-blocks: rung.tile = [64, 64] is no tile of [16384], at
