"""Nodes of a graph that Inductor has no CPU kernel for under its Triton back end, in words that it has one for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def rewrite(graph: torch.fx.GraphModule) -> None:
    """In place, before anything is differentiated.

    `flex_attention` becomes products, a softmax and the score's own function over all positions, as torch defines it:
    Inductor's template for CPUs is C++, which its Triton scheduler cannot call. All scores are kept: queries x keys of
    them for each head, and blocks that a mask leaves out are computed.
    """
    import torch
    from torch._higher_order_ops.flex_attention import math_attention  # pyright: ignore[reportUnknownVariableType]

    flex_attention = torch.ops.higher_order.flex_attention
    for module in graph.modules():
        if isinstance(module, torch.fx.GraphModule):
            found = [node for node in module.graph.nodes if node.target is flex_attention]
            for node in found:
                node.target = math_attention
            if found:
                module.recompile()
