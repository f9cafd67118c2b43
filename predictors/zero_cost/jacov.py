"""Whether the network answers different examples in different ways, by its Jacobian.

Mellor, Turner, Storkey and Crowley, "Neural Architecture Search without Training", 2020, first
version of arXiv:2006.04647.
"""

from __future__ import annotations

import torch

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._correlation import K, correlation
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"


class Jacov(Proxy):
    """``- sum over v of log(v + k) + 1 / (v + k)``, ``k = 1e-5``.

    ``v`` are the eigenvalues of the correlations between the examples' Jacobians of the sum of the
    outputs. Examples whose Jacobian is constant cannot be told apart: they count as correlated
    with all, which is the worst there is.
    """

    def score(self, passes: Passes) -> float:
        """Return the sum over the eigenvalues, negated."""
        values = torch.linalg.eigvalsh(correlation(passes.jacobian, 1.0)).clamp(min=0) + K
        return -float((values.log() + 1 / values).sum())
