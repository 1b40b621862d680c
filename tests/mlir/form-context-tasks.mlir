// RUN: rung opt %s --split-input-file --pipeline 'form-context-tasks' | filecheck %s

// The loop's body becomes a task, which is handed what it uses in a frame of slots of 8 bytes. Constants and views are
// not handed over but repeated.

func.func @fork(%x: memref<?xf32>, %n: index, %f: f32) attributes {rung.kernel} {
  %one = arith.constant 1.0 : f32
  %v = memref.reinterpret_cast %x to offset: [%n], sizes: [64], strides: [1]
      : memref<?xf32> to memref<64xf32, strided<[1], offset: ?>>
  scf.forall (%c) in (%n) {
    %g = arith.addf %f, %one : f32
    memref.store %g, %v[%c] : memref<64xf32, strided<[1], offset: ?>>
  } {rung.contexts}
  return
}

// CHECK-LABEL: func.func private @fork_task0(
// CHECK-SAME:      %[[FRAME:.+]]: !llvm.ptr, %[[CONTEXT:.+]]: i64) attributes {{{.*}}rung.task}
// CHECK-NEXT:    %[[F:.+]] = llvm.load %[[FRAME]] : !llvm.ptr -> f32
// CHECK-NEXT:    %[[SLOT1:.+]] = llvm.getelementptr %[[FRAME]][1]
// CHECK-NEXT:    %[[XP:.+]] = llvm.load %[[SLOT1]] : !llvm.ptr -> !llvm.ptr
// CHECK-NEXT:    %[[X:.+]] = builtin.unrealized_conversion_cast %[[XP]] : !llvm.ptr to memref<?xf32>
// CHECK:         %[[ONE:.+]] = arith.constant 1.0
// CHECK-NEXT:    %[[V:.+]] = memref.reinterpret_cast %[[X]] to
// CHECK-NEXT:    %[[C:.+]] = arith.index_cast %[[CONTEXT]] : i64 to index
// CHECK-NEXT:    %[[G:.+]] = arith.addf %[[F]], %[[ONE]]
// CHECK-NEXT:    memref.store %[[G]], %[[V]][%[[C]]]
// CHECK-NEXT:    return

// CHECK-LABEL: func.func @fork(
// CHECK-SAME:      %[[X:.+]]: memref<?xf32>, %[[N:.+]]: index, %[[F:.+]]: f32)
// CHECK-NEXT:    %[[SLOTS:.+]] = llvm.mlir.constant(3 : i64)
// CHECK-NEXT:    %[[FRAME:.+]] = llvm.alloca %[[SLOTS]] x i64
// CHECK:         llvm.store %[[F]], %[[FRAME]] : f32
// CHECK-NEXT:    %[[XP:.+]] = builtin.unrealized_conversion_cast %[[X]] : memref<?xf32> to !llvm.ptr
// CHECK-NEXT:    %[[SLOT1:.+]] = llvm.getelementptr %[[FRAME]][1]
// CHECK-NEXT:    llvm.store %[[XP]], %[[SLOT1]]
// CHECK:         %[[TASK:.+]] = constant @fork_task0
// CHECK-NEXT:    %[[USED:.+]] = arith.index_cast %[[N]] : index to i64
// CHECK-NEXT:    call @rung_fork(%[[TASK]], %[[FRAME]], %[[USED]])
// CHECK-NEXT:    return

// -----

// The frame of an inner loop lives in the task that forks it: no two contexts share one.

func.func @nested(%x: memref<?xf32>, %n: index, %f: f32) attributes {rung.kernel} {
  scf.forall (%c) in (%n) {
    scf.forall (%d) in (%n) {
      memref.store %f, %x[%d] : memref<?xf32>
    } {rung.contexts}
  } {rung.contexts}
  return
}

// CHECK-LABEL: func.func private @nested_task1(
// CHECK:         memref.store

// CHECK-LABEL: func.func private @nested_task0(
// CHECK:         %[[FRAME:.+]] = llvm.alloca
// CHECK:         %[[TASK:.+]] = constant @nested_task1
// CHECK:         call @rung_fork(%[[TASK]], %[[FRAME]],

// CHECK-LABEL: func.func @nested(
// CHECK:         %[[FRAME:.+]] = llvm.alloca
// CHECK:         %[[TASK:.+]] = constant @nested_task0
// CHECK:         call @rung_fork(%[[TASK]], %[[FRAME]],

// -----

// Programs that wait for one another are tasks one by one, which the runtime runs on stacks of their own.

func.func @programs_that_wait(%x: memref<?xf32>, %n: index, %f: f32) attributes {rung.kernel} {
  scf.forall (%p) in (%n) {
    memref.store %f, %x[%p] : memref<?xf32>
  } {rung.programs, rung.fork = {contexts = 3 : i64, least = 7 : i64}}
  return
}

// CHECK-LABEL: func.func private @programs_that_wait_task0(
// CHECK:         memref.store

// CHECK-LABEL: func.func @programs_that_wait(
// CHECK:         %[[TASK:.+]] = constant @programs_that_wait_task0
// CHECK:         call @rung_run_programs(%[[TASK]], %{{.+}}, %{{.+}}, %c3_i64, %c7_i64)

// -----

// A loop over exactly one context becomes its body.

func.func @one_context(%x: memref<?xf32>, %f: f32) attributes {rung.kernel} {
  scf.forall (%c) in (1) {
    memref.store %f, %x[%c] : memref<?xf32>
  } {rung.contexts}
  return
}

// CHECK-LABEL: func.func @one_context(
// CHECK-SAME:      %[[X:.+]]: memref<?xf32>, %[[F:.+]]: f32)
// CHECK-NEXT:    %[[C:.+]] = arith.constant 0 : index
// CHECK-NEXT:    memref.store %[[F]], %[[X]][%[[C]]]
// CHECK-NEXT:    return
