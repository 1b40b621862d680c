"""The functions of libdevice on integers and on the bits of floats."""

# These functions are written in Triton's language, not in typed Python.
# pyright: basic, reportArgumentType=false, reportOperatorIssue=false, reportAttributeAccessIssue=false
# pyright: reportGeneralTypeIssues=false

import triton
import triton.language as tl

from . import libdevice_extern as _extern


@triton.jit
def mulhi(x, y):
    if x.dtype.primitive_bitwidth == 32:
        if x.dtype.is_int_signed():
            return ((x.to(tl.int64) * y.to(tl.int64)) >> 32).to(x.dtype)
        else:
            return tl.umulhi(x, y)
    elif x.dtype.is_int_signed():
        high = tl.umulhi(x.to(tl.uint64), y.to(tl.uint64)).to(tl.int64)
        return high - tl.where(x < 0, y, 0) - tl.where(y < 0, x, 0)
    else:
        return tl.umulhi(x, y)


@triton.jit
def mul24(x, y):
    return ((x << 8) >> 8) * ((y << 8) >> 8)


@triton.jit
def sad(x, y, z):
    return tl.where(x > y, x - y, y - x).to(z.dtype) + z


@triton.jit
def hadd(x, y):
    return (x & y) + ((x ^ y) >> 1)


@triton.jit
def rhadd(x, y):
    return (x | y) - ((x ^ y) >> 1)


@triton.jit
def ffs(x):
    return tl.where(x == 0, 0, x.dtype.primitive_bitwidth - _extern.clz(x & -x))


@triton.jit
def brev(x):
    if x.dtype.primitive_bitwidth == 32:
        u = x.to(tl.uint32)
        u = ((u >> 1) & 0x55555555) | ((u & 0x55555555) << 1)
        u = ((u >> 2) & 0x33333333) | ((u & 0x33333333) << 2)
        u = ((u >> 4) & 0x0F0F0F0F) | ((u & 0x0F0F0F0F) << 4)
        u = ((u >> 8) & 0x00FF00FF) | ((u & 0x00FF00FF) << 8)
        return ((u >> 16) | (u << 16)).to(x.dtype)
    else:
        low, high = brev(x.to(tl.uint32)).to(tl.uint64), brev((x >> 32).to(tl.uint32)).to(tl.uint64)
        return ((low << 32) | high).to(x.dtype)


@triton.jit
def byte_perm(x, y, s):
    both = (y.to(tl.uint32).to(tl.uint64) << 32) | x.to(tl.uint32).to(tl.uint64)
    result = both & 0
    for i in tl.static_range(4):
        byte = (both >> (8 * ((s >> (4 * i)) & 7)).to(tl.uint64)) & 0xFF
        result |= byte << (8 * i)
    return result.to(tl.uint32).to(x.dtype)


@triton.jit
def hiloint2double(hi, lo):
    bits = (hi.to(tl.int64) << 32) | lo.to(tl.uint32).to(tl.int64)
    return bits.to(tl.float64, bitcast=True)


@triton.jit
def double2loint(x):
    return x.to(tl.int64, bitcast=True).to(tl.int32)


@triton.jit
def double2hiint(x):
    return (x.to(tl.int64, bitcast=True) >> 32).to(tl.int32)
