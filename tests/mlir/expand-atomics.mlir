// RUN: rung opt %s --split-input-file --pipeline 'expand-atomics' | filecheck %s

// An update of any kind reads, computes, and writes if nobody else has written since. The bits are compared: floats
// that differ may be equal, and NaN is not equal to itself.

func.func @generic(%x: memref<?xf32>, %v: f32, %i: index) -> f32 {
  %o = memref.generic_atomic_rmw %x[%i] : memref<?xf32> {
  ^bb0(%now: f32):
    %s = arith.subf %now, %v : f32
    memref.atomic_yield %s : f32
  }
  return %o : f32
}

// CHECK-LABEL: func.func @generic(
// CHECK:         %[[FIRST:.+]] = llvm.load %{{.+}} atomic monotonic {alignment = 4 : i64} : !llvm.ptr -> i32
// CHECK:         %[[LAST:.+]] = scf.while (%[[BITS:.+]] = %[[FIRST]]) : (i32) -> i32 {
// CHECK-NEXT:      %[[NOW:.+]] = arith.bitcast %[[BITS]] : i32 to f32
// CHECK-NEXT:      %[[NEW:.+]] = arith.subf %[[NOW]], %{{.+}} : f32
// CHECK-NEXT:      %[[WORD:.+]] = arith.bitcast %[[NEW]] : f32 to i32
// CHECK-NEXT:      %[[R:.+]] = llvm.cmpxchg %{{.+}}, %[[BITS]], %[[WORD]] acq_rel monotonic
// CHECK-NEXT:      %[[SEEN:.+]] = llvm.extractvalue %[[R]][0]
// CHECK-NEXT:      %[[DONE:.+]] = llvm.extractvalue %[[R]][1]
// CHECK:           %[[AGAIN:.+]] = arith.xori %[[DONE]], %true
// CHECK-NEXT:      scf.condition(%[[AGAIN]]) %[[SEEN]] : i32
// CHECK:         %[[OLD:.+]] = arith.bitcast %[[LAST]] : i32 to f32
// CHECK:         return %[[OLD]] : f32

// -----

// LLVM has no product, and no sum of bf16.

func.func @product(%x: memref<?xi64>, %v: i64, %i: index) {
  memref.atomic_rmw muli %v, %x[%i] : (i64, memref<?xi64>) -> i64
  return
}
func.func @sum(%x: memref<?xbf16>, %v: bf16, %i: index) {
  memref.atomic_rmw addf %v, %x[%i] : (bf16, memref<?xbf16>) -> bf16
  return
}

// CHECK-LABEL: func.func @product(
// CHECK:         arith.muli %{{.+}} : i64
// CHECK-NEXT:    llvm.cmpxchg
// CHECK-LABEL: func.func @sum(
// CHECK:         arith.addf %{{.+}} : bf16
// CHECK:         llvm.cmpxchg

// -----

// The other kinds are left to it.

func.func @left(%x: memref<?xf32>, %n: memref<?xi32>, %v: f32, %m: i32, %i: index) {
  memref.atomic_rmw addf %v, %x[%i] : (f32, memref<?xf32>) -> f32
  memref.atomic_rmw maximumf %v, %x[%i] : (f32, memref<?xf32>) -> f32
  memref.atomic_rmw assign %v, %x[%i] : (f32, memref<?xf32>) -> f32
  memref.atomic_rmw mins %m, %n[%i] : (i32, memref<?xi32>) -> i32
  return
}

// CHECK-LABEL: func.func @left(
// CHECK-NEXT:    memref.atomic_rmw addf
// CHECK-NEXT:    memref.atomic_rmw maximumf
// CHECK-NEXT:    memref.atomic_rmw assign
// CHECK-NEXT:    memref.atomic_rmw mins
// CHECK-NEXT:    return
