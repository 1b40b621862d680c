// RUN: rung opt %s --split-input-file --pipeline 'leave-on-failure' | filecheck %s
// RUN: rung opt %s --split-input-file --pipeline 'leave-on-failure{scratch=off}' | filecheck %s --check-prefix MEMORY

// There may be no memory for an arena: `rung_leave` behind the call, with nothing to give up.

func.func private @rung_arena_enter(i64) -> !llvm.ptr
func.func private @rung_arena_exit(!llvm.ptr)
func.func @arena(%bytes: i64) attributes {rung.kernel} {
  %base = call @rung_arena_enter(%bytes) : (i64) -> !llvm.ptr
  call @rung_arena_exit(%base) : (!llvm.ptr) -> ()
  return
}

// CHECK-LABEL: func.func @arena(
// CHECK:         %[[BASE:.+]] = call @rung_arena_enter(
// CHECK-NEXT:    %[[NULL:.+]] = llvm.mlir.zero
// CHECK-NEXT:    %[[FAILED:.+]] = llvm.icmp "eq" %[[BASE]], %[[NULL]]
// CHECK-NEXT:    scf.if %[[FAILED]] {
// CHECK-NEXT:      func.call @rung_leave(%[[NULL]])
// CHECK-NEXT:    }
// CHECK-NEXT:    call @rung_arena_exit(%[[BASE]])

// On a device whose memory has been counted there always is.
// MEMORY-LABEL: func.func @arena(
// MEMORY-NEXT:    call @rung_arena_enter(
// MEMORY-NEXT:    call @rung_arena_exit(

// -----

// An assertion says where it stands, what it says, and which program it is.

func.func @assertion(%n: index, %holds: i1) attributes {rung.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %program = %c0 to %n step %c1 {
    cf.assert %holds, "i < n" {rung.where = "kernel.py:12: kernel"}
  } {rung.grid_loop}
  return
}

// CHECK-DAG:   llvm.mlir.global internal constant @rung_text_0("kernel.py:12: kernel\00")
// CHECK-DAG:   llvm.mlir.global internal constant @rung_text_1("i < n\00")
// CHECK-LABEL: func.func @assertion(
// CHECK-SAME:      %{{.+}}: index, %[[HOLDS:.+]]: i1)
// CHECK:         scf.for %[[PROGRAM:.+]] = %c0
// CHECK-NEXT:      %[[NUMBER:.+]] = arith.index_cast %[[PROGRAM]] : index to i64
// CHECK:           %[[FAILS:.+]] = arith.xori %[[HOLDS]], %true
// CHECK-NEXT:      scf.if %[[FAILS]] {
// CHECK-NEXT:        %[[WHERE:.+]] = llvm.mlir.addressof @rung_text_0
// CHECK-NEXT:        %[[WHAT:.+]] = llvm.mlir.addressof @rung_text_1
// CHECK-NEXT:        func.call @rung_assert_failed(%[[WHERE]], %[[WHAT]], %[[NUMBER]])
// CHECK:             func.call @rung_leave(
// CHECK-NEXT:      }
// CHECK-NEXT:    } {rung.grid_loop}

// -----

// A task that may fail: who forked it asks, if anything is left to do. Behind the last fork the kernel returns anyway.

func.func private @task(%frame: !llvm.ptr, %context: i64) {
  %holds = arith.constant false
  cf.assert %holds, "never"
  return
}
func.func private @rung_fork((!llvm.ptr, i64) -> (), !llvm.ptr, i64)
func.func @fork(%n: index, %frame: !llvm.ptr, %used: i64) attributes {rung.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %task = func.constant @task : (!llvm.ptr, i64) -> ()
  scf.for %program = %c0 to %n step %c1 {
    func.call @rung_fork(%task, %frame, %used) : ((!llvm.ptr, i64) -> (), !llvm.ptr, i64) -> ()
  } {rung.grid_loop}
  func.call @rung_fork(%task, %frame, %used) : ((!llvm.ptr, i64) -> (), !llvm.ptr, i64) -> ()
  return
}

// CHECK-LABEL: func.func private @task(
// A task that a program forks does not know the program's number.
// CHECK:         func.call @rung_assert_failed(%{{.+}}, %{{.+}}, %c-1_i64)

// CHECK-LABEL: func.func @fork(
// CHECK:         scf.for %[[PROGRAM:.+]] = %c0
// CHECK-NEXT:      %[[NUMBER:.+]] = arith.index_cast %[[PROGRAM]] : index to i64
// CHECK-NEXT:      func.call @rung_fork_for(%[[NUMBER]])
// CHECK-NEXT:      func.call @rung_fork(
// CHECK-NEXT:      %[[STATE:.+]] = func.call @rung_has_failed()
// CHECK:           %[[FAILED:.+]] = arith.cmpi ne, %[[STATE]], %c0_i32
// CHECK-NEXT:      scf.if %[[FAILED]] {
// CHECK:             func.call @rung_leave(
// CHECK-NEXT:      }
// CHECK-NEXT:    } {rung.grid_loop}
// CHECK-NEXT:    call @rung_fork(
// CHECK-NEXT:    return
