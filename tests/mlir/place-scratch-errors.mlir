// RUN: not rung opt %s --split-input-file --pipeline 'place-scratch' 2>&1 | filecheck %s

func.func @dynamic(%n: index) {
  %a = memref.alloca(%n) : memref<?xf32>
  return
}

// CHECK: error: place-scratch: `{{.*}} = memref.alloca(%arg0) : memref<?xf32>`: a buffer has a static shape and no layout

// -----

func.func @layout() {
  %a = memref.alloca() : memref<8xf32, strided<[2]>>
  return
}

// CHECK: error: place-scratch: `{{.*}} : memref<8xf32, strided<[2]>>`: a buffer has a static shape and no layout

// -----

func.func @heap() {
  %a = memref.alloc() : memref<8xf32>
  return
}

// CHECK: error: place-scratch: `memref.alloc` at loc({{.*}}); buffers are `memref.alloca`
