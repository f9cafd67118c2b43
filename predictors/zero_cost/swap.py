"""How many different patterns the batch draws on the units.

Peng, Song, Fayek, Ciesielski and Chang, "SWAP-NAS: Sample-Wise Activation Patterns for
Ultra-fast NAS", 2024, arXiv:2403.04161.
"""

from __future__ import annotations

import torch
from torch import Tensor

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._layers import RELUS, nothing_found
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"
_BITS = 62


class Swap(Proxy):
    """The number of distinct columns of the codes of all ReLUs, ``(n, units)``, 1 where positive.

    Without the paper's regularisation by size, which needs two numbers of the space. Linear
    layers' ReLUs count too; the authors' code takes those of images only.
    """

    def score(self, passes: Passes) -> float:
        """Return the number of patterns."""
        relus = passes.forward.relus
        if not relus:
            raise nothing_found("swap", RELUS)
        groups = [_numbered((outputs.detach() > 0).flatten(1)) for outputs in relus]
        return float(_distinct(torch.cat(groups, dim=1)))


def _numbered(codes: Tensor) -> Tensor:
    """Return codes ``(n, units)`` as whole numbers ``(words, units)`` of 62 examples each."""
    return torch.stack([_word(codes[i : i + _BITS]) for i in range(0, len(codes), _BITS)])


def _word(codes: Tensor) -> Tensor:
    word = torch.zeros(codes.shape[1], dtype=torch.int64)
    for i, code in enumerate(codes):
        word.add_(code, alpha=1 << i)
    return word


def _distinct(words: Tensor) -> int:
    """Return how many columns differ: those of two words are numbered, and then those of more."""
    seen, count = torch.zeros_like(words[0]), 1
    for word in words:
        others, number = torch.unique(word, return_inverse=True)
        found, seen = torch.unique(seen * len(others) + number, return_inverse=True)
        count = len(found)
    return count
