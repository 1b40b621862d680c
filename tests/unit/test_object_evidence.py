from rung.evidence import HostCode
from rung.targets.evidence import count
from rung.targets.isa.aarch64 import AARCH64
from rung.targets.isa.x86_64 import X86_64

X86 = """
0000000000000000 <kernel_task0>:
   0:\tvmulps %zmm0,%zmm1,%zmm2
   6:\tvfmadd213ps (%rdi),%ymm1,%ymm0
   c:\tvpaddd %xmm1,%xmm2,%xmm3
  10:\tvaddss %xmm1,%xmm2,%xmm3
  14:\tvxorps %xmm0,%xmm0,%xmm0
  15:\tvdivss %xmm1,%xmm2,%xmm3
  15:\tprefetcht0 0x40(%rdi)
  15:\tvmovntps %zmm1,(%rdi)
  16:\tidiv   %ecx
  17:\tvdivps %zmm1,%zmm2,%zmm3
  18:\tmovabs $0x0,%rax
\t\t\t1a: R_X86_64_64\trung_arena_enter
  22:\tcall   *%rax
  24:\tcall   29 <kernel_task0+0x29>
\t\t\t25: R_X86_64_PLT32\texpf-0x4
  2a:\tmovabs $0x0,%rax
\t\t\t2c: R_X86_64_64\t.lrodata.cst4+0x4

0000000000000040 <_mlir_kernel_task0>:
  40:\tvmulps %zmm0,%zmm1,%zmm2
"""

A64 = """
0000000000000000 <kernel>:
   0:\tfadd\tv0.4s, v1.4s, v2.4s
   4:\tfmul\ts0, s1, s2
   6:\tfdiv\tv0.4s, v1.4s, v2.4s
   7:\tsdiv\tw0, w1, w2
   7:\tprfm\tpldl1keep, [x0, #64]
   8:\tbl\t0 <rung_fork>
\t\t\t8: R_AARCH64_CALL26\trung_fork
"""


def test_x86():
    found = count(X86, X86_64.instructions)
    assert found.packed_ops == 4 and found.scalar_fp_ops == 2
    assert found.scalar_divisions == 1 and found.integer_divisions == 1
    assert found.registers == {"xmm": 4, "ymm": 1, "zmm": 3}
    assert found.prefetches == 1 and found.streaming_stores == 1
    assert found.calls == ["expf", "rung_arena_enter"]


def test_aarch64():
    assert count(A64, AARCH64.instructions) == HostCode(
        kind="host",
        packed_ops=2,
        scalar_fp_ops=1,
        scalar_divisions=0,
        integer_divisions=1,
        prefetches=1,
        registers={"v": 2},
        calls=["rung_fork"],
    )
