"""DNGO: Bayesian linear regression on the last hidden layer of a perceptron.

Snoek, Rippel, Swersky, Kiros, Satish, Sundaram, Patwary, Prabhat and Adams, "Scalable Bayesian
Optimization Using Deep Neural Networks", 2015, arXiv:1502.05700.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.random import RandomState
from scipy.stats import loguniform

from workbench.optimise import one_thread
from workbench.predictors._base import ProbabilisticPredictor
from workbench.predictors._bayesian_linear import BayesianLinear
from workbench.predictors._intervals import unexplained
from workbench.predictors._losses import Loss
from workbench.predictors._mlp import Layers, Perceptrons, folds, hidden, loaded, stored
from workbench.predictors._targets import Transform
from workbench.predictors._tuning import SearchSpace
from workbench.types import Floats, Mask

EXTRA = "torch"
_FOLDS = 5


class DNGO(Perceptrons, ProbabilisticPredictor):
    """A perceptron whose last layer is integrated out.

    The network is trained with Adam; then its output weights get a normal prior and posterior.
    Precisions of prior and noise maximise the evidence. Features are standardised.

    Parameters
    ----------
    depth, width : int, default 3 and 50
        Hidden layers of hyperbolic tangents and units in each, the authors' choice.
    epochs : int, default 80
        Passes over the rows: at least 200 steps and at most 10,000.
    batch_size : int, default 32
        Rows of a step.
    learning_rate : float, default .01
        Of Adam; it falls to 0 along a cosine.
    weight_decay : float, default 1
        Decoupled from the gradient.
    loss : {"mae", "mse", "hinge", "listmle"}, default "mae"
        What the network is trained for, the squared error in the paper; outliers spoil that. The
        regression gives predictions the targets' unit.
    target_transform : {None, "rank", "quantile"}, default "quantile"
        What the targets are fitted as.
    random_state : int, RandomState or None
        Seed; the state of torch is neither read nor changed.

    Attributes
    ----------
    regression_ : BayesianLinear
        Posterior of the output weights, the last of which is the intercept.
    noise_ : float
        Variance that the regression does not know of, in standardised targets.

    Notes
    -----
    The regression takes the features as given, though they were fitted to the same targets, and
    so trusts itself too much. Five more networks, trained in the same batch, each leave out a
    fifth of the rows; what their intervals lack on those is added to the variance.
    """

    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "depth": [1, 2, 3],
        "width": [25, 50, 100],
        "learning_rate": loguniform(1e-3, 3e-2),
        "weight_decay": [0.0, 0.1, 0.5],
    }

    def __init__(
        self,
        depth: int = 3,
        width: int = 50,
        epochs: int = 80,
        batch_size: int = 32,
        learning_rate: float = 0.01,
        weight_decay: float = 1.0,
        loss: Loss = "mae",
        target_transform: Transform | None = "quantile",
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
        left_out = folds(len(X), min(_FOLDS, len(X)), random)
        masks = torch.cat([torch.zeros(1, len(X), dtype=torch.bool), left_out])
        with one_thread():
            targets = torch.from_numpy(y).float()
            layers = self._trained(self._rows(X).float(), targets, masks, random, torch.tanh)
            basis, *others = self._basis(layers, X)
        self.regression_ = BayesianLinear.fit(basis, y)
        self.noise_ = _lacking(others, y, left_out.numpy())
        self.layers_ = stored([(weight[:1], bias[:1]) for weight, bias in layers])

    def _predict_with_std(self, X: Floats) -> tuple[Floats, Floats]:
        with one_thread():
            basis = self._basis(loaded(self.layers_), X)[0]
        mean, variance = self.regression_.predict(basis)
        return mean, np.sqrt(variance + self.noise_)

    def _basis(self, layers: Layers, X: Floats) -> Floats:
        """Return each network's last hidden layer and a column of ones, ``(m, n, width + 1)``."""
        rows = self._rows(X)
        layers = [(weight.double(), bias.double()) for weight, bias in layers]
        with torch.no_grad():
            inner = hidden(layers, rows.expand(len(layers[0][0]), *rows.shape), torch.tanh)
        return np.pad(inner.numpy(), ((0, 0), (0, 0), (0, 1)), constant_values=1.0)


def _lacking(bases: list[Floats], y: Floats, left_out: Mask) -> float:
    """Return the variance that regressions on the other rows lack on those left out."""
    found = [
        (y[mask], *BayesianLinear.fit(basis[~mask], y[~mask]).predict(basis[mask]))
        for basis, mask in zip(bases, left_out, strict=True)
    ]
    truth, mean, variance = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return unexplained(truth - mean, variance)
