"""Which attention of a graph becomes a kernel of ours: a pass over what AOTAutograd leaves of it, ATen's operation."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from torch._inductor.custom_graph_pass import CustomGraphPass

if TYPE_CHECKING:
    from torch.fx import Graph, Node


class OwnAttention(CustomGraphPass):
    """ATen's attention becomes `rung::attention`, which has a lowering, where `choices.of_attention` has blocks.

        a = aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, causal)
        y = a[0]
    ->  y = rung.attention(q, k, v, None, causal, scale)

    Stays: where the logarithms of the sums, a[1], are used, which is where gradients are; dropout; more than one type;
    heads or a width that are not static; lengths that may be none; what was marked for ATen.
    """

    def __call__(self, graph: Graph) -> None:
        import torch

        theirs = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
        for node in graph.find_nodes(op="call_function", target=theirs):
            if not node.meta.get("should_fallback") and (found := _arguments(node)) is not None:
                _replace(node, found)

    def uuid(self) -> object:
        """A part of the key under which Inductor keeps what it has compiled."""
        from ..triton_backend.fingerprint import fingerprint

        return fingerprint(), "attention"


def _arguments(node: Node) -> tuple[Any, ...] | None:
    """For `rung::attention`, or None."""
    if any(user.target is not operator.getitem or user.args[1] != 0 for user in node.users):
        return None
    names = ("query", "key", "value", "dropout_p", "is_causal")
    given: dict[str, Any] = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    parts: list[Node] = [given["query"], given["key"], given["value"]]
    if given.get("dropout_p", 0.0) != 0.0 or not _fits(*(part.meta["val"] for part in parts)):
        return None
    scale, causal = given.get("scale"), bool(given.get("is_causal", False))
    width = parts[0].meta["val"].shape[3]
    return (*parts, given.get("attn_mask"), causal, width**-0.5 if scale is None else float(scale))


def _fits(q: Any, k: Any, v: Any) -> bool:
    """Batches and lengths may be symbols, heads and widths may not."""
    from torch.fx.experimental.symbolic_shapes import statically_known_true as sure

    from .choices import of_attention

    heads = [x.shape[axis] for x in (q, k, v) for axis in (1, 3)]
    if not all(isinstance(extent, int) and extent for extent in heads) or len({x.dtype for x in (q, k, v)}) != 1:
        return False
    agree = [a == b for a, b in zip(k.shape, v.shape, strict=True)]
    agree += [q.shape[0] == k.shape[0], q.shape[3] == k.shape[3], q.shape[1] % k.shape[1] == 0]
    some = [extent >= 1 for extent in (q.shape[0], q.shape[2], k.shape[2])]
    queries, keys = (extent if isinstance(extent, int) else None for extent in (q.shape[2], k.shape[2]))
    return all(map(sure, agree + some)) and of_attention(queries, keys, q.shape[3], q.dtype) is not None


def _replace(node: Node, arguments: tuple[Any, ...]) -> None:
    """In place: the name stays, by which a node is marked for ATen if our kernel cannot be compiled."""
    from .attention import operation

    for user in list(node.users):
        user.replace_all_uses_with(node)
        node.graph.erase_node(user)
    node.target, node.args, node.kwargs = operation(), arguments, {}
    node.meta["val"] = node.meta["val"][0]
