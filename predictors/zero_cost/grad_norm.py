"""The norm of the gradient of one batch.

Abdelfattah, Mehrotra, Dudziak and Lane, "Zero-Cost Proxies for Lightweight NAS", 2021,
arXiv:2101.08134.
"""

from __future__ import annotations

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"


class GradNorm(Proxy):
    """``sum over layers of |g|_2``, ``g = dL/dw`` of convolutions and linear layers."""

    def score(self, passes: Passes) -> float:
        """Return the sum of the norms of the layers' gradients."""
        return sum(float(gradient.norm()) for gradient in passes.gradients.weights)
