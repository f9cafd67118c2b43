"""How the gradient's norm changes, to first order, as all weights shrink.

Wang, Zhang and Grosse, "Picking Winning Tickets Before Training by Preserving Gradient Flow",
2020, arXiv:2002.07376; as a proxy, with this sign, in Abdelfattah et al., "Zero-Cost Proxies for
Lightweight NAS", 2021, arXiv:2101.08134.
"""

from __future__ import annotations

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._gradients import gradient_of
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"


class Grasp(Proxy):
    """``- sum of w (H g)``, ``g = dL/dw`` and ``H`` its derivative, batch norm in training mode.

    The product with the Hessian is the gradient of ``g . stop(g)``. The paper takes two batches
    and a softmax temperature of 200; this is one batch and 1, as the proxy's authors have it.
    """

    def score(self, passes: Passes) -> float:
        """Return the sum, negated."""
        weights = passes.weights
        gradients = gradient_of(passes.forward.loss, weights, create_graph=True)
        pairs = [(g, g.detach()) for g in gradients if g.requires_grad]
        if not pairs:
            return 0.0
        along = sum(((g * fixed).sum() for g, fixed in pairs), start=weights[0].new_zeros(()))
        products = zip(weights, gradient_of(along, weights), strict=True)
        return -sum(float((w.detach() * product).double().sum()) for w, product in products)
