"""Dropout with random numbers of its own, so that a training repeats and resumes to the bit."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Set a share of the features to 0 in training and scale the others up.

    Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
    torch's own draws from the state of the whole process; here a mask follows from a seed and from
    how many masks came before it, and both are part of the network's state.

    Parameters
    ----------
    share : float
        Of features that are dropped, from 0 up to but not including 1.
    """

    seed: Tensor
    drawn: Tensor

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.register_buffer("seed", torch.zeros((), dtype=torch.int64))
        self.register_buffer("drawn", torch.zeros((), dtype=torch.int64))

    def draw_anew(self, random: torch.Generator) -> None:
        """Take a new seed, and begin with its first mask."""
        self.seed.fill_(int(torch.randint(2**62, (), generator=random)))
        self.drawn.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        if not self.training or self.share == 0:
            return x
        random = torch.Generator().manual_seed(int(self.seed) ^ (int(self.drawn) * _STEP & _MASK))
        self.drawn += 1
        kept = torch.rand(x.shape, generator=random).to(x.device) >= self.share
        return x * kept / (1 - self.share)

    def extra_repr(self) -> str:
        """Return what is printed of the layer."""
        return f"share={self.share}"


_STEP = 0x9E3779B97F4A7C15
"""Odd, so that no two masks of a network share a seed."""

_MASK = 2**63 - 1
