"""One number in [0, 1] for every decision, and how many edges carry something.

The continuous adjacency encoding of White, Neiswanger, Nolen and Savani, "A Study on Encodings for
Neural Architecture Search", 2020, arXiv:2007.04965: edges as weights, operations spaced evenly, and
the number of edges.
"""

from __future__ import annotations

import numpy as np

from workbench.encodings._base import Encoding
from workbench.encodings._wirings import CUT
from workbench.types import Archs, Floats


class Continuous(Encoding):
    """Decisions spaced evenly over [0, 1], and the number of edges.

    The first value of a decision is 0 and the last one 1, -1 stands for an inactive decision. An
    edge is an active decision whose value is not ``none``; ``edges`` counts them, as a part of all
    decisions.

    Parameters
    ----------
    space : Space
        Any space; one column more than decisions.
    """

    def _encode(self, archs: Archs) -> Floats:
        active = self.space.active(archs)
        last = np.maximum(np.array(self.space.radices) - 1, 1)
        edges = active.copy()
        for column, decision in enumerate(self.space.decisions):
            cut = [i for i, value in enumerate(decision.values) if value in CUT]
            edges[:, column] &= ~np.isin(archs[:, column], cut)
        spaced = np.where(active, archs / last, -1.0)
        return np.concatenate([spaced, edges.mean(axis=1)[:, None]], axis=1)

    def _names(self) -> list[str]:
        return [*(decision.name for decision in self.space.decisions), "edges"]
