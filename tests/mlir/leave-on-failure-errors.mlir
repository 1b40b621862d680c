// RUN: not rung opt %s --pipeline 'leave-on-failure' 2>&1 | filecheck %s

// What would it return, if it left early?

func.func @results(%holds: i1) -> i1 {
  cf.assert %holds, "i < n"
  return %holds : i1
}

// CHECK: error: leave-on-failure: `results` may fail, but has results
