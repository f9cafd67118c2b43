"""How much the loss depends on each connection.

Lee, Ajanthan and Torr, "SNIP: Single-shot Network Pruning based on Connection Sensitivity", 2018,
arXiv:1810.02340; as a proxy in Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", 2021,
arXiv:2101.08134.
"""

from __future__ import annotations

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"


class Snip(Proxy):
    """``sum of |g w|`` over the weights of convolutions and linear layers, ``g = dL/dw``."""

    def score(self, passes: Passes) -> float:
        """Return the sum of absolute gradient times weight."""
        pairs = zip(passes.gradients.weights, passes.weights, strict=True)
        return sum(float((g * w.detach()).abs().double().sum()) for g, w in pairs)
