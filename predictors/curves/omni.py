"""The curve, the architecture and zero-cost proxies together, in any predictor.

White, Zela, Ru, Liu and Hutter, "How Powerful are Performance Predictors in Neural Architecture
Search?", 2021, arXiv:2104.01177: their OMNI is a curve feature, jacov and an encoding in NGBoost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.random import RandomState
from sklearn.utils import check_random_state

from workbench.predictors._pipeline import Given, predictor_of, seeded
from workbench.predictors.curves._regressed import Regressed
from workbench.spaces import Space
from workbench.types import Floats


class Omni(Regressed):
    """A predictor for each number of epochs.

    It sees the scores so far and their differences, their greatest and their mean, and the
    architecture's encoding, in which zero-cost proxies may be:
    ``encoding=["graph_features", {"name": "zero_cost", "dataset": "digits"}]``.

    Parameters
    ----------
    space : Space, optional
        With a space, the rows of X begin with the architecture's decisions.
    predictor : str, mapping or regressor, default "xgboost"
        A predictor of features. The authors' is ``"ngboost"``.
    encoding : str, mapping, transformer, list of these or None, default None
        As of ``workbench.pipeline``; with a space only.
    epochs : sequence of float, optional
        The epoch of each column; it changes nothing here.
    random_state : int, RandomState or None
        Seed.
    """

    def __init__(
        self,
        space: Space | None = None,
        predictor: Given = "xgboost",
        encoding: Given = None,
        epochs: Sequence[float] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.space = space
        self.predictor = predictor
        self.encoding = encoding
        self.epochs = epochs
        self.random_state = random_state

    def _learn(self, X: Floats, y: Floats) -> None:
        self.seed_ = check_random_state(self.random_state).randint(2**31 - 1)
        super()._learn(X, y)

    def _model(self) -> Any:
        return seeded(predictor_of(self, self.predictor), np.random.default_rng(self.seed_))

    def _inputs(self, X: Floats, cut: int) -> Floats:
        found = super()._inputs(X, cut)
        if not cut:
            return found
        scores = self._standard(X[:, self._lead : self._lead + cut])
        return np.column_stack([found, scores.max(axis=1), scores.mean(axis=1)])
