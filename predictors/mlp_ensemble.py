"""An ensemble of multilayer perceptrons, trained side by side as one batched network.

White, Neiswanger and Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural
Architecture Search", 2019, arXiv:1910.11858.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.random import RandomState
from scipy.stats import loguniform

from workbench.optimise import one_thread
from workbench.predictors._base import ProbabilisticPredictor
from workbench.predictors._intervals import unexplained
from workbench.predictors._losses import Loss
from workbench.predictors._mlp import Perceptrons, answers, folds, loaded, stored
from workbench.predictors._targets import Transform
from workbench.predictors._tuning import SearchSpace
from workbench.types import Floats

EXTRA = "torch"
_FOLDS = 5


class MLPEnsemble(Perceptrons, ProbabilisticPredictor):
    """The mean of several perceptrons; how far they disagree is part of how unsure it is.

    Members differ in initial weights and in the order of rows. All are trained together, by
    batched matrix products, with Adam; features are standardised.

    Parameters
    ----------
    members : int, default 5
        Number of networks.
    depth, width : int, default 3 and 32
        Hidden layers and units in each. The authors' are 10 and 20; fewer, wider layers train in
        a fraction of the time and rank no worse on small samples.
    epochs : int, default 80
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

    Attributes
    ----------
    noise_ : float
        Variance of what the members agree on and yet miss, in standardised targets.

    Notes
    -----
    Members agree more than they are right. Five more networks, trained in the same batch, each
    leave out a fifth of the rows. The squared deviation is the variance across the members and
    what that, on average over all rows, lacks to cover the errors on the rows left out.
    """

    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "depth": [1, 2, 3, 4],
        "width": [16, 32, 64],
        "learning_rate": loguniform(1e-3, 3e-2),
        "weight_decay": [0.0, 0.1, 0.5],
        "loss": ["mae", "mse", "hinge"],
        "target_transform": [None, "quantile"],
    }

    def __init__(
        self,
        members: int = 5,
        depth: int = 3,
        width: int = 32,
        epochs: int = 80,
        batch_size: int = 32,
        learning_rate: float = 0.01,
        weight_decay: float = 0.5,
        loss: Loss = "mae",
        target_transform: Transform | None = None,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.members = members
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
        self._check_parameters("members")
        self._scale(X)
        random = torch.Generator().manual_seed(self._seed())
        everything = torch.zeros(self.members, len(X), dtype=torch.bool)
        left_out = folds(len(X), min(_FOLDS, len(X)), random)
        with one_thread():
            rows, targets = self._rows(X).float(), torch.from_numpy(y).float()
            masks = torch.cat([everything, left_out])
            layers = self._trained(rows, targets, masks, random)
            outputs = answers(layers, rows)
        errors = (outputs[self.members :] - y)[left_out.numpy()]
        self.noise_ = unexplained(errors, float(outputs[: self.members].var(axis=0).mean()))
        self.layers_ = stored([(weight[: self.members], b[: self.members]) for weight, b in layers])

    def _predict_with_std(self, X: Floats) -> tuple[Floats, Floats]:
        with one_thread():
            found = answers(loaded(self.layers_), self._rows(X))
        return found.mean(axis=0), np.sqrt(found.var(axis=0) + self.noise_)
