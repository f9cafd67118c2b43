"""By how much each block adds to the entropy of the features; one of the scores of AZ-NAS.

Lee and Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search", 2024,
arXiv:2403.19232.
"""

from __future__ import annotations

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._entropies import entropies
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"


class AzProgressivity(Proxy):
    """``min over blocks of E_i - E_(i-1)``, ``E`` the entropies of az_expressivity."""

    def score(self, passes: Passes) -> float:
        """Return the smallest difference between a block and the one before."""
        return float(entropies(passes).diff().min())
