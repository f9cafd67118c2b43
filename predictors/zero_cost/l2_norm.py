"""The norm of the weights, a proxy that sees neither examples nor wiring.

Abdelfattah, Mehrotra, Dudziak and Lane, "Zero-Cost Proxies for Lightweight NAS", 2021,
arXiv:2101.08134.
"""

from __future__ import annotations

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._layers import weights_of
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"


class L2Norm(Proxy):
    """``sum over layers of |w|_2``."""

    def score(self, passes: Passes) -> float:
        """Return the sum of the norms of the layers' weights."""
        weights = weights_of(passes.network, "l2_norm")
        return sum(float(weight.detach().norm()) for weight in weights)
