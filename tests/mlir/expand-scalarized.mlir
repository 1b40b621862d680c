// RUN: rung opt %s --split-input-file --pipeline 'expand-scalarized{ops=arith.divf+arith.divsi}' | filecheck %s

// A first guess of 1 / d from its bits, three steps of Newton's iteration, each e = 1 - d * r; r = r + r * e.

func.func @divide(%n: vector<32xf32>, %d: vector<32xf32>) -> vector<32xf32> {
  %q = arith.divf %n, %d : vector<32xf32>
  return %q : vector<32xf32>
}

// CHECK-LABEL: func.func @divide(
// CHECK-SAME:      %[[N:.+]]: vector<32xf32>, %[[D:.+]]: vector<32xf32>)
// CHECK:         %[[MAGIC:.+]] = arith.constant dense<2129859011>
// CHECK:         %[[SIZE:.+]] = math.absf %[[D]]
// Divisors near the ends of the range are scaled, so that neither they nor their reciprocals are lost.
// CHECK:         %[[SCALED:.+]] = arith.mulf %[[SIZE]], %[[SCALE:.+]] : vector<32xf32>
// CHECK-NEXT:    %[[BITS:.+]] = arith.bitcast %[[SCALED]] : vector<32xf32> to vector<32xi32>
// CHECK-NEXT:    %[[GUESS:.+]] = arith.subi %[[MAGIC]], %[[BITS]]
// CHECK-NEXT:    %[[R0:.+]] = arith.bitcast %[[GUESS]] : vector<32xi32> to vector<32xf32>
// CHECK-COUNT-3: arith.mulf %[[SCALED]], %{{.+}} : vector<32xf32>
// CHECK:         %[[Q:.+]] = arith.mulf %[[N]], %{{.+}} : vector<32xf32>
// CHECK-NEXT:    %[[RESULT:.+]] = arith.mulf %[[Q]], %[[SCALE]]
// CHECK-NEXT:    return %[[RESULT]]

// -----

// Scalars are left alone. What is listed and has no expansion is left, too, and named.

func.func @left(%n: f32, %d: f32, %a: vector<32xi32>, %b: vector<32xi32>) -> (f32, vector<32xi32>) {
  %q = arith.divf %n, %d : f32
  %r = arith.divsi %a, %b : vector<32xi32>
  return %q, %r : f32, vector<32xi32>
}

// CHECK-LABEL: func.func @left(
// CHECK-SAME:      attributes {rung.scalarized = ["arith.divsi on vector<32xi32>"]}
// CHECK-NEXT:    arith.divf
// CHECK-NEXT:    arith.divsi
// CHECK-NEXT:    return
