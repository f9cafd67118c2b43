"""Parameters and multiply-adds of NAS-Bench-201 networks, in closed form, for whole populations.

Nothing is built and torch is not needed: only how many convolutions of either kind a cell has
matters.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workbench.spaces.nb201 import OPERATIONS
from workbench.types import Archs, Ints

_1X1, _3X3 = OPERATIONS.index("nor_conv_1x1"), OPERATIONS.index("nor_conv_3x3")


def params(
    archs: Archs,
    shape: tuple[int, int, int] = (3, 32, 32),
    classes: int = 10,
    *,
    channels: int = 16,
    cells: int = 5,
    stages: int = 3,
) -> Ints:
    """Return the number of trained parameters of each network, ``(n,)``.

    Parameters
    ----------
    archs : Archs of shape (n, 6)
    shape : (int, int, int)
        Channels, height and width of an image.
    classes, channels, cells, stages : int
        See ``workbench.networks.nb201.NB201``; the defaults are those of the publication.
    """
    ones, threes = _convolutions(archs)
    total = np.full(len(ones), 9 * shape[0] * channels + 2 * channels)
    for stage in range(stages):
        width = channels << stage
        if stage > 0:
            total += _block(width) + 4 * width
        total += cells * (width * width * (ones + 9 * threes) + 2 * width * (ones + threes))
    last = channels << (stages - 1)
    return total + 2 * last + (last + 1) * classes


def flops(
    archs: Archs,
    shape: tuple[int, int, int] = (3, 32, 32),
    classes: int = 10,
    *,
    channels: int = 16,
    cells: int = 5,
    stages: int = 3,
    stem_stride: int = 1,
) -> Ints:
    """Return the multiply-adds of convolutions and linear layer for one image, ``(n,)``.

    Every edge counts that is computed, also one that leads nowhere. The published figures are
    larger by one addition a class (the bias of the linear layer): 7.78305 to 220.11969 million on
    CIFAR-10. Counters that take a multiply-add for two operations give twice as many.

    Parameters
    ----------
    archs, shape, classes, channels, cells, stages
        As for ``params``.
    stem_stride : int, default=1
    """
    ones, threes = _convolutions(archs)
    pixels = list(_pixels(shape, stages, stem_stride))
    total = np.full(len(ones), pixels[0] * 9 * shape[0] * channels)
    for stage, area in enumerate(pixels):
        width = channels << stage
        if stage > 0:
            total += area * _block(width)
        total += area * cells * width * width * (ones + 9 * threes)
    return total + (channels << (stages - 1)) * classes


def _convolutions(archs: Archs) -> tuple[Ints, Ints]:
    """Return how many 1x1 and 3x3 convolutions each cell has."""
    archs = np.asarray(archs)
    return (archs == _1X1).sum(axis=1), (archs == _3X3).sum(axis=1)


def _block(width: int) -> int:
    """Return the weights of the convolutions of a residual block that doubles to ``width``."""
    before = width // 2
    return 9 * before * width + 9 * width * width + before * width


def _pixels(shape: tuple[int, int, int], stages: int, stem_stride: int) -> Iterator[int]:
    """Yield the pixels of an image in each stage; a halved odd side is rounded up."""
    _, height, width = shape
    for stride in (stem_stride, *[2] * (stages - 1)):
        height, width = -(-height // stride), -(-width // stride)
        yield height * width
