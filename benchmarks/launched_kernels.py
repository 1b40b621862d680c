"""Kernels that do nothing, with few and many arguments."""

import triton


@triton.jit
def two_arguments(x_ptr, n):
    pass


@triton.jit
def five_arguments(x_ptr, y_ptr, o_ptr, n, m):
    pass


@triton.jit
def twelve_arguments(a_ptr, b_ptr, c_ptr, d_ptr, e_ptr, m, n, k, stride_a, stride_b, stride_c, stride_d):
    pass
