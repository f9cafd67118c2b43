"""BOHAMIANN: a Bayesian neural network, sampled by Hamiltonian Monte Carlo.

Springenberg, Klein, Falkner and Hutter, "Bayesian Optimization with Robust Bayesian Neural
Networks", NeurIPS 2016.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.random import RandomState
from torch import Tensor

from workbench.encodings._parameters import check_integers, check_numbers
from workbench.optimise import minibatches, one_thread
from workbench.predictors._base import ProbabilisticPredictor
from workbench.predictors._mlp import Perceptrons, Sizes, answers, forward, loaded, stored
from workbench.predictors._sghmc import Plan, sample
from workbench.predictors._targets import Transform
from workbench.predictors._tuning import SearchSpace
from workbench.types import Floats

EXTRA = "torch"

_SHAPE, _RATE = 1.0, 0.02
"""Inverse gamma prior of the variance of the noise: most of it between .005 and .1."""


class BOHAMIANN(Perceptrons, ProbabilisticPredictor):
    """The mean over networks drawn from the posterior, and their deviation with the noise.

    Weights have a normal prior of variance 1 over the units before, so that any width has the
    same prior over functions. Chains of stochastic gradient Hamiltonian Monte Carlo run side by
    side.

    Parameters
    ----------
    chains, samples : int, default 6 and 5
        Chains, and networks kept of each.
    depth, width : int, default 3 and 32
        Hidden layers of hyperbolic tangents and units in each; the authors' are 3 and 50.
    burn_in, thinning : int, default 400 and 20
        Steps thrown away, and steps between networks that are kept.
    batch_size : int, default 256
        Rows of a step; all of them where there are no more.
    step : float, default .02
        Epsilon of the paper.
    friction : float, default .05
        Share of the velocity lost in a step.
    target_transform : {None, "rank", "quantile"}, default "quantile"
        What the targets are fitted as.
    random_state : int, RandomState or None
        Seed; the state of torch is neither read nor changed.

    Attributes
    ----------
    noise_ : ndarray of shape (chains * samples,)
        Expected variance of the noise given each network, in standardised targets.

    Notes
    -----
    The variance of the noise has an inverse gamma prior and is integrated out, which leaves the
    same posterior of the weights; sampled along, its logarithm makes the energy so stiff that no
    step is small enough for both.
    """

    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "depth": [1, 2, 3],
        "width": [25, 50, 100],
        "target_transform": [None, "rank", "quantile"],
    }

    def __init__(
        self,
        chains: int = 6,
        samples: int = 5,
        depth: int = 3,
        width: int = 32,
        burn_in: int = 400,
        thinning: int = 20,
        batch_size: int = 256,
        step: float = 0.02,
        friction: float = 0.05,
        target_transform: Transform | None = "quantile",
        random_state: int | RandomState | None = None,
    ) -> None:
        self.chains = chains
        self.samples = samples
        self.depth = depth
        self.width = width
        self.burn_in = burn_in
        self.thinning = thinning
        self.batch_size = batch_size
        self.step = step
        self.friction = friction
        self.target_transform = target_transform
        self.random_state = random_state

    def _fit(self, X: Floats, y: Floats) -> None:
        check_integers(self, 1, "chains", "samples", "depth", "width", "burn_in", "thinning")
        check_integers(self, 1, "batch_size")
        check_numbers(self, 0, 1, "step", "friction")
        self._scale(X)
        random = torch.Generator().manual_seed(self._seed())
        sizes = self._sizes(X.shape[1])
        with one_thread():
            energy = _Energy(sizes, self._rows(X).float(), torch.from_numpy(y).float())
            batches = minibatches(len(X), self.batch_size, random)
            plan = Plan(
                self.burn_in,
                self.samples,
                self.thinning,
                self.step,
                self.friction,
                noisy=len(X) > self.batch_size,
            )
            start = sizes.initial(self.chains, random, gain=1.0)
            drawn = sample(lambda at: energy(at, next(batches)), start, plan, random).flatten(0, 1)
            with torch.no_grad():
                squares = energy.squares(drawn, slice(None)).double().numpy()
        self.layers_ = stored(sizes.layers(drawn))
        self.noise_ = (_RATE + squares / 2) / (_SHAPE + len(X) / 2 - 1)

    def _predict_with_std(self, X: Floats) -> tuple[Floats, Floats]:
        with one_thread():
            found = answers(loaded(self.layers_), self._rows(X), torch.tanh)
        return found.mean(axis=0), np.sqrt(found.var(axis=0) + self.noise_.mean())


class _Energy:
    """Negative log posterior of the weights, the noise integrated out, up to a constant."""

    def __init__(self, sizes: Sizes, rows: Tensor, targets: Tensor) -> None:
        self.sizes, self.rows, self.targets = sizes, rows, targets

    def __call__(self, at: Tensor, chosen: Tensor) -> Tensor:
        """Return it for each row of weights, ``(m,)``, estimated from the chosen rows."""
        half = len(self.rows) / 2
        fit = (_SHAPE + half) * (_RATE + self.squares(at, chosen) / 2).log()
        priors = [
            weight.square().sum((1, 2)) * weight.shape[1] + bias.square().sum((1, 2))
            for weight, bias in self.sizes.layers(at)
        ]
        return fit + torch.stack(priors).sum(dim=0) / 2

    def squares(self, at: Tensor, chosen: Tensor | slice) -> Tensor:
        """Return the sum of squared errors over all rows, estimated from the chosen ones."""
        rows = self.rows[chosen].expand(len(at), -1, -1)
        errors = forward(self.sizes.layers(at), rows, torch.tanh) - self.targets[chosen]
        return len(self.rows) * errors.square().mean(dim=1)
