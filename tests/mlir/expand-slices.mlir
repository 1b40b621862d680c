// RUN: rung opt %s --split-input-file --pipeline 'expand-slices' | filecheck %s

// A part is a shuffle.

func.func @part(%v: vector<16xf32>) -> vector<4xf32> {
  %s = vector.extract_strided_slice %v {offsets = [8], sizes = [4], strides = [1]} : vector<16xf32> to vector<4xf32>
  return %s : vector<4xf32>
}

// CHECK-LABEL: func.func @part(
// CHECK-SAME:      %[[V:.+]]: vector<16xf32>
// CHECK:         %[[S:.+]] = vector.shuffle %[[V]], %[[V]] [8, 9, 10, 11]
// CHECK-NEXT:    return %[[S]]

// -----

// Slices of more than one dimension are left alone.

func.func @left(%v: vector<4x8xf32>) -> vector<2x8xf32> {
  %s = vector.extract_strided_slice %v {offsets = [1, 0], sizes = [2, 8], strides = [1, 1]}
    : vector<4x8xf32> to vector<2x8xf32>
  return %s : vector<2x8xf32>
}

// CHECK-LABEL: func.func @left(
// CHECK-NEXT:    vector.extract_strided_slice
// CHECK-NEXT:    return
