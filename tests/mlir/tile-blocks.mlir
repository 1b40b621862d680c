// RUN: rung opt %s --split-input-file --pipeline 'tile-blocks{tile-elements=4096}' | filecheck %s
// RUN: rung opt %s --split-input-file --pipeline 'fit-scratchpad{tile-elements=4096 scratchpad-bytes=16384 depth=2}; tile-blocks{tile-elements=4096}' | filecheck %s --check-prefix FIT

// One block of up to 1048576 elements: the grid's body becomes a loop over tiles of 4096, the last of them smaller.

#i = affine_map<(d0) -> (d0)>
func.func @one_dimension(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %gx: index, %gy: index, %gz: index) {
  scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
    %v = memref.reinterpret_cast %x to offset: [%px], sizes: [%n], strides: [1] {rung.bounds = array<i64: 1048576>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    %w = memref.reinterpret_cast %y to offset: [%px], sizes: [%n], strides: [1] {rung.bounds = array<i64: 1048576>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]}
        ins(%v : memref<?xf32, strided<[1], offset: ?>>) outs(%w : memref<?xf32, strided<[1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32):
      %at = linalg.index 0 : index
      %k = arith.index_cast %at : index to i32
      %f = arith.sitofp %k : i32 to f32
      %r = arith.addf %a, %f : f32
      linalg.yield %r : f32
    }
  } {rung.grid}
  return
}

// CHECK-LABEL: func.func @one_dimension(
// CHECK-SAME:      %[[X:.+]]: memref<?xf32>, %[[Y:.+]]: memref<?xf32>,
// CHECK-SAME:      %[[N:.+]]: index, %{{.+}}: index, %{{.+}}: index, %{{.+}}: index)
// CHECK:         %[[TILES:.+]] = arith.ceildivsi %[[N]], %c4096
// CHECK-NEXT:    scf.forall (%[[T:.+]]) in (%[[TILES]]) {
// CHECK:           %[[START:.+]] = arith.muli %[[T]], %c4096
// CHECK-NEXT:      %[[LEFT:.+]] = arith.subi %[[N]], %[[START]]
// CHECK:           %[[SIZE:.+]] = arith.minsi %[[LEFT]], %c4096
// CHECK-NEXT:      %[[AT:.+]] = arith.addi %{{.+}}, %[[START]]
// CHECK-NEXT:      %[[V:.+]] = memref.reinterpret_cast %[[X]] to offset: [%[[AT]]], sizes: [%[[SIZE]]], strides: [1]
// CHECK-SAME:          {rung.bounds = array<i64: 4096>}
// CHECK:           %[[W:.+]] = memref.reinterpret_cast %[[Y]] to offset
// CHECK-NEXT:      linalg.generic {{.*}} ins(%[[V]] : {{.*}}) outs(%[[W]] :
// The index counts from the start of the block, not of the tile.
// CHECK:             %[[I:.+]] = linalg.index 0
// CHECK-NEXT:        arith.addi %[[I]], %[[START]]
// CHECK:         } {rung.tile = [4096], rung.tiles}
// CHECK-NEXT:  } {rung.grid}

// Two views, two buffers each, in 16384 bytes: 1024 elements.
// FIT-LABEL: func.func @one_dimension(
// FIT:         } {rung.tile = [1024], rung.tiles}

// -----

// The outermost parallel dimension is cut, and the accumulator with it; a row is whole in every tile.

#ij = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @row_sums(%x: memref<?xf32>, %m: index, %n: index, %gx: index, %gy: index, %gz: index) {
  scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
    %v = memref.reinterpret_cast %x to offset: [%px], sizes: [%m, %n], strides: [%n, 1]
        {rung.bounds = array<i64: 512, 1024>} : memref<?xf32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
    %s = memref.alloca() : memref<512xf32>
    linalg.generic {indexing_maps = [#ij, #row], iterator_types = ["parallel", "reduction"]}
        ins(%v : memref<?x?xf32, strided<[?, 1], offset: ?>>) outs(%s : memref<512xf32>) {
    ^bb0(%a: f32, %sum: f32):
      %r = arith.addf %sum, %a : f32
      linalg.yield %r : f32
    }
  } {rung.grid}
  return
}

// CHECK-LABEL: func.func @row_sums(
// CHECK:         %[[S:.+]] = memref.alloca() : memref<512xf32>
// CHECK-NEXT:    scf.forall (%[[T:.+]]) in (128) {
// CHECK:           %[[ROW:.+]] = arith.muli %[[T]], %c4
// CHECK:           %[[V:.+]] = memref.reinterpret_cast %{{.+}} to {{.*}} sizes: [4, %{{.+}}], strides: [%{{.+}}, 1]
// CHECK-NEXT:      %[[PART:.+]] = memref.reinterpret_cast %[[S]] to offset: [%[[ROW]]], sizes: [4], strides: [1]
// CHECK-NEXT:      linalg.generic {{.*}} ins(%[[V]] : {{.*}}) outs(%[[PART]] :
// CHECK:         } {rung.tile = [4, 1024], rung.tiles}

// -----

// A sum has no parallel dimension. Only where it does not fit the scratchpad, it is cut, too: into a loop that runs in
// order, as every tile goes on with the accumulator of the one before.

#i = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>
func.func @one_sum(%x: memref<?xf32>, %n: index, %gx: index, %gy: index, %gz: index) {
  scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
    %v = memref.reinterpret_cast %x to offset: [%px], sizes: [%n], strides: [1] {rung.bounds = array<i64: 16384>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    %s = memref.alloca() : memref<f32>
    linalg.generic {indexing_maps = [#i, #none], iterator_types = ["reduction"]}
        ins(%v : memref<?xf32, strided<[1], offset: ?>>) outs(%s : memref<f32>) {
    ^bb0(%a: f32, %sum: f32):
      %r = arith.addf %sum, %a : f32
      linalg.yield %r : f32
    }
  } {rung.grid}
  return
}

// CHECK-LABEL: func.func @one_sum(
// CHECK-NOT:     rung.tile

// FIT-LABEL: func.func @one_sum(
// FIT-SAME:      %{{.+}}: memref<?xf32>, %[[N:.+]]: index, %{{.+}}: index, %{{.+}}: index, %{{.+}}: index)
// FIT:         %[[S:.+]] = memref.alloca() : memref<f32>
// FIT:         %[[TILES:.+]] = arith.ceildivsi %[[N]], %c2048
// FIT:         scf.for %{{.+}} = %c0 to %[[TILES]] step %c1 {
// FIT:           linalg.generic {{.*}} outs(%[[S]] : memref<f32>)
// FIT:         } {rung.tile = [2048]}

// -----

// Left alone: a size without a bound, and a body that stores, whose order might show.

#i = affine_map<(d0) -> (d0)>
func.func @left_alone(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %gx: index, %gy: index, %gz: index) {
  scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
    %u = memref.reinterpret_cast %x to offset: [%px], sizes: [%n], strides: [1]
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [#i], iterator_types = ["parallel"]}
        outs(%u : memref<?xf32, strided<[1], offset: ?>>) {
    ^bb0(%a: f32):
      %r = arith.addf %a, %a : f32
      linalg.yield %r : f32
    }
    %v = memref.reinterpret_cast %x to offset: [%px], sizes: [%n], strides: [1] {rung.bounds = array<i64: 1048576>}
        : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [#i], iterator_types = ["parallel"]}
        outs(%v : memref<?xf32, strided<[1], offset: ?>>) {
    ^bb0(%a: f32):
      memref.store %a, %y[%px] : memref<?xf32>
      linalg.yield %a : f32
    }
  } {rung.grid}
  return
}

// CHECK-LABEL: func.func @left_alone(
// CHECK-NOT:     rung.tile
