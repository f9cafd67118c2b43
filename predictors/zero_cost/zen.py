"""How strongly the features change with the input, were batch norm not there to hide it.

Lin, Wang, Sun, Chen, Sun, Qian, Li and Jin, "Zen-NAS: A Zero-Shot NAS for High-Performance Image
Recognition", 2021, arXiv:2102.01063.
"""

from __future__ import annotations

from math import log

import torch
from torch import Tensor, nn
from torch.func import functional_call

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._hooks import watched
from workbench.predictors.zero_cost._layers import (
    NORMS,
    RELUS,
    WEIGHTED,
    layers_of,
    redrawn,
)
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"
_STEP = 1e-2
_LEAST = 1e-8


class Zen(Proxy):
    """``log d + sum over batch norms of log sqrt(mean over channels of variance)``.

    ``d`` is the mean over the batch of ``|f(x) - f(x + .01 e)|_1``, ``f`` the last features of an
    image (the last hidden layer where there are no images), ``x`` and ``e`` standard normal, and
    so are all weights. Variances are those of the batch ``x``, plus batch norm's epsilon; the
    authors' code averages them with a start of 1, and sums absolute values where the paper has the
    square root of squares. One draw. ``d`` counts as 1e-8 at least.
    """

    def score(self, passes: Passes) -> float:
        """Return the score of networks of this structure, whatever the weights."""
        layers_of(passes.network, WEIGHTED, "zen")
        random, twin = passes.generator("zen"), passes.twin
        weights = redrawn(twin, lambda _: 1.0, random)
        x, step = (passes.noise(len(passes.x), random) for _ in range(2))
        with torch.no_grad():
            features = _features(twin, weights, x)
            scale = _logs_of_deviations(twin)
            change = features - _features(twin, weights, x + _STEP * step)
        distance = float(change.abs().flatten(1).sum(dim=1).double().mean())
        return log(max(distance, _LEAST)) + scale


def _logs_of_deviations(twin: nn.Module) -> float:
    """Return the sum over batch norms of the logs of the last batch's deviations."""
    norms = [(m.running_var, m.eps) for m in twin.modules() if isinstance(m, NORMS)]
    return sum(log(float(v.double().mean()) + eps) / 2 for v, eps in norms if v is not None)


def _features(network: nn.Module, weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """Return what the last layer in front of the classifier puts out."""
    found: list[Tensor] = []

    def watch(module: nn.Module, taken: Tensor, output: Tensor) -> None:
        if output.dim() > 2:
            found[:] = [output]
        elif isinstance(module, nn.Linear) and (not found or found[0].dim() == 2):
            found[:] = [taken]

    with watched(network, lambda m: isinstance(m, (*WEIGHTED, *NORMS, *RELUS)), watch):
        functional_call(network, weights, (x,))
    return found[0]
