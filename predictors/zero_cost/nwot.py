"""Whether different examples switch different units on.

Mellor, Turner, Storkey and Crowley, "Neural Architecture Search without Training", 2021,
arXiv:2006.04647.
"""

from __future__ import annotations

import torch
from torch import Tensor

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._layers import RELUS, nothing_found
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"
_LEAST = 1e-5


class Nwot(Proxy):
    """``log det K``, ``K_ij`` the number of ReLUs that agree on whether example i or j is positive.

    All ReLUs count, each position as one. Where two examples switch the same units, ``K`` is
    singular: its eigenvalues count as 1e-5 at least.
    """

    def score(self, passes: Passes) -> float:
        """Return the log-determinant of the kernel."""
        relus = passes.forward.relus
        if not relus:
            raise nothing_found("nwot", RELUS)
        kernel = torch.stack([_agreement(outputs.detach()) for outputs in relus]).sum(dim=0)
        return float(torch.linalg.eigvalsh(kernel).clamp(min=_LEAST).log().sum())


def _agreement(outputs: Tensor) -> Tensor:
    """Return how many units agree, double ``(n, n)``: all, less those on in one alone.

    Counts are whole numbers below 2**24, which single precision holds exactly.
    """
    codes = (outputs > 0).flatten(1).float()
    both = (codes @ codes.T).double()
    on = both.diagonal()
    return codes.shape[1] - on[:, None] - on[None] + 2 * both
