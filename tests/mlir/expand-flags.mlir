// RUN: rung opt %s --split-input-file --pipeline 'expand-flags' | filecheck %s

// Set bits are 1, or -1 where they are signed.

func.func @flags(%m: vector<64xi1>) -> (vector<64xf16>, vector<64xf16>) {
  %u = arith.uitofp %m : vector<64xi1> to vector<64xf16>
  %s = arith.sitofp %m : vector<64xi1> to vector<64xf16>
  return %u, %s : vector<64xf16>, vector<64xf16>
}

// CHECK-LABEL: func.func @flags(
// CHECK-SAME:      %[[M:.+]]: vector<64xi1>
// CHECK:         %[[ONE:.+]] = arith.constant dense<1.000000e+00> : vector<64xf16>
// CHECK:         %[[U:.+]] = arith.select %[[M]], %[[ONE]], %{{.+}} : vector<64xi1>, vector<64xf16>
// CHECK:         %[[MINUS:.+]] = arith.constant dense<-1.000000e+00> : vector<64xf16>
// CHECK:         %[[S:.+]] = arith.select %[[M]], %[[MINUS]], %{{.+}} : vector<64xi1>, vector<64xf16>
// CHECK:         return %[[U]], %[[S]]

// -----

// Wider integers and scalars are left alone.

func.func @left(%b: vector<64xi8>, %f: i1) -> (vector<64xf16>, f16) {
  %v = arith.uitofp %b : vector<64xi8> to vector<64xf16>
  %s = arith.uitofp %f : i1 to f16
  return %v, %s : vector<64xf16>, f16
}

// CHECK-LABEL: func.func @left(
// CHECK-NEXT:    arith.uitofp %{{.+}} : vector<64xi8> to vector<64xf16>
// CHECK-NEXT:    arith.uitofp %{{.+}} : i1 to f16
// CHECK-NEXT:    return
