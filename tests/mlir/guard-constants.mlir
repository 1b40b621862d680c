// RUN: rung opt %s --split-input-file --pipeline 'guard-constants' | filecheck %s

// What is computed from constants alone is asked whether it is in range.

func.func @known() -> vector<4xi32> {
  %c = arith.constant dense<3.0e9> : vector<4xf32>
  %s = arith.mulf %c, %c : vector<4xf32>
  %r = arith.fptosi %s : vector<4xf32> to vector<4xi32>
  return %r : vector<4xi32>
}

// CHECK-LABEL: func.func @known(
// CHECK:         %[[X:.+]] = arith.mulf
// CHECK-NEXT:    %[[N:.+]] = arith.fptosi %[[X]] : vector<4xf32> to vector<4xi32>
// CHECK:         %[[ABOVE:.+]] = arith.cmpf oge, %[[X]], %{{.+}} : vector<4xf32>
// CHECK:         %[[BELOW:.+]] = arith.cmpf olt, %[[X]], %{{.+}} : vector<4xf32>
// CHECK:         %[[IN:.+]] = arith.andi %[[ABOVE]], %[[BELOW]]
// CHECK:         %[[LEAST:.+]] = arith.constant dense<-2147483648> : vector<4xi32>
// CHECK:         %[[CHOSEN:.+]] = arith.select %[[IN]], %[[N]], %[[LEAST]]
// CHECK:         return %[[CHOSEN]]

// -----

// What is not known is left to the processor.

func.func @left(%x: f32) -> i64 {
  %c = arith.constant 2.0 : f32
  %s = arith.mulf %c, %x : f32
  %r = arith.fptosi %s : f32 to i64
  return %r : i64
}

// CHECK-LABEL: func.func @left(
// CHECK:         %[[R:.+]] = arith.fptosi
// CHECK-NEXT:    return %[[R]]
