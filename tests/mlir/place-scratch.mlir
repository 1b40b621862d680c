// RUN: rung opt %s --split-input-file --pipeline 'place-scratch' | filecheck %s

// 4096 floats are 16384 bytes; 2 x 33 floats are 264, of which 320 is the next multiple of 64. Behind this pass there
// is one memory space.

func.func @arena(%n: index, %f: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %a = memref.alloca() : memref<4096xf32>
    %t = memref.alloca() : memref<2x33xf32, 1>
    memref.store %f, %a[%i] : memref<4096xf32>
    memref.store %f, %t[%c1, %i] : memref<2x33xf32, 1>
  }
  return
}

// CHECK-LABEL: func.func @arena(
// CHECK-SAME:      attributes {rung.scratch_bytes = 16384 : i64, rung.scratchpad_bytes = 320 : i64}
// CHECK-NEXT:    %[[BYTES:.+]] = arith.constant 16704 : i64
// CHECK-NEXT:    %[[BASE:.+]] = call @rung_arena_enter(%[[BYTES]])
// CHECK-NEXT:    %[[ARENA:.+]] = builtin.unrealized_conversion_cast %[[BASE]] : !llvm.ptr to memref<16704xi8>
// CHECK:         %[[A:.+]] = memref.view %[[ARENA]][%c0][] : memref<16704xi8> to memref<4096xf32>
// CHECK:         %[[T:.+]] = memref.view %[[ARENA]][%c16384][] : memref<16704xi8> to memref<2x33xf32>
// CHECK:         scf.for
// CHECK-NEXT:      memref.store %{{.+}}, %[[A]][
// CHECK-NEXT:      memref.store %{{.+}}, %[[T]][{{.*}}] : memref<2x33xf32>
// CHECK-NEXT:    }
// CHECK-NEXT:    call @rung_arena_exit(%[[BASE]])
// CHECK-NEXT:    return

// -----

// Every return gives the arena back.

func.func @two_returns(%b: i1, %i: index, %f: f32) {
  %a = memref.alloca() : memref<4096xf32>
  cf.cond_br %b, ^one, ^two
^one:
  memref.store %f, %a[%i] : memref<4096xf32>
  return
^two:
  return
}

// CHECK-LABEL: func.func @two_returns(
// CHECK:         %[[BASE:.+]] = call @rung_arena_enter(
// CHECK:         call @rung_arena_exit(%[[BASE]])
// CHECK-NEXT:    return
// CHECK:         call @rung_arena_exit(%[[BASE]])
// CHECK-NEXT:    return

// -----

// Little stays on the stack, hoisted out of the loop.

func.func @stack(%n: index, %f: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %a = memref.alloca() : memref<64xf32, 1>
    memref.store %f, %a[%i] : memref<64xf32, 1>
  }
  return
}

// CHECK-LABEL: func.func @stack(
// CHECK-NEXT:    %[[A:.+]] = memref.alloca() {alignment = 64 : i64} : memref<64xf32>
// CHECK:         scf.for
// CHECK-NEXT:      memref.store %{{.+}}, %[[A]][

// -----

// Views of the scratchpad, and what loops carry of them, have no memory space of their own any more.

func.func @carried(%n: index, %f: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %t = memref.alloca() : memref<64xf32, 1>
  %v = memref.subview %t[1] [8] [1] : memref<64xf32, 1> to memref<8xf32, strided<[1], offset: 1>, 1>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%b = %v) -> (memref<8xf32, strided<[1], offset: 1>, 1>) {
    memref.store %f, %b[%i] : memref<8xf32, strided<[1], offset: 1>, 1>
    scf.yield %b : memref<8xf32, strided<[1], offset: 1>, 1>
  }
  return
}

// CHECK-LABEL: func.func @carried(
// CHECK:         %[[V:.+]] = memref.subview %{{.+}} : memref<64xf32> to memref<8xf32, strided<[1], offset: 1>>
// CHECK-NEXT:    scf.for {{.*}} iter_args(%[[B:.+]] = %[[V]]) -> (memref<8xf32, strided<[1], offset: 1>>) {
// CHECK-NEXT:      memref.store %{{.+}}, %[[B]][%{{.+}}] : memref<8xf32, strided<[1], offset: 1>>
