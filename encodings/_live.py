"""The part of each graph that an input can flow through."""

from __future__ import annotations

import numpy as np

from workbench.encodings._wirings import CUT
from workbench.types import Graphs, Mask


def live(graphs: Graphs) -> Mask:
    """Return which nodes lie on a path from input to output without ``none``, ``(n, v)``."""
    names, operations = graphs.names, graphs.operations
    cut = [-1, *(i for i, name in enumerate(names) if name in CUT)]
    open_ = ~np.isin(operations, cut)
    edges = graphs.adjacency
    fed = _reached(operations == names.index("input"), edges, open_)
    return fed & _reached(operations == names.index("output"), edges.transpose(0, 2, 1), open_)


def _reached(start: Mask, edges: Mask, open_: Mask) -> Mask:
    found = start & open_
    while True:
        before = found
        found = found.copy()
        for node in range(found.shape[1]):
            found[:, node] |= (found & edges[:, :, node]).any(1) & open_[:, node]
        if (found == before).all():
            return np.asarray(found)
