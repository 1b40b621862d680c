// RUN: rung opt %s --split-input-file --pipeline 'expand-masks' | filecheck %s

// The first lanes are those below the bound.

func.func @mask(%n: index) -> vector<4xi1> {
  %m = vector.create_mask %n : vector<4xi1>
  return %m : vector<4xi1>
}

// CHECK-LABEL: func.func @mask(
// CHECK-SAME:      %[[N:.+]]: index
// CHECK:         %[[WORD:.+]] = arith.index_cast %[[N]] : index to i32
// CHECK:         %[[BOUND:.+]] = vector.broadcast %[[WORD]] : i32 to vector<4xi32>
// CHECK:         %[[STEPS:.+]] = arith.constant dense<[0, 1, 2, 3]> : vector<4xi32>
// CHECK:         %[[M:.+]] = arith.cmpi slt, %[[STEPS]], %[[BOUND]] : vector<4xi32>
// CHECK:         return %[[M]]

// -----

// Masks of more than one dimension are left alone.

func.func @left(%n: index) -> vector<2x4xi1> {
  %m = vector.create_mask %n, %n : vector<2x4xi1>
  return %m : vector<2x4xi1>
}

// CHECK-LABEL: func.func @left(
// CHECK-NEXT:    vector.create_mask
// CHECK-NEXT:    return
