"""How much flows through the network, whatever the examples.

Tanaka, Kunin, Yamins and Ganguli, "Pruning neural networks without any data by iteratively
conserving synaptic flow", 2020, arXiv:2006.05467; as a proxy in Abdelfattah et al., "Zero-Cost
Proxies for Lightweight NAS", 2021, arXiv:2101.08134.
"""

from __future__ import annotations

import torch

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._gradients import gradient_of
from workbench.predictors.zero_cost._layers import replace_norms, weights_of
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"


class Synflow(Proxy):
    """``sum of |w dR/dw|``, ``R`` the sum of the outputs for one input of ones.

    All weights and biases are replaced by their absolute values, batch norm by the identity, and
    everything is in double precision: the numbers grow with every layer.
    """

    def score(self, passes: Passes) -> float:
        """Return the sum over the weights of convolutions and linear layers."""
        network = passes.copy().double()
        replace_norms(network)
        weights = weights_of(network, "synflow")
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.abs_()
        outputs = network(torch.ones_like(passes.x[:1], dtype=torch.float64))
        gradients = gradient_of(outputs.sum(), weights)
        pairs = zip(weights, gradients, strict=True)
        return sum(float((w.detach() * g).abs().sum()) for w, g in pairs)
