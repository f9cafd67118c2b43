"""One bit for every sequence of operations that may lie on a path from input to output.

White, Neiswanger and Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural
Architecture Search", 2019, arXiv:1910.11858.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from workbench.encodings._base import Encoding
from workbench.encodings._wirings import longest_path, operation_names, wirings
from workbench.errors import ParameterError
from workbench.spaces import Space
from workbench.types import Archs, Floats


class Path(Encoding):
    """Which sequences of operations occur along the paths of each architecture.

    Paths that differ in nodes but not in operations share a bit. ``none`` is an operation like
    the others, as in the authors' code: on NAS-Bench-201 each of the four paths sets one of
    5 + 25 + 125 = 155 bits.

    Parameters
    ----------
    space : Space
        A space with graphs.
    max_length : int or None, default None
        Truncation: paths with more operations are left out. None keeps all, ``o + o**2 + ...``
        bits up to the longest path of ``o`` operations' choice; that is 7,380 on NAS-Bench-Graph.
    """

    def __init__(self, space: Space, max_length: int | None = None) -> None:
        super().__init__(space)
        self.max_length = max_length

    def _encode(self, archs: Archs) -> Floats:
        graphs = self.space.graphs(archs)
        count, longest = len(operation_names(self.space)), self._longest()
        starts = np.cumsum([0, *(count**length for length in range(1, longest + 1))])
        out = np.zeros((len(archs), int(starts[-1])))
        for rows, _, orders in wirings(graphs):
            for order in orders:
                if 0 < len(order) <= longest:
                    strides = count ** np.arange(len(order))[::-1]
                    codes = graphs.operations[rows][:, order] @ strides
                    out[rows, starts[len(order) - 1] + codes] = 1
        return out

    def _names(self) -> list[str]:
        names, longest = operation_names(self.space), self._longest()
        lengths = range(1, longest + 1)
        return [">".join(ops) for n in lengths for ops in product(names, repeat=n)]

    def _longest(self) -> int:
        longest = longest_path(self.space)
        if self.max_length is None:
            return longest
        if not isinstance(self.max_length, int) or self.max_length < 1:
            raise ParameterError(
                "The 'max_length' parameter of Path must be an integer >= 1 or None."
                f" Got {self.max_length!r} instead."
            )
        return min(longest, self.max_length)
