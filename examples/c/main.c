/* GELU and a matrix product, as Triton kernels that `rung build` has made objects of. */
#include "gelu.h"
#include "matmul.h"

#include <math.h>
#include <stdio.h>

enum { N = 5000, ROWS = 70, COLS = 65, DEPTH = 33, GELU_BLOCK = 1024, BLOCK_M = 32, BLOCK_N = 64 };

/* The signature says that the arrays lie at multiples of 16 bytes. */
static _Alignas(16) float x[N], y[N];
static float a[ROWS * DEPTH], b[DEPTH * COLS], c[ROWS * COLS];

static double error_of_gelu(void) {
  double worst = 0;
  for (int i = 0; i < N; i++) {
    double v = x[i], u = 0.7978845608028654 * (v + 0.044715 * v * v * v);
    worst = fmax(worst, fabs(0.5 * v * (1 + tanh(u)) - y[i]));
  }
  return worst;
}

static double error_of_product(void) {
  double worst = 0;
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < COLS; j++) {
      double sum = 0;
      for (int k = 0; k < DEPTH; k++) sum += (double)a[i * DEPTH + k] * b[k * COLS + j];
      worst = fmax(worst, fabs(sum - c[i * COLS + j]));
    }
  return worst;
}

int main(void) {
  for (int i = 0; i < N; i++) x[i] = (float)(i - N / 2) / 500;
  for (int i = 0; i < ROWS * DEPTH; i++) a[i] = (float)(i % 17 - 8) / 8;
  for (int i = 0; i < DEPTH * COLS; i++) b[i] = (float)(i % 13 - 6) / 6;
  int code = gelu_tanh_kernel(x, y, N, (N + GELU_BLOCK - 1) / GELU_BLOCK, 1, 1);
  if (code == RUNG_OK)
    code = matmul_kernel(a, b, c, ROWS, COLS, DEPTH, (ROWS + BLOCK_M - 1) / BLOCK_M, (COLS + BLOCK_N - 1) / BLOCK_N, 1);
  if (code != RUNG_OK) return fprintf(stderr, "a kernel returned %d\n", code), 1;
  double gelu = error_of_gelu(), product = error_of_product();
  printf("gelu: %d elements, error at most %.1e\nmatmul: %d x %d x %d, error at most %.1e\n", N, gelu, ROWS, COLS, DEPTH, product);
  return gelu < 1e-5 && product < 1e-4 ? 0 : 1;
}
