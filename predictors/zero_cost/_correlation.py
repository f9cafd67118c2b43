"""Correlations of rows, some of which may be constant."""

from __future__ import annotations

import torch
from torch import Tensor

K = 1e-5
"""Added to what a logarithm is taken of, as the published code of jacov and epe_nas does."""


def correlation(rows: Tensor, constant: float) -> Tensor:
    """Return the Pearson correlations ``(..., n, n)`` of rows ``(..., n, m)``, double.

    A row that is constant, but for rounding, correlates with none: ``constant`` stands for all of
    its correlations, that with itself too.
    """
    centred = (rows - rows.mean(dim=-1, keepdim=True)).double()
    size = centred.norm(dim=-1, keepdim=True)
    still = size <= 1e-6 * rows.double().norm(dim=-1, keepdim=True)
    unit = centred / size.clamp(min=torch.finfo(torch.float64).tiny)
    found: Tensor = (unit @ unit.mT).clamp(-1, 1)
    return found.masked_fill(still | still.mT, constant)
