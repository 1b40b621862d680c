"""Whether the convolutions of a graph gain by channels last: Inductor asks for one answer for all of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

WORTH = 0.25
"""Numbers of weights that are put in another order at every call, for each number that goes into or out of a
convolution and does not have to be: ResNet-18 with one image has 3.2 and loses, MobileNet-v2 0.01 and gains 1.7x."""


def channels_last(graph: torch.fx.GraphModule) -> bool:
    """By the sizes that Dynamo has noted. Weights of one number each are in both orders at once."""
    import torch

    functions = {torch.conv1d, torch.conv2d, torch.conv3d, torch.conv_transpose2d, torch.conv_transpose3d}
    weights, images = 0, 0
    for node in graph.graph.nodes:
        if node.op != "call_function" or node.target not in functions or len(node.args) < 2:
            continue
        image, weight, result = (_size(x) for x in (node.args[0], node.args[1], node))
        if not image or not weight or not result:
            return False
        weights += math.prod(weight) if math.prod(weight[2:]) > 1 else 0
        images += math.prod(image) + math.prod(result)
    return images > 0 and weights < WORTH * images


def _size(node: Any) -> list[int] | None:
    """None where it is not known, or not one."""
    import torch

    value = getattr(node, "meta", {}).get("example_value")
    shape: list[Any] = list(value.shape) if isinstance(value, torch.Tensor) else []
    return shape if shape and all(isinstance(extent, int) for extent in shape) else None
