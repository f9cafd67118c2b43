"""Whether each block passes gradients on at their size; one of the scores of AZ-NAS.

Lee and Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search", 2024,
arXiv:2403.19232.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil

import torch
from torch import Tensor
from torch.nn.functional import pad

from workbench.predictors.zero_cost._base import Proxy
from workbench.predictors.zero_cost._blocks import features_of
from workbench.predictors.zero_cost._gradients import gradient_of
from workbench.predictors.zero_cost._passes import Passes

EXTRA = "torch"
_K = 1e-6


class AzTrainability(Proxy):
    """``mean over blocks of 2 - s - 1 / (s + 1e-6)``, 0 at best, where ``s = 1``.

    ``s`` is the largest singular value of the Jacobian of a block, estimated from random signs in
    place of the gradient behind it: ``mean over positions of g_in g_out^T``. A block that hands
    gradients on unchanged, or none at all, has ``s = 0``, about -1,000,000; the authors have minus
    infinity. Where a block shrinks the image, the pixels that become one lie side by side.
    """

    def score(self, passes: Passes) -> float:
        """Return the mean over all blocks but the first."""
        blocks, random = features_of(passes)
        sizes = [_size(before, after, random) for before, after in pairwise(blocks)]
        return sum(2 - size - 1 / (size + _K) for size in sizes) / len(sizes)


def _size(before: Tensor, after: Tensor, random: torch.Generator) -> float:
    signs = torch.randint(0, 2, after.shape, generator=random).to(after) * 2 - 1
    signs = signs.contiguous(memory_format=torch.channels_last)
    (back,) = gradient_of((after * signs).sum(), [before]) if before.requires_grad else (None,)
    if back is None or (back.shape == signs.shape and torch.equal(back, signs)):
        return 0.0
    rows, columns = _rows(_beside(back, after)), _rows(signs)
    if len(rows) != len(columns):
        return 0.0
    return float(torch.linalg.matrix_norm(rows.T @ columns / len(rows), 2))


def _beside(image: Tensor, smaller: Tensor) -> Tensor:
    """Return an image of the smaller one's size, with what was beside now in further channels."""
    n, c, *_ = image.shape
    h, w = smaller.shape[2:]
    a, b = ceil(image.shape[2] / h), ceil(image.shape[3] / w)
    padded = pad(image, (0, w * b - image.shape[3], 0, h * a - image.shape[2]))
    return padded.reshape(n, c, h, a, w, b).permute(0, 1, 3, 5, 2, 4).reshape(n, c * a * b, h, w)


def _rows(image: Tensor) -> Tensor:
    return image.movedim(1, -1).flatten(0, 2)
