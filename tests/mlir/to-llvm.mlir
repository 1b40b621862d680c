// RUN: rung opt %s --split-input-file --pipeline 'to-llvm' | filecheck %s
// RUN: rung opt %s --split-input-file --pipeline 'to-llvm{scalar=on index-bits=32}' | filecheck %s --check-prefix SMALL

// A memref at a pointer is what `lower-abi` leaves: it becomes the pointer.

func.func @kernel(%x: !llvm.ptr, %n: i64) attributes {rung.kernel} {
  %m = builtin.unrealized_conversion_cast %x : !llvm.ptr to memref<?xf32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %end = arith.index_cast %n : i64 to index
  scf.for %i = %c0 to %end step %c1 {
    %v = memref.load %m[%i] : memref<?xf32>
    %w = arith.addf %v, %v : f32
    memref.store %w, %m[%i] : memref<?xf32>
  }
  return
}

// CHECK-LABEL: llvm.func @kernel(
// CHECK-SAME:      %[[X:.+]]: !llvm.ptr, %[[N:.+]]: i64) attributes {passthrough = ["noinline"]
// CHECK:       ^[[TEST:.+]](%[[I:.+]]: i64):
// CHECK-NEXT:    %[[MORE:.+]] = llvm.icmp "slt" %[[I]], %[[N]] : i64
// CHECK-NEXT:    llvm.cond_br %[[MORE]], ^[[BODY:.+]], ^[[END:.+]]
// CHECK-NEXT:  ^[[BODY]]:
// CHECK-NEXT:    %[[AT:.+]] = llvm.getelementptr {{.*}}%[[X]][%[[I]]] : (!llvm.ptr, i64) -> !llvm.ptr, f32
// CHECK-NEXT:    %[[V:.+]] = llvm.load %[[AT]] : !llvm.ptr -> f32
// CHECK-NEXT:    %[[W:.+]] = llvm.fadd %[[V]], %[[V]] : f32
// CHECK:         llvm.store %[[W]],
// CHECK:         llvm.br ^[[TEST]](
// CHECK-NEXT:  ^[[END]]:
// CHECK-NEXT:    llvm.return

// An index of 32 bits; and scalar code that LLVM does not vectorize on its own.
// SMALL-LABEL: llvm.func @kernel(
// SMALL-SAME:      %{{.+}}: !llvm.ptr, %[[N:.+]]: i64) attributes {passthrough = ["noimplicitfloat", "noinline"]
// SMALL:         llvm.trunc %[[N]] : i64 to i32
// SMALL:         llvm.getelementptr {{.*}} : (!llvm.ptr, i32) -> !llvm.ptr, f32

// -----

// Behind a call of `rung_leave` the function returns.

func.func private @rung_leave(!llvm.ptr)
func.func @leaves(%failed: i1, %base: !llvm.ptr, %x: !llvm.ptr, %v: f32) attributes {rung.kernel} {
  scf.if %failed {
    func.call @rung_leave(%base) : (!llvm.ptr) -> ()
  }
  llvm.store %v, %x : f32, !llvm.ptr
  return
}

// CHECK-LABEL: llvm.func @leaves(
// CHECK:         llvm.call @rung_leave(
// CHECK-NEXT:    llvm.return
// CHECK:         llvm.store
// CHECK-NEXT:    llvm.return
