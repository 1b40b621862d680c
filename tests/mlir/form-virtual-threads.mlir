// RUN: rung opt %s --split-input-file --pipeline 'form-virtual-threads{contexts=4}' | filecheck %s
// RUN: rung opt %s --split-input-file --pipeline 'form-virtual-threads{contexts=4 distribution=block-cyclic}' | filecheck %s --check-prefix CYCLIC
// RUN: rung opt %s --split-input-file --pipeline 'form-virtual-threads{contexts=1}' | filecheck %s --check-prefix ONE

// Each context has an equal share of all programs, from `c * T / used` to `(c + 1) * T / used`; or, block-cyclic,
// every `used`-th one. With a single context there is nothing but a loop.

func.func @grid(%x: memref<?xf32>, %gx: index, %gy: index, %gz: index) attributes {rung.kernel} {
  scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
    %v = memref.load %x[%px] : memref<?xf32>
    memref.store %v, %x[%py] : memref<?xf32>
  } {rung.grid}
  return
}

// CHECK-LABEL: func.func @grid(
// CHECK-SAME:      %{{.+}}: memref<?xf32>, %[[GX:.+]]: index, %[[GY:.+]]: index, %[[GZ:.+]]: index)
// CHECK-NEXT:    %[[GXY:.+]] = arith.muli %[[GX]], %[[GY]]
// CHECK-NEXT:    %[[T:.+]] = arith.muli %[[GXY]], %[[GZ]]
// A fork must pay: one program costs 2/3 ns here, a fork 2000 ns; 4002 programs are the first of which T less T / 4, rounded up, is more than 3000.
// CHECK-NEXT:    %[[LEAST:.+]] = arith.constant 4002 : index
// CHECK-NEXT:    %[[PAYS:.+]] = arith.cmpi sge, %[[T]], %[[LEAST]]
// CHECK:         %[[MOST:.+]] = arith.minsi %[[T]], %c4
// CHECK:         %[[USED:.+]] = arith.select %[[PAYS]], %[[MOST]], %c1
// CHECK-NEXT:    scf.forall (%[[C:.+]]) in (%[[USED]]) {
// CHECK:           %[[CT:.+]] = arith.muli %[[C]], %[[T]]
// CHECK-NEXT:      %[[BEGIN:.+]] = arith.divui %[[CT]], %[[USED]]
// CHECK-NEXT:      %[[C1:.+]] = arith.addi %[[C]], %c1
// CHECK-NEXT:      %[[C1T:.+]] = arith.muli %[[C1]], %[[T]]
// CHECK-NEXT:      %[[END:.+]] = arith.divui %[[C1T]], %[[USED]]
// CHECK-NEXT:      scf.for %[[PID:.+]] = %[[BEGIN]] to %[[END]] step
// The first dimension varies fastest; the third one, which nobody uses, costs nothing.
// CHECK-NEXT:        %[[PX:.+]] = arith.remui %[[PID]], %[[GX]]
// CHECK-NEXT:        %[[PYZ:.+]] = arith.divui %[[PID]], %[[GX]]
// CHECK-NEXT:        %[[PY:.+]] = arith.remui %[[PYZ]], %[[GY]]
// CHECK-NEXT:        %[[V:.+]] = memref.load %{{.+}}[%[[PX]]]
// CHECK-NEXT:        memref.store %[[V]], %{{.+}}[%[[PY]]]
// CHECK-NEXT:      } {rung.grid_loop}
// CHECK-NEXT:    } {rung.body_cost_ns = 6.67{{.*}}, rung.break_even_programs = 4002 : i64, rung.contexts,
// CHECK-SAME:       rung.distribution = "block"

// CYCLIC-LABEL: func.func @grid(
// CYCLIC:         scf.forall (%[[C:.+]]) in (%[[USED:.+]]) {
// CYCLIC:           scf.for %{{.+}} = %[[C]] to %{{.+}} step %[[USED]] {
// CYCLIC:         } {{{.*}}rung.distribution = "block-cyclic"

// ONE-LABEL: func.func @grid(
// ONE-NOT:     scf.forall
// ONE:         scf.for %{{.+}} = %c0 to %{{.+}} step %c1 {
// ONE:         } {{{.*}}rung.grid_loop, rung.serial = "one context"}

// -----

// A count that is known and too small to pay for a fork: the loop stays with one context, and says why.

func.func @few(%x: memref<?xf32>) {
  scf.forall (%t) in (3) {
    %v = memref.load %x[%t] : memref<?xf32>
    memref.store %v, %x[%t] : memref<?xf32>
  } {rung.tiles}
  return
}

// CHECK-LABEL: func.func @few(
// CHECK-NOT:     scf.forall
// CHECK:         scf.for
// CHECK:         } {{{.*}}rung.serial = "3 iterations; a fork pays from 4002 on", rung.tile_loop}

// -----

// Sixteen floats fill a cache line: no two contexts write to one, if shares begin at multiples of 16 iterations.

func.func @shared_lines(%x: memref<?xf32>, %v: f32) {
  scf.forall (%t) in (100000) {
    memref.store %v, %x[%t] : memref<?xf32>
  } {rung.tiles}
  return
}

// CHECK-LABEL: func.func @shared_lines(
// CHECK:         scf.forall (%[[C:.+]]) in (4) {
// CHECK:           %[[LINES:.+]] = arith.ceildivui %c100000{{.*}}, %c16
// CHECK-NEXT:      %[[CL:.+]] = arith.muli %[[C]], %[[LINES]]
// CHECK-NEXT:      %[[LINE:.+]] = arith.divui %[[CL]], %c4
// CHECK-NEXT:      %[[FIRST:.+]] = arith.muli %[[LINE]], %c16
// CHECK-NEXT:      %[[BEGIN:.+]] = arith.minui %[[FIRST]], %c100000
// CHECK:           scf.for %{{.+}} = %[[BEGIN]] to
// CHECK:         } {{{.*}}rung.contexts, {{.*}}rung.iterations_per_line = 16 : i64}

// -----

// Programs that wait for one another must all get on: each is an iteration of its own, which no other one follows.

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

// CHECK-LABEL: func.func @programs_that_wait(
// CHECK:         scf.forall (%[[PID:.+]]) in (%{{.+}}) {
// CHECK-NEXT:      arith.remui %[[PID]],
// CHECK-NEXT:      scf.while
// CHECK-NOT:     rung.contexts
// CHECK:         } {{{.*}}rung.fork = {contexts = 4 : i64, {{.*}}}, rung.programs}
