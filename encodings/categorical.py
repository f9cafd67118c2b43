"""One number for every decision: which of its values was chosen.

The categorical adjacency encoding of White, Neiswanger, Nolen and Savani, "A Study on Encodings for
Neural Architecture Search", 2020, arXiv:2007.04965.
"""

from __future__ import annotations

import numpy as np

from workbench.encodings._base import Encoding
from workbench.types import Archs, Floats


class Categorical(Encoding):
    """The index of each decision's value, -1 where the decision is inactive.

    For models that split on categories or compare rows by what is equal; the order of indices
    means nothing.

    Parameters
    ----------
    space : Space
        Any space; as many columns as decisions.
    """

    def _encode(self, archs: Archs) -> Floats:
        found = archs.astype(np.float64)
        return found if self.space.plain else np.where(self.space.active(archs), found, -1.0)

    def _names(self) -> list[str]:
        return [decision.name for decision in self.space.decisions]
