"""Whether the channels of each layer are uncorrelated.

Jiang, Wang and Bie, "MeCo: Zero-Shot NAS with One Data and Single Forward Pass via Minimum
Eigenvalue of Correlation", NeurIPS 2023.
"""

from __future__ import annotations

from math import ceil, prod

import torch
from torch import Tensor, nn

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._correlation import correlation
from workbench.predictors.zero_cost._hooks import watched
from workbench.predictors.zero_cost._layers import WEIGHTED, layers_of
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"
_POSITIONS = 64 * 64


class Meco(Proxy):
    """``sum over layers of the smallest eigenvalue of the correlations between channels``.

    A layer is every module without parts, pooling and ReLU too. The authors take one input of
    noise, 64 x 64 whatever the network's size; here are as many inputs of the network's own size
    as have its 4,096 positions, but no more than the batch. Networks of rows correlate over the
    batch. A channel that is constant correlates with none, not even itself.
    """

    def score(self, passes: Passes) -> float:
        """Return the sum over layers."""
        layers_of(passes.network, WEIGHTED, "meco")
        found: dict[tuple[int, int], list[Tensor]] = {}

        def watch(_: nn.Module, __: Tensor, output: Tensor) -> None:
            rows = output.movedim(1, 0).flatten(1) if output.dim() > 1 else output[None]
            found.setdefault((rows.shape[0], rows.shape[1]), []).append(rows)

        x = passes.noise(self._count(passes.x), passes.generator("meco"))
        with torch.no_grad(), watched(passes.twin, _is_layer, watch):
            passes.twin(x)
        return float(sum(_least(torch.stack(rows)) for rows in found.values()))

    def _count(self, x: Tensor) -> int:
        return min(max(2, ceil(_POSITIONS / prod(x.shape[2:]))), len(x)) if x.dim() > 2 else len(x)


def _is_layer(module: nn.Module) -> bool:
    return next(module.children(), None) is None and not isinstance(module, nn.Flatten)


def _least(rows: Tensor) -> float:
    """Return the sum of the smallest eigenvalues of layers ``(k, channels, positions)``."""
    return float(torch.linalg.eigvalsh(correlation(rows, 0.0))[:, 0].sum())
