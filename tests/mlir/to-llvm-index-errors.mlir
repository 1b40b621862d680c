// RUN: not rung opt %s --split-input-file --pipeline 'to-llvm{index-bits=32}' 2>&1 | filecheck %s

// What the conversion to another index does not know is expanded before.

func.func @mask(%n: index) -> vector<8xi1> {
  %m = vector.create_mask %n : vector<8xi1>
  return %m : vector<8xi1>
}

// CHECK: error: pass `to-llvm{index-bits=32}`: `vector.create_mask` {{.*}} index of 32 bits; run `expand-masks` first

// -----

func.func @slice(%v: vector<16xi1>) -> vector<8xi1> {
  %s = vector.extract_strided_slice %v {offsets = [0], sizes = [8], strides = [1]} : vector<16xi1> to vector<8xi1>
  return %s : vector<8xi1>
}

// CHECK: error: pass `to-llvm{index-bits=32}`: `vector.extract_strided_slice` {{.*}} run `expand-slices` first
