"""What the loss gains to first order as all weights shrink.

Mozer and Smolensky, "Skeletonization: A technique for trimming the fat from a network via
relevance assessment", NeurIPS 1988; as a proxy in Abdelfattah et al., "Zero-Cost Proxies for
Lightweight NAS", 2021, arXiv:2101.08134.
"""

from __future__ import annotations

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"


class Plain(Proxy):
    """``sum of g w`` over the weights of convolutions and linear layers, ``g = dL/dw``.

    With batch norm, the sum over a layer in front of it is 0 but for rounding and epsilon, for
    the loss does not change with the scale of its weights.
    """

    def score(self, passes: Passes) -> float:
        """Return the sum of gradient times weight."""
        pairs = zip(passes.gradients.weights, passes.weights, strict=True)
        return sum(float((g * w.detach()).double().sum()) for g, w in pairs)
