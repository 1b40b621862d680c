// RUN: rung opt %s --split-input-file --pipeline 'expand-wide-masks' | filecheck %s

// A load is one of words, with every bit of the mask twice.

llvm.func @load(%p: !llvm.ptr, %m: vector<4xi1>, %o: vector<4xi64>) -> vector<4xi64> {
  %v = llvm.intr.masked.load %p, %m, %o {alignment = 32 : i32}
    : (!llvm.ptr, vector<4xi1>, vector<4xi64>) -> vector<4xi64>
  llvm.return %v : vector<4xi64>
}

// CHECK-LABEL: llvm.func @load(
// CHECK-SAME:      %[[P:.+]]: !llvm.ptr, %[[M:.+]]: vector<4xi1>, %[[O:.+]]: vector<4xi64>
// CHECK:         %[[WORDS:.+]] = llvm.select %[[M]], %{{.+}}, %{{.+}} : vector<4xi1>, vector<4xi32>
// CHECK:         %[[TWICE:.+]] = llvm.shufflevector %[[WORDS]], %[[WORDS]] [0, 0, 1, 1, 2, 2, 3, 3]
// CHECK:         %[[HALVES:.+]] = llvm.icmp "ne" %[[TWICE]], %{{.+}} : vector<8xi32>
// CHECK:         %[[OTHER:.+]] = llvm.bitcast %[[O]] : vector<4xi64> to vector<8xi32>
// CHECK:         %[[V:.+]] = llvm.intr.masked.load %[[P]], %[[HALVES]], %[[OTHER]] {alignment = 32 : i32}
// CHECK:         llvm.bitcast %[[V]] : vector<8xi32> to vector<4xi64>

// -----

// A store alike, of any type of 64 bits.

llvm.func @store(%p: !llvm.ptr, %m: vector<4xi1>, %v: vector<4xf64>) {
  llvm.intr.masked.store %v, %p, %m {alignment = 8 : i32} : vector<4xf64>, vector<4xi1> into !llvm.ptr
  llvm.return
}

// CHECK-LABEL: llvm.func @store(
// CHECK:         %[[V:.+]] = llvm.bitcast %{{.+}} : vector<4xf64> to vector<8xi32>
// CHECK:         llvm.intr.masked.store %[[V]], %{{.+}}, %{{.+}} {alignment = 8 : i32} : vector<8xi32>, vector<8xi1> into !llvm.ptr

// -----

// Narrower elements are left alone.

llvm.func @left(%p: !llvm.ptr, %m: vector<4xi1>, %v: vector<4xf32>) {
  llvm.intr.masked.store %v, %p, %m {alignment = 4 : i32} : vector<4xf32>, vector<4xi1> into !llvm.ptr
  llvm.return
}

// CHECK-LABEL: llvm.func @left(
// CHECK-NEXT:    llvm.intr.masked.store
// CHECK-NEXT:    llvm.return
