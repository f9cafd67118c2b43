"""Multiply-adds of one example: the other one that every proxy must beat.

Those of convolutions and linear layers count; batch norm, biases, ReLU and pooling do not. One
multiply-add is one, as NAS-Bench-201 counts; torch's own counter says two. Ning et al.,
"Evaluating Efficient Performance Estimators of Neural Architectures", 2021, arXiv:2008.03064.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._hooks import watched
from workbench.predictors.zero_cost._layers import WEIGHTED, layers_of
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"


class Flops(Proxy):
    """``sum over layers of outputs x weights of one output``."""

    def score(self, passes: Passes) -> float:
        """Return the multiply-adds of one example."""
        layers_of(passes.network, WEIGHTED, "flops")
        count = 0

        def watch(module: nn.Module, _: Tensor, output: Tensor) -> None:
            nonlocal count
            count += output.numel() * module.weight[0].numel()  # type: ignore[index]

        twin = passes.twin.eval()
        try:
            with torch.no_grad(), watched(twin, lambda m: isinstance(m, WEIGHTED), watch):
                twin(passes.x[:1])
        finally:
            twin.train()
        return float(count)
