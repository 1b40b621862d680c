"""What `TORCH_LOGS=rung` prints of a graph: the kernels with what was fused into them, and what runs in ATen."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from torch._inductor.custom_graph_pass import CustomSchedulerPass

from .places import is_operation, operation, place

if TYPE_CHECKING:
    from torch.fx import Node

log = logging.getLogger(__name__)


class Report(CustomSchedulerPass):
    """After fusion. It changes nothing."""

    def __call__(self, nodes: list[Any]) -> list[Any]:
        from torch._inductor.virtualized import V

        counts: dict[str, int] = {"kernel": 0, "ATen": 0}
        for node in nodes:
            parts: list[Any] = list(node.get_nodes())
            kind = "ATen" if node.is_extern() else "template" if node.is_template() else "kernel"
            if not all(part.node for part in parts):  # of the scheduler's own: nothing runs
                continue
            counts[kind] = counts.get(kind, 0) + 1
            origins = list(dict.fromkeys(origin for part in parts for origin in part.node.origins))
            called = getattr(parts[0].node, "op_overload", None) or getattr(parts[0].node, "python_kernel_name", None)
            words = f"{called} for {_names(origins)}" if kind == "ATen" and called else _names(origins)
            log.info("graph %s: %s: %s", V.graph.graph_id, kind, words)
        log.info("graph %s: %s", V.graph.graph_id, ", ".join(f"{n} x {kind}" for kind, n in counts.items()))
        return nodes

    def uuid(self) -> object:
        """None: what is taken from a cache would not be told of."""
        return None


def _names(origins: list[Node]) -> str:
    known = [f"{operation(node)}{place(node)}" for node in origins if is_operation(node)]
    return ", ".join(dict.fromkeys(known)) or "nothing of the graph's own"
