// RUN: rung opt %s --split-input-file --pipeline 'form-virtual-threads{contexts=1}' | filecheck %s

// In bands of four along the second dimension; the last one may be narrower. Within a band, that dimension is fastest.

func.func @grid(%x: memref<?xf32>, %gx: index, %gy: index) attributes {rung.kernel} {
  scf.forall (%px, %py) in (%gx, %gy) {
    %v = memref.load %x[%px] : memref<?xf32>
    memref.store %v, %x[%py] : memref<?xf32>
  } {rung.grid, rung.band = 4}
  return
}

// CHECK-LABEL: func.func @grid(
// CHECK-SAME:      %{{.+}}: memref<?xf32>, %[[GX:.+]]: index, %[[GY:.+]]: index)
// CHECK:         scf.for %[[P:.+]] = %{{.+}} to
// CHECK:           %[[SIZE:.+]] = arith.muli %[[GX]], %{{.+}} : index
// CHECK:           %[[BAND:.+]] = arith.divui %[[P]], %[[SIZE]]
// CHECK:           %[[BEGIN:.+]] = arith.muli %[[BAND]], %{{.+}} : index
// CHECK:           %[[LEFT:.+]] = arith.subi %[[GY]], %[[BEGIN]]
// CHECK:           %[[LEAST:.+]] = arith.minui %{{.+}}, %[[LEFT]]
// CHECK:           %[[WIDE:.+]] = arith.maxui %[[LEAST]], %{{.+}} : index
// CHECK:           %[[REST:.+]] = arith.remui %[[P]], %[[SIZE]]
// CHECK:           %[[ALONG:.+]] = arith.remui %[[REST]], %[[WIDE]]
// CHECK:           %[[PY:.+]] = arith.addi %[[BEGIN]], %[[ALONG]]
// CHECK:           %[[PX:.+]] = arith.divui %[[REST]], %[[WIDE]]
// CHECK:           memref.load %{{.+}}[%[[PX]]]
// CHECK:           memref.store %{{.+}}, %{{.+}}[%[[PY]]]
// CHECK:         rung.band = 4 : i64
