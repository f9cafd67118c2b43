"""Entropies of the features after each block, for AZ-NAS."""

from __future__ import annotations

import torch
from torch import Tensor

from workbench.predictors.zero_cost._blocks import features_of
from workbench.predictors.zero_cost._passes import Passes

_K = 1e-8


def entropies(passes: Passes) -> Tensor:
    """Return the entropy of the principal components after each block, double ``(blocks,)``."""
    blocks = features_of(passes).blocks
    return torch.stack([_entropy(features.detach()) for features in blocks])


def _entropy(features: Tensor) -> Tensor:
    rows = features.movedim(1, -1).flatten(0, -2)
    centred = rows - rows.mean(dim=0)
    values = torch.linalg.eigvalsh((centred.T @ centred).double()).clamp(min=0)
    shares = values / values.sum().clamp(min=torch.finfo(torch.float64).tiny)
    entropy: Tensor = -(shares * (shares + _K).log()).sum()
    return entropy
