// RUN: rung opt %s --split-input-file --pipeline 'private-updates' | filecheck %s

// Scratch belongs to one context, whatever view of it is updated, and whether the old value is asked for or not.

func.func @own(%i: index, %v: i32, %f: f32) -> i32 {
  %scratch = memref.alloca() : memref<4x8xi32>
  %flat = memref.reinterpret_cast %scratch to offset: [0], sizes: [32], strides: [1] : memref<4x8xi32> to memref<32xi32>
  %old = memref.atomic_rmw addi %v, %flat[%i] : (i32, memref<32xi32>) -> i32
  %floats = memref.alloca() : memref<8xf32>
  %none = memref.atomic_rmw mulf %f, %floats[%i] : (f32, memref<8xf32>) -> f32
  return %old : i32
}

// CHECK-LABEL: func.func @own(
// CHECK-SAME:      %[[I:.+]]: index, %[[V:.+]]: i32, %[[F:.+]]: f32) -> i32 {
// CHECK:         %[[FLAT:.+]] = memref.reinterpret_cast
// CHECK-NEXT:    %[[OLD:.+]] = memref.load %[[FLAT]][%[[I]]] : memref<32xi32>
// CHECK-NEXT:    %[[NEW:.+]] = arith.addi %[[OLD]], %[[V]] : i32
// CHECK-NEXT:    memref.store %[[NEW]], %[[FLAT]][%[[I]]] : memref<32xi32>
// CHECK:         %[[FLOATS:.+]] = memref.alloca
// CHECK-NEXT:    %[[A:.+]] = memref.load %[[FLOATS]][%[[I]]] : memref<8xf32>
// CHECK-NEXT:    %[[B:.+]] = arith.mulf %[[A]], %[[F]] : f32
// CHECK-NEXT:    memref.store %[[B]], %[[FLOATS]][%[[I]]] : memref<8xf32>
// CHECK-NEXT:    return %[[OLD]] : i32

// -----

// Left alone: what others may see, and what is more than one operation.

func.func @shared(%x: memref<?xi32>, %address: i64, %i: index, %v: i32, %f: f32) {
  %a = memref.atomic_rmw addi %v, %x[%i] : (i32, memref<?xi32>) -> i32
  %scratch = memref.alloca() : memref<8xf32>
  %b = memref.atomic_rmw maximumf %f, %scratch[%i] : (f32, memref<8xf32>) -> f32
  %c = memref.generic_atomic_rmw %scratch[%i] : memref<8xf32> {
  ^bb0(%now: f32):
    %s = arith.subf %now, %f : f32
    memref.atomic_yield %s : f32
  }
  return
}

// CHECK-LABEL: func.func @shared(
// CHECK:         memref.atomic_rmw addi
// CHECK:         memref.atomic_rmw maximumf
// CHECK:         memref.generic_atomic_rmw
// CHECK-NOT:     memref.load
