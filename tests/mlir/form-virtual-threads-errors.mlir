// RUN: not rung opt %s --split-input-file --pipeline 'form-virtual-threads{turns=off}' 2>&1 | filecheck %s

// What the programs of a context compute cannot be told apart where there is one value for all.

func.func @results(%t: tensor<8xf32>, %n: index) -> tensor<8xf32> {
  %r = scf.forall (%i) in (%n) shared_outs(%o = %t) -> tensor<8xf32> {
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %t into %o[0] [8] [1] : tensor<8xf32> into tensor<8xf32>
    }
  } {rung.grid}
  return %r : tensor<8xf32>
}

// CHECK: error: form-virtual-threads: a parallel loop has results, at loc({{.*}})

// -----

// On a machine whose contexts run their programs one after another, a program that waits would wait for ever.

func.func private @rung_yield()
func.func @programs_that_wait(%flag: memref<?xi32>, %gx: index, %gy: index, %gz: index) attributes {rung.kernel} {
  %zero = arith.constant 0 : i32
  scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
    scf.while : () -> () {
      %v = memref.atomic_rmw ori %zero, %flag[%px] : (i32, memref<?xi32>) -> i32
      %again = arith.cmpi eq, %v, %zero : i32
      scf.condition(%again)
    } do {
      func.call @rung_yield() : () -> ()
      scf.yield
    }
  } {rung.grid}
  return
}

// CHECK: error: a loop that waits for what other programs do is not supported
// CHECK-SAME: supported: such loops on the host
