// RUN: not rung opt %s --pipeline 'vectorize' 2>&1 | filecheck %s

// The front end gives a view of one element for that, so that every index of an operand is a dimension of the nest.

#i = affine_map<(d0) -> (d0)>
#first = affine_map<(d0) -> (0)>
func.func @no_projection(%x: memref<?xf32>, %y: memref<?xf32>) {
  linalg.generic {indexing_maps = [#first, #i], iterator_types = ["parallel"]}
      ins(%x : memref<?xf32>) outs(%y : memref<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  }
  return
}

// CHECK: error: pass `vectorize` failed: indexing map (d0) -> (0) is not a projection
