"""The number of weights: what every other proxy must beat.

All parameters count: of convolutions, linear layers and batch norm. Why it is shown beside every
proxy: Ning et al., "Evaluating Efficient Performance Estimators of Neural Architectures", 2021,
arXiv:2008.03064.
"""

from __future__ import annotations

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"


class Params(Proxy):
    """``sum over parameters of their size``."""

    def score(self, passes: Passes) -> float:
        """Return the number of parameters."""
        return float(sum(weight.numel() for weight in passes.network.parameters()))
