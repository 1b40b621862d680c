// RUN: rung opt %s --split-input-file --pipeline 'expand-math' | filecheck %s
// RUN: rung opt %s --split-input-file --pipeline 'expand-math{fma=off}' | filecheck %s --check-prefix NO-FMA

// exp(x) = 2^k * p(r), with k = round(x / ln 2) and |r| <= ln 2 / 2: one polynomial for vectors of any shape and scalars.

func.func @exp(%x: vector<16xf32>) -> vector<16xf32> {
  %y = math.exp %x : vector<16xf32>
  return %y : vector<16xf32>
}

// CHECK-LABEL: func.func @exp(
// CHECK:         %[[K:.+]] = arith.subf
// CHECK-NEXT:    %[[R0:.+]] = math.fma %[[K]],
// CHECK-NEXT:    %[[R:.+]] = math.fma %[[K]], %{{.+}}, %[[R0]]
// CHECK-NEXT:    %[[R2:.+]] = arith.mulf %[[R]], %[[R]]
// CHECK-NEXT:    %[[P1:.+]] = math.fma %{{.+}}, %[[R]], %{{.+}} : vector<16xf32>
// CHECK-NEXT:    %[[P2:.+]] = math.fma %[[P1]], %[[R]],
// CHECK-NEXT:    %[[P3:.+]] = math.fma %[[P2]], %[[R]],
// CHECK-NEXT:    %[[P4:.+]] = math.fma %[[P3]], %[[R]],
// CHECK-NEXT:    %[[P:.+]] = math.fma %[[R2]], %[[P4]], %[[R]]
// 2^k by way of its bits, in two halves: k goes down to -150, below what one exponent can say.
// CHECK:         arith.shli
// CHECK:         arith.shli
// CHECK-NOT:     math.exp
// CHECK:         return

// NO-FMA-LABEL: func.func @exp(
// NO-FMA-NOT:     math.
// NO-FMA:         return

// -----

// Half precision is computed in f32 and rounded once.

func.func @half(%x: f16) -> f16 {
  %y = math.tanh %x : f16
  return %y : f16
}

// CHECK-LABEL: func.func @half(
// CHECK-SAME:      %[[X:.+]]: f16)
// CHECK:         %[[WIDE:.+]] = arith.extf %[[X]] : f16 to f32
// CHECK-NOT:     math.tanh
// CHECK:         %[[Y:.+]] = arith.truncf %{{.+}} : f32 to f16
// CHECK-NEXT:    return %[[Y]]

// -----

// Vectors of integers are divided through floats, exactly.

func.func @quotient(%a: vector<8xi32>, %b: vector<8xi32>) -> vector<8xi32> {
  %q = arith.divsi %a, %b : vector<8xi32>
  return %q : vector<8xi32>
}

// CHECK-LABEL: func.func @quotient(
// CHECK-SAME:      %[[A:.+]]: vector<8xi32>, %[[B:.+]]: vector<8xi32>)
// CHECK-NEXT:    %[[FA:.+]] = arith.sitofp %[[A]] : vector<8xi32> to vector<8xf64>
// CHECK-NEXT:    %[[FB:.+]] = arith.sitofp %[[B]] : vector<8xi32> to vector<8xf64>
// CHECK-NEXT:    %[[FQ:.+]] = arith.divf %[[FA]], %[[FB]]
// CHECK-NEXT:    %[[Q:.+]] = arith.fptosi %[[FQ]] : vector<8xf64> to vector<8xi32>
// CHECK:         return %[[Q]]

// -----

// Left alone: what is one instruction of the machine, and f64 functions that are left to the C library.

func.func @left_alone(%x: vector<16xf32>, %d: f64) -> (vector<16xf32>, f64) {
  %r = math.sqrt %x : vector<16xf32>
  %e = math.tan %d : f64
  return %r, %e : vector<16xf32>, f64
}

// CHECK-LABEL: func.func @left_alone(
// CHECK-NEXT:    math.sqrt
// CHECK-NEXT:    math.tan
// CHECK-NEXT:    return
