"""Whether the network's Jacobians are alike within a class.

Lopes, Alirezazadeh and Alexandre, "EPE-NAS: Efficient Performance Estimation Without Training for
Neural Architecture Search", 2021, arXiv:2102.08099.
"""

from __future__ import annotations

import torch
from torch import Tensor

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._correlation import K, correlation
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"
_MANY_CLASSES = 100


class EpeNas(Proxy):
    """``sum over classes of |E|``, ``E = sum of log(|r| + k)`` over a class' correlations ``r``.

    The correlations are those of jacov, between examples of one class; ``k = 1e-5``. With more
    than 100 classes, ``E`` is divided by the number of the class' examples, and the score is the
    sum over pairs of classes of ``|E_i - E_j|`` divided by the number of classes seen. Constant
    Jacobians count as correlated with all; ``E`` is near 0 then, the worst there is.
    """

    def score(self, passes: Passes) -> float:
        """Return the sum over the classes of the batch."""
        jacobian, labels = passes.jacobian, passes.y
        classes = [jacobian[labels == label] for label in torch.unique(labels)]
        many = passes.forward.logits.shape[1] > _MANY_CLASSES
        inner = torch.stack([_inner(rows, many) for rows in classes])
        if not many:
            return float(inner.abs().sum())
        return float((inner[:, None] - inner[None]).abs().sum() / len(inner))


def _inner(rows: Tensor, mean: bool) -> Tensor:
    logs = (correlation(rows, 1.0).abs() + K).log().sum()
    return logs / len(rows) if mean else logs
