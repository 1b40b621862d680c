"""Inductor's words for a kernel's expressions, where what it says of them is not all that there is to say."""

from __future__ import annotations

from typing import Any

from torch._inductor.codegen.triton import TritonKernel, TritonKernelOverrides
from torch._inductor.virtualized import V


class Expressions(TritonKernelOverrides):
    """Inductor's, except for an index that is used as a number."""

    @classmethod
    def value_expr(cls, expr: Any, dtype: Any) -> Any:
        """With the masks of the index. Inductor casts it and forgets them, so that the assertion that it is inside of
        a tensor asks of the elements beyond the last, too.

        before: tl.device_assert((0 <= n) & (n < 480), ...)
        after:  tl.device_assert(((0 <= n) & (n < 480)) | ~xmask, ...)
        """
        theirs: Any = super()
        found = theirs.value_expr(expr, dtype)
        kernel: Any = V.kernel
        masks = kernel.indexing(expr, block_ptr=False, tma_compatibility_checker=None).mask_vars
        found.mask_vars = found.mask_vars | masks
        return found


class Kernel(TritonKernel):
    """One of which that is said."""

    overrides: Any = Expressions
