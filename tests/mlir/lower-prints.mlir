// RUN: rung opt %s --pipeline 'lower-prints' | filecheck %s
// RUN: rung opt %s --pipeline 'lower-prints{keep=off}' | filecheck %s --check-prefix DEVICE

// The runtime is told how to print by a string, each once in a module that may have strings already.

llvm.mlir.global internal constant @rung_text_0("of another pass\00") {addr_space = 0 : i32}
func.func private @rung_print(!llvm.ptr, i64, i64, i64)
func.func @kernel(%values: !llvm.ptr, %x: i64, %y: i64, %z: i64) attributes {rung.kernel} {
  call @rung_print(%values, %x, %y, %z) {rung.print = "f 32 -1 1 64| v: "} : (!llvm.ptr, i64, i64, i64) -> ()
  call @rung_print(%values, %x, %y, %z) {rung.print = "f 32 -1 1 64| v: "} : (!llvm.ptr, i64, i64, i64) -> ()
  return
}

// CHECK-COUNT-1: llvm.mlir.global internal constant @rung_text_1("f 32 -1 1 64| v: \00")
// CHECK:         func.func private @rung_print(!llvm.ptr, !llvm.ptr, i64, i64, i64)
// CHECK-LABEL:   func.func @kernel(
// CHECK-SAME:      %[[VALUES:.+]]: !llvm.ptr, %[[X:.+]]: i64, %[[Y:.+]]: i64, %[[Z:.+]]: i64)
// CHECK-NEXT:      %[[TEXT:.+]] = llvm.mlir.addressof @rung_text_1
// CHECK-NEXT:      call @rung_print(%[[TEXT]], %[[VALUES]], %[[X]], %[[Y]], %[[Z]])
// CHECK-NEXT:      %[[AGAIN:.+]] = llvm.mlir.addressof @rung_text_1
// CHECK-NEXT:      call @rung_print(%[[AGAIN]], %[[VALUES]], %[[X]], %[[Y]], %[[Z]])
// CHECK-NEXT:      return

// A modelled device has nowhere to print to.
// DEVICE-NOT:    rung_print
// DEVICE-LABEL:  func.func @kernel(
// DEVICE-NEXT:     return
