"""Spaces with graphs, and an architecture that is encoded by hand, for tests."""

from __future__ import annotations

import numpy as np

from workbench.spaces import space
from workbench.types import Arch, Archs

NB201, NBGRAPH = space("nb201"), space("nbgraph")
HAND = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"


def one_row(arch: Arch) -> Archs:
    """Return an architecture as a population of one, ``(1, decisions)``."""
    return np.array([arch], dtype=np.int16)
