// RUN: rung opt %s --split-input-file --pipeline 'band-grid' | filecheck %s

// Programs next to each other along y read pieces of 128 bytes that follow one another, in 32 rows each: four of them
// run before the next step along x.

#same = affine_map<(d0, d1) -> (d0, d1)>
func.func @transpose(%x: memref<?xf32>, %y: memref<?xf32>, %m: index, %n: index, %gx: index, %gy: index) attributes {rung.kernel} {
  %c32 = arith.constant 32 : index
  scf.forall (%px, %py) in (%gx, %gy) {
    %row = arith.muli %px, %c32 : index
    %column = arith.muli %py, %c32 : index
    %rn = arith.muli %row, %n : index
    %from = arith.addi %rn, %column : index
    %cm = arith.muli %column, %m : index
    %to = arith.addi %cm, %row : index
    %a = memref.reinterpret_cast %x to offset: [%from], sizes: [%c32, %c32], strides: [1, %n]
      {rung.bounds = array<i64: 32, 32>} : memref<?xf32> to memref<?x?xf32, strided<[1, ?], offset: ?>>
    %b = memref.reinterpret_cast %y to offset: [%to], sizes: [%c32, %c32], strides: [%m, 1]
      {rung.bounds = array<i64: 32, 32>} : memref<?xf32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
    linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel", "parallel"]}
      ins(%a : memref<?x?xf32, strided<[1, ?], offset: ?>>) outs(%b : memref<?x?xf32, strided<[?, 1], offset: ?>>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    }
  } {rung.grid}
  return
}

// CHECK-LABEL: func.func @transpose(
// CHECK:         {rung.band = 4 : i64, rung.grid}
