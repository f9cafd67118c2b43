"""NASBOWL: a Gaussian process on the Weisfeiler-Lehman subtrees of architectures.

Ru, Wan, Dong and Osborne, "Interpretable Neural Architecture Search via Bayesian Optimisation with
Weisfeiler-Lehman Kernels", 2020, arXiv:2006.07556.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.random import RandomState

from workbench.encodings._parameters import check_choices, check_integers
from workbench.predictors._base import OnArchitectures, ProbabilisticPredictor
from workbench.predictors._gp import (
    Posterior,
    learn,
    log_likelihood,
    parts,
    prior_of,
    rows_to_learn_on,
)
from workbench.predictors._kernels import Kernel
from workbench.predictors._subtrees import Forestry, SubtreeMatern, SubtreeProduct
from workbench.predictors._targets import Transform
from workbench.predictors._tuning import SearchSpace
from workbench.spaces import Space
from workbench.types import Archs, Floats

KERNELS: dict[str, type[Kernel]] = {"matern52": SubtreeMatern, "product": SubtreeProduct}


class NASBOWL(OnArchitectures, ProbabilisticPredictor):
    """A Gaussian process on graphs; depth of the subtrees, noise and scales by their likelihood.

    Isomorphic architectures count as one, and what lies on no live path is left out.

    Parameters
    ----------
    space : Space
        The space of the architectures; it has graphs.
    max_iterations : int, default 3
        Depths of 0 to this are tried; the most likely one is kept.
    kernel : {"matern52", "product"}, default "matern52"
        ``product`` is the authors' kernel, the normalised inner product of counts; ``matern52``
        takes the distance between the same counts, which ranks better on the tables here.
    learning_rows : int, default 500
        Depth and hyperparameters are learned on so many rows at most, drawn at random.
    target_transform : {None, "rank", "quantile"}, default "quantile"
        What the targets are fitted as. Scores of architectures have a long lower tail, which
        would bend a Gaussian model: on NAS-Bench-201 quantiles raise Kendall's tau by .05 to .18.
    random_state : int, RandomState or None
        Seed of the draw of ``learning_rows``.
    """

    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "max_iterations": [0, 1, 2, 3],
        "kernel": ["matern52", "product"],
        "target_transform": [None, "rank", "quantile"],
    }

    def __init__(
        self,
        space: Space | None = None,
        max_iterations: int = 3,
        kernel: Literal["matern52", "product"] = "matern52",
        learning_rows: int = 500,
        target_transform: Transform | None = "quantile",
        random_state: int | RandomState | None = None,
    ) -> None:
        self.space = space
        self.max_iterations = max_iterations
        self.kernel = kernel
        self.learning_rows = learning_rows
        self.target_transform = target_transform
        self.random_state = random_state

    def _fit(self, X: Any, y: Floats) -> None:
        check_integers(self, 0, "max_iterations")
        check_choices(self, KERNELS, "kernel")
        check_integers(self, 2, "learning_rows")
        some = rows_to_learn_on(len(X), self.learning_rows, self._seed())
        kernel = KERNELS[self.kernel]()
        depths = range(self.max_iterations + 1)
        tried = [self._learned(kernel, X[some], y[some], depth) for depth in depths]
        best = max(depths, key=lambda depth: tried[depth][0])
        self.iterations_ = best
        assert self.space is not None
        self.forestry_ = Forestry(self.space, X, best)
        self.posterior_ = Posterior(kernel, tried[best][1], self.forestry_.of(X), y)

    def _learned(self, kernel: Kernel, X: Archs, y: Floats, depth: int) -> tuple[float, Floats]:
        assert self.space is not None
        rows: Any = Forestry(self.space, X, depth).of(X)
        compared, prior = kernel.compare(rows, rows), prior_of(kernel.size)
        logs = learn(lambda logs: log_likelihood(kernel, logs, compared, y), prior)
        return log_likelihood(kernel, logs, compared, y)[0] + prior.of(logs)[0], logs

    def _predict(self, X: Any) -> Floats:
        rows = map(self.forestry_.of, parts(X))
        return np.concatenate([self.posterior_.mean(part) for part in rows])

    def _predict_with_std(self, X: Any) -> tuple[Floats, Floats]:
        found = [self.posterior_.mean_and_std(part) for part in map(self.forestry_.of, parts(X))]
        return np.concatenate([mean for mean, _ in found]), np.concatenate(
            [std for _, std in found]
        )
