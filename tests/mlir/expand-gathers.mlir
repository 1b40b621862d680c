// RUN: rung opt %s --split-input-file --pipeline 'expand-gathers' | filecheck %s

// Each lane of a gather is a load under a branch.

func.func @gather(%x: memref<?xf32>, %o: index, %i: vector<2xi32>, %m: vector<2xi1>, %p: vector<2xf32>) -> vector<2xf32> {
  %v = vector.gather %x[%o] [%i], %m, %p
    : memref<?xf32>, vector<2xi32>, vector<2xi1>, vector<2xf32> into vector<2xf32>
  return %v : vector<2xf32>
}

// CHECK-LABEL: func.func @gather(
// CHECK-SAME:      %[[X:.+]]: memref<?xf32>, %[[O:.+]]: index, %[[I:.+]]: vector<2xi32>, %[[M:.+]]: vector<2xi1>, %[[P:.+]]: vector<2xf32>
// CHECK:         %[[OTHER:.+]] = vector.extract %[[P]][0] : f32
// CHECK:         %[[ON:.+]] = vector.extract %[[M]][0] : i1
// CHECK:         %[[E:.+]] = scf.if %[[ON]] -> (f32) {
// CHECK-NEXT:      %[[STEP:.+]] = vector.extract %[[I]][0] : i32
// CHECK-NEXT:      %[[WIDE:.+]] = arith.index_cast %[[STEP]] : i32 to index
// CHECK-NEXT:      %[[AT:.+]] = arith.addi %[[O]], %[[WIDE]] : index
// CHECK-NEXT:      %[[L:.+]] = memref.load %[[X]][%[[AT]]]
// CHECK-NEXT:      scf.yield %[[L]] : f32
// CHECK-NEXT:    } else {
// CHECK-NEXT:      scf.yield %[[OTHER]] : f32
// CHECK:         %[[ONE:.+]] = vector.insert %[[E]], %[[P]] [0]
// CHECK:         scf.if
// CHECK:         %[[BOTH:.+]] = vector.insert %{{.+}}, %[[ONE]] [1]
// CHECK-NEXT:    return %[[BOTH]]

// -----

// Each lane of a scatter is a store under a branch, in the order of the lanes.

func.func @scatter(%x: memref<4x?xf32>, %o: index, %i: vector<2xindex>, %m: vector<2xi1>, %v: vector<2xf32>) {
  vector.scatter %x[%o, %o] [%i], %m, %v : memref<4x?xf32>, vector<2xindex>, vector<2xi1>, vector<2xf32>
  return
}

// CHECK-LABEL: func.func @scatter(
// CHECK-SAME:      %[[X:.+]]: memref<4x?xf32>, %[[O:.+]]: index, %[[I:.+]]: vector<2xindex>, %{{.+}}: vector<2xi1>, %[[V:.+]]: vector<2xf32>
// CHECK:         scf.if
// CHECK-NOT:       arith.index_cast
// CHECK:           memref.store %{{.+}}, %[[X]][%[[O]], %{{.+}}]
// CHECK:         scf.if
// CHECK:           memref.store
// CHECK-NOT:     vector.scatter

// -----

// With all lanes on LLVM needs no branch. Vectors of more than one dimension are left alone, too.

func.func @left(%x: memref<?xf32>, %o: index, %i: vector<2xi32>, %p: vector<2xf32>,
                %j: vector<2x2xi32>, %m: vector<2x2xi1>, %q: vector<2x2xf32>) -> (vector<2xf32>, vector<2x2xf32>) {
  %ones = arith.constant dense<true> : vector<2xi1>
  %v = vector.gather %x[%o] [%i], %ones, %p
    : memref<?xf32>, vector<2xi32>, vector<2xi1>, vector<2xf32> into vector<2xf32>
  %w = vector.gather %x[%o] [%j], %m, %q
    : memref<?xf32>, vector<2x2xi32>, vector<2x2xi1>, vector<2x2xf32> into vector<2x2xf32>
  return %v, %w : vector<2xf32>, vector<2x2xf32>
}

// CHECK-LABEL: func.func @left(
// CHECK:         vector.gather {{.*}} into vector<2xf32>
// CHECK-NEXT:    vector.gather {{.*}} into vector<2x2xf32>
// CHECK-NEXT:    return
