// The same GELU, from C++.
#include "gelu.h"

#include <cmath>
#include <cstdio>

int main() {
  alignas(16) static float in[1000], out[1000];
  for (int i = 0; i < 1000; i++) in[i] = float(i - 500) / 100;
  if (int code = gelu_tanh_kernel(in, out, 1000, 1, 1, 1)) return std::fprintf(stderr, "returned %d\n", code), 1;
  double worst = 0;
  for (int i = 0; i < 1000; i++) {
    double v = in[i], u = 0.7978845608028654 * (v + 0.044715 * v * v * v);
    worst = std::fmax(worst, std::fabs(0.5 * v * (1 + std::tanh(u)) - out[i]));
  }
  std::printf("gelu: 1000 elements, error at most %.1e\n", worst);
  return worst < 1e-5 ? 0 : 1;
}
