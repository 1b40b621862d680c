// RUN: rung opt %s --split-input-file --pipeline 'expand-to-integers' | filecheck %s

// Doubles are converted lane by lane, to words.

func.func @doubles(%x: vector<2xf64>) -> vector<2xi16> {
  %n = arith.fptosi %x : vector<2xf64> to vector<2xi16>
  return %n : vector<2xi16>
}

// CHECK-LABEL: func.func @doubles(
// CHECK-SAME:      %[[X:.+]]: vector<2xf64>
// CHECK:         %[[X0:.+]] = vector.extract %[[X]][0] : f64
// CHECK-NEXT:    %[[N0:.+]] = arith.fptosi %[[X0]] : f64 to i32
// CHECK-NEXT:    %[[W0:.+]] = vector.insert %[[N0]], %{{.+}} [0] : i32 into vector<2xi32>
// CHECK:         %[[W1:.+]] = vector.insert %{{.+}}, %[[W0]] [1] : i32 into vector<2xi32>
// CHECK-NEXT:    arith.trunci %[[W1]] : vector<2xi32> to vector<2xi16>

// -----

// Words need not be made narrower.

func.func @words(%x: vector<2xf64>) -> vector<2xi32> {
  %n = arith.fptoui %x : vector<2xf64> to vector<2xi32>
  return %n : vector<2xi32>
}

// CHECK-LABEL: func.func @words(
// CHECK-COUNT-2: arith.fptoui %{{.+}} : f64 to i32
// CHECK-NOT:     arith.trunci

// -----

// Floats become words first.

func.func @floats(%x: vector<64xf32>) -> vector<64xi8> {
  %n = arith.fptoui %x : vector<64xf32> to vector<64xi8>
  return %n : vector<64xi8>
}

// CHECK-LABEL: func.func @floats(
// CHECK:         %[[W:.+]] = arith.fptoui %{{.+}} : vector<64xf32> to vector<64xi32>
// CHECK-NEXT:    arith.trunci %[[W]] : vector<64xi32> to vector<64xi8>

// -----

// The others are left alone.

func.func @left(%d: vector<2xf64>, %f: vector<64xf32>, %s: f64) -> (vector<2xi64>, vector<64xi32>, i8) {
  %a = arith.fptosi %d : vector<2xf64> to vector<2xi64>
  %b = arith.fptosi %f : vector<64xf32> to vector<64xi32>
  %c = arith.fptosi %s : f64 to i8
  return %a, %b, %c : vector<2xi64>, vector<64xi32>, i8
}

// CHECK-LABEL: func.func @left(
// CHECK-NEXT:    arith.fptosi %{{.+}} : vector<2xf64> to vector<2xi64>
// CHECK-NEXT:    arith.fptosi %{{.+}} : vector<64xf32> to vector<64xi32>
// CHECK-NEXT:    arith.fptosi %{{.+}} : f64 to i8
// CHECK-NEXT:    return
