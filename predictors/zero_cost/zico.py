"""Whether the gradients of two batches agree.

Li, Yang, Bhardwaj and Marculescu, "ZiCo: Zero-shot NAS via Inverse Coefficient of Variation on
Gradients", 2023, arXiv:2301.11300.
"""

from __future__ import annotations

import torch
from torch import Tensor

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._gradients import gradient_of
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"


class Zico(Proxy):
    """``sum over layers of log(sum over weights of mean |g| / std g)``.

    Mean and standard deviation (of the population) are over two batches: the halves of the one
    given, so that two proxies cost what one batch does, and the order of the examples matters.
    Weights whose gradient does not vary are left out, and so is a layer without any other.
    """

    def score(self, passes: Passes) -> float:
        """Return the sum over convolutions and linear layers."""
        half = (len(passes.x) + 1) // 2
        parts = (slice(None, half), slice(half, None))
        losses = [passes.loss_of(passes.twin, part) for part in parts]
        both = [gradient_of(loss, passes.weights) for loss in losses]
        return sum(_layer(torch.stack(layer)) for layer in zip(*both, strict=True))


def _layer(gradients: Tensor) -> float:
    gradients = gradients.double()
    spread = gradients.std(dim=0, correction=0)
    ratio = gradients.abs().mean(dim=0) / spread
    total = ratio[spread > 0].sum()
    return float(total.log()) if total > 0 else 0.0
