"""The entropy of the features' directions after each block; one of the scores of AZ-NAS.

Lee and Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search", 2024,
arXiv:2403.19232.
"""

from __future__ import annotations

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._entropies import entropies
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"


class AzExpressivity(Proxy):
    """``sum over blocks of - sum over v of p log p``, ``p = v / sum of v``.

    ``v`` are the eigenvalues of the covariance of the channels after a block. Features that are
    constant have no entropy.
    """

    def score(self, passes: Passes) -> float:
        """Return the sum of the entropies."""
        return float(entropies(passes).sum())
