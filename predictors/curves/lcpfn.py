"""LC-PFN: a transformer that was trained on made-up curves, so that it extrapolates at once.

Adriaensen, Rakotoarison, Mueller and Hutter, "Efficient Bayesian Learning Curve Extrapolation using
Prior-Data Fitted Networks", 2023, arXiv:2310.20447.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.predictors.curves._base import by_seen
from workbench.predictors.curves._pfn import Pretrained
from workbench.types import Floats, Ints

_LONGEST = 100.0


class LCPFN(Pretrained):
    """What the published network says of each curve alone.

    The weights are not part of the workbench; without them ``fit`` says where to fetch them. The
    package ``lcpfn`` is not needed. With the twelve layers of the authors a curve takes tens of
    milliseconds, with six half of that.

    Parameters
    ----------
    weights : str or None, default None
        The file of weights, as published, compressed or not. None takes the one that the
        environment variable ``WORKBENCH_LCPFN`` names.
    limits : (float, float) or None, default None
        Between which scores can be, such as ``(0, 100)``; None takes the range of the curves of
        ``fit`` and a tenth above it.
    corrected : bool, default True
        Whether the final scores of ``fit`` correct what the network says, by a line at each epoch.
    epochs : sequence of float, optional
        The epoch of each column; 1, 2, ... if not given. The network knows 100 epochs: of longer
        trainings, a hundredth counts as one.
    """

    FILE = "pfn_EPOCH1000_EMSIZE512_NLAYERS12_NBUCKETS1000.pt.gz"
    SOURCE = "https://ml.informatik.uni-freiburg.de/research-artifacts/lcpfn/"
    VARIABLE = "WORKBENCH_LCPFN"

    def __init__(
        self,
        weights: str | None = None,
        limits: tuple[float, float] | None = None,
        corrected: bool = True,
        epochs: Sequence[float] | None = None,
    ) -> None:
        self.weights = weights
        self.limits = limits
        self.corrected = corrected
        self.epochs = epochs

    def _learn(self, X: Floats, y: Floats) -> None:  # noqa: ARG002
        self._open(X)

    def _extrapolate(self, X: Floats, seen: Ints) -> tuple[Floats, Floats]:
        at = self.epochs_ * min(1.0, _LONGEST / self.epochs_[-1])
        scores = self._unit_scores(X)
        mean, std = np.empty(len(X)), np.empty(len(X))
        for cut, rows in by_seen(seen):
            x = np.tile(at[:cut, None], (len(rows), 1, 1))
            asked = np.full((len(rows), 1), at[-1])
            mean[rows], std[rows] = self.network_.moments(x, scores[rows, :cut], asked)
        return self._in_scores(mean, std)
