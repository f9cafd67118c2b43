"""One bit for every value of every decision.

The adjacency one-hot encoding of White, Neiswanger, Nolen and Savani, "A Study on Encodings for
Neural Architecture Search", 2020, arXiv:2007.04965.
"""

from __future__ import annotations

import numpy as np

from workbench.encodings._base import Encoding
from workbench.types import Archs, Floats


class OneHot(Encoding):
    """One-hot decisions, whatever their kind; an inactive decision has no bit set.

    Parameters
    ----------
    space : Space
        The space of the architectures. The width is the sum of its decisions' numbers of values.
    """

    def _encode(self, archs: Archs) -> Floats:
        radices = np.array(self.space.radices)
        starts = np.cumsum(radices) - radices
        out = np.zeros((len(archs), int(radices.sum())))
        places = np.arange(len(archs))[:, None] * out.shape[1] + (starts + archs)
        out.ravel()[places] = 1.0 if self.space.plain else self.space.active(archs)
        return out

    def _names(self) -> list[str]:
        return [f"{d.name}={value}" for d in self.space.decisions for value in d.values]
