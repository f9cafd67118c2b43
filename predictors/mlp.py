"""A multilayer perceptron.

As in White, Zela, Ru, Liu and Hutter, "How Powerful are Performance Predictors in Neural
Architecture Search?", 2021, arXiv:2104.01177.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.random import RandomState
from scipy.stats import loguniform

from workbench.optimise import one_thread
from workbench.predictors._losses import Loss
from workbench.predictors._mlp import Perceptrons, answers, loaded, stored
from workbench.predictors._targets import Transform
from workbench.predictors._tuning import SearchSpace
from workbench.types import Floats

EXTRA = "torch"


class MLP(Perceptrons):
    """One perceptron, trained with Adam; features are standardised.

    Parameters
    ----------
    depth, width : int, default 3 and 64
        Hidden layers and units in each. The authors' are 20 and 20.
    epochs : int, default 100
        Passes over the rows: at least 200 steps and at most 10,000.
    batch_size : int, default 32
        Rows of a step.
    learning_rate : float, default .01
        Of Adam; it falls to 0 along a cosine.
    weight_decay : float, default .5
        Decoupled from the gradient.
    loss : {"mae", "mse", "hinge", "listmle"}, default "mae"
        Absolute or squared error, pairwise hinge, or likelihood of the ranking. The outputs of the
        last two are mapped to the targets by a rising line.
    target_transform : {None, "rank", "quantile"}, default None
        What the targets are fitted as.
    random_state : int, RandomState or None
        Seed; the state of torch is neither read nor changed.
    """

    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "depth": [1, 2, 3, 4],
        "width": [32, 64, 128],
        "learning_rate": loguniform(1e-3, 3e-2),
        "weight_decay": [0.0, 0.1, 0.5],
        "loss": ["mae", "mse", "hinge"],
        "target_transform": [None, "quantile"],
    }

    def __init__(
        self,
        depth: int = 3,
        width: int = 64,
        epochs: int = 100,
        batch_size: int = 32,
        learning_rate: float = 0.01,
        weight_decay: float = 0.5,
        loss: Loss = "mae",
        target_transform: Transform | None = None,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.depth = depth
        self.width = width
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.loss = loss
        self.target_transform = target_transform
        self.random_state = random_state

    def _fit(self, X: Floats, y: Floats) -> None:
        self._check_parameters()
        self._scale(X)
        random = torch.Generator().manual_seed(self._seed())
        everything = torch.zeros(1, len(X), dtype=torch.bool)
        with one_thread():
            rows, targets = self._rows(X).float(), torch.from_numpy(y).float()
            self.layers_ = stored(self._trained(rows, targets, everything, random))

    def _predict(self, X: Floats) -> Floats:
        with one_thread():
            found = answers(loaded(self.layers_), self._rows(X))
        return np.asarray(found[0])
