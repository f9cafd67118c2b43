"""How much the loss would change, to second order, without each channel.

Theis, Korshunova, Tejani and Huszar, "Faster gaze prediction with dense networks and Fisher
pruning", 2018, arXiv:1801.05787; Turner et al., "BlockSwap: Fisher-guided Block Substitution for
Network Compression on a Budget", 2019, arXiv:1906.04113.
"""

from __future__ import annotations

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"


class Fisher(Proxy):
    """``sum over channels of mean over the batch of (sum over positions of a dL/da)^2 / 2``.

    ``a`` is what a convolution or linear layer puts out. This is BlockSwap's sum; the code of
    Abdelfattah et al. (2021, arXiv:2101.08134) counts each channel once for each of its weights.
    """

    def score(self, passes: Passes) -> float:
        """Return half the sum over channels."""
        return sum(float(channels.double().sum()) for channels in passes.gradients.saliency) / 2
