// RUN: not rung opt %s --pipeline 'expand-scalarized{ops=arith.div}' 2>&1 | filecheck %s
// RUN: not rung opt %s --pipeline 'expand-scalarized{ops=arith.divf:float}' 2>&1 | filecheck %s --check-prefix ELEMENT

// A name that would never match would leave the machine's list without effect, and nobody would know.

func.func @f() {
  return
}

// CHECK: error: expand-scalarized: `arith.div` names no operation; did you mean `arith.divf`?
// ELEMENT: error: expand-scalarized: `arith.divf:float` names no element type; choose from: f64, f32,
