// RUN: rung opt %s --split-input-file --pipeline 'lower-abi' | filecheck %s

// Pointers are bare, an `i1` is a byte, the grid has 64 bits. The entry point reads slots of 8 bytes.

func.func @kernel(%x: memref<?xf32>, %n: i32, %b: i1, %gx: index, %gy: index, %gz: index) attributes {rung.kernel} {
  scf.if %b {
    %v = memref.load %x[%gx] : memref<?xf32>
    memref.store %v, %x[%gy] : memref<?xf32>
  }
  return
}

// CHECK-LABEL: func.func @kernel(
// CHECK-SAME:      %[[X:.+]]: !llvm.ptr, %{{.+}}: i32, %[[B:.+]]: i8, %[[GX:.+]]: i64, %{{.+}}: i64, %{{.+}}: i64)
// CHECK-NEXT:    %[[M:.+]] = builtin.unrealized_conversion_cast %[[X]] : !llvm.ptr to memref<?xf32>
// CHECK:         %[[TRUE:.+]] = arith.cmpi ne, %[[B]], %c0_i8
// CHECK-NEXT:    %[[I:.+]] = arith.index_cast %[[GX]] : i64 to index
// CHECK:         scf.if %[[TRUE]] {
// CHECK-NEXT:      memref.load %[[M]][%[[I]]]

// CHECK-LABEL: func.func @kernel_packed(
// CHECK-SAME:      %[[SLOTS:.+]]: !llvm.ptr) attributes {rung.entry}
// CHECK-NEXT:    %[[X:.+]] = llvm.load %[[SLOTS]] : !llvm.ptr -> !llvm.ptr
// CHECK-NEXT:    %[[SLOT:.+]] = llvm.getelementptr %[[SLOTS]][1] : (!llvm.ptr) -> !llvm.ptr, i64
// CHECK-NEXT:    %[[N:.+]] = llvm.load %[[SLOT]] : !llvm.ptr -> i32
// CHECK-NEXT:    %[[SLOT:.+]] = llvm.getelementptr %[[SLOTS]][2]
// CHECK-NEXT:    %[[B:.+]] = llvm.load %[[SLOT]] : !llvm.ptr -> i8
// CHECK:         call @kernel(%[[X]], %[[N]], %[[B]],
// CHECK-NEXT:    return

// -----

// A kernel that is right for some launches only: the entry point asks first, and says no by a grid of -1 (slot 2).

func.func @some(%x: memref<?xf32>, %n: i32, %gx: index, %gy: index, %gz: index) attributes {rung.kernel} {
  return
}
func.func private @some_fits(%x: memref<?xf32>, %n: i32, %gx: index, %gy: index, %gz: index) -> i1
    attributes {rung.fits} {
  %c100 = arith.constant 100 : i32
  %few = arith.cmpi slt, %n, %c100 : i32
  return %few : i1
}

// CHECK-LABEL: func.func @some_packed(
// CHECK-SAME:      %[[SLOTS:.+]]: !llvm.ptr)
// CHECK:         %[[N:.+]] = llvm.load %{{.+}} : !llvm.ptr -> i32
// CHECK:         %[[FITS:.+]] = arith.cmpi slt, %[[N]], %c100_i32
// CHECK-NEXT:    scf.if %[[FITS]] {
// CHECK-NEXT:      func.call @some(
// CHECK-NEXT:    } else {
// CHECK-NEXT:      %[[NO:.+]] = arith.constant -1 : i64
// CHECK-NEXT:      %[[GX:.+]] = llvm.getelementptr %[[SLOTS]][2]
// CHECK-NEXT:      llvm.store %[[NO]], %[[GX]]
// CHECK-NEXT:    }
// CHECK-NOT:   _fits

// -----

// Other functions keep their signatures.

func.func private @combiner(%a: f32, %b: i1) -> f32 attributes {rung.combiner} {
  return %a : f32
}

// CHECK-LABEL: func.func private @combiner(%{{.+}}: f32, %{{.+}}: i1) -> f32
// CHECK-NOT:     packed
