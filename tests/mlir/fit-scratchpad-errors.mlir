// RUN: not rung opt %s --pipeline 'fit-scratchpad{scratchpad-bytes=131072 depth=2 holds-scratch=on}' 2>&1 | filecheck %s

// 40000 floats of scratch do not become fewer, however small the tiles are.

#i = affine_map<(d0) -> (d0)>
func.func @too_much_scratch(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %gx: index, %gy: index, %gz: index) {
  scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
    %c0 = arith.constant 0 : index
    %s = memref.alloca() : memref<40000xf32>
    %one = memref.load %x[%px] : memref<?xf32>
    memref.store %one, %s[%c0] : memref<40000xf32>
    %two = memref.load %s[%px] : memref<40000xf32>
    memref.store %two, %x[%px] : memref<?xf32>
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

// CHECK: error: fit-scratchpad: a context needs {{.+}} bytes of scratch beside its tiles, and its share of the
// CHECK-SAME: scratchpad is 131072: use smaller blocks, or a device with more `scratchpad_bytes`
