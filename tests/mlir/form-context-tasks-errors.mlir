// RUN: not rung opt %s --split-input-file --pipeline 'form-context-tasks' 2>&1 | filecheck %s

// Neither a value that fits a slot of 8 bytes, nor one that could be computed again in the task without the branch.

func.func @chosen_at_run_time(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %b: i1, %f: f32) {
  %v = scf.if %b -> memref<?xf32, strided<[?]>> {
    %p = memref.reinterpret_cast %x to offset: [0], sizes: [%n], strides: [%n]
        : memref<?xf32> to memref<?xf32, strided<[?]>>
    scf.yield %p : memref<?xf32, strided<[?]>>
  } else {
    %q = memref.reinterpret_cast %y to offset: [0], sizes: [%n], strides: [%n]
        : memref<?xf32> to memref<?xf32, strided<[?]>>
    scf.yield %q : memref<?xf32, strided<[?]>>
  }
  scf.forall (%c) in (%n) {
    memref.store %f, %v[%c] : memref<?xf32, strided<[?]>>
  } {rung.contexts}
  return
}

// CHECK: error: a value of type memref<?xf32, strided<[?]>>, from `scf.if`, cannot be handed to a context task

// -----

func.func @two_dimensions(%x: memref<?xf32>, %n: index, %f: f32) {
  scf.forall (%c, %d) in (%n, %n) {
    memref.store %f, %x[%c] : memref<?xf32>
  } {rung.contexts}
  return
}

// CHECK: error: form-context-tasks: a loop over contexts has one dimension and no results
