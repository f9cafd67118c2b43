"""Hyperparameters by cross-validated search, over the space that each predictor brings along."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import kendalltau
from sklearn.base import clone
from sklearn.metrics import make_scorer
from sklearn.model_selection import KFold, RandomizedSearchCV
from sklearn.pipeline import Pipeline

from workbench.errors import ParameterError
from workbench.types import Floats

SearchSpace = Mapping[str, Any]
"""Parameters of a predictor with the lists or distributions of scipy that they are drawn from."""


def tune(
    predictor: Any,
    n_trials: int = 30,
    seed: int = 0,
    folds: int = 5,
    search_space: SearchSpace | None = None,
) -> RandomizedSearchCV:
    """Return a search that fits like any regressor: the best of random hyperparameters, refitted.

    Settings are compared by Kendall's tau, averaged over shuffled folds; the same for all. The
    budget is the number of settings, never a time, and equal seeds search alike.

    Parameters
    ----------
    predictor : regressor or Pipeline
        Not fitted; left as it is. Of a pipeline the last step is tuned.
    n_trials : int, default 30
        Settings tried.
    seed : int, default 0
        Of the settings, of the folds, and of the predictor where its ``random_state`` is None.
    folds : int, default 5
        Folds of the cross-validation. ``fit`` needs at least twice as many labels.
    search_space : mapping or None, default None
        Parameters of the predictor with lists or scipy distributions; None takes the
        ``SEARCH_SPACE`` of its class.

    Returns
    -------
    sklearn.model_selection.RandomizedSearchCV
        Call ``fit``, then ``predict``, ``best_params_`` or ``best_estimator_``.

    Raises
    ------
    ParameterError
        The predictor has no search space, or does not have a parameter of it.

    Examples
    --------
    >>> from workbench.predictors.ridge import Ridge
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40, 3))
    >>> search = tune(Ridge(), n_trials=4).fit(X, np.exp(X[:, 0]))
    >>> search.best_params_["target_transform"] is None
    False
    """
    if not hasattr(predictor, "get_params"):
        raise ParameterError(
            f"The 'predictor' parameter of tune must be a regressor or a Pipeline, such as"
            f" workbench.pipeline(...). Got {predictor!r} instead."
        )
    model, prefix, last = clone(predictor), "", predictor
    if isinstance(predictor, Pipeline):
        name, last = predictor.steps[-1]
        prefix = f"{name}__"
    space = getattr(last, "SEARCH_SPACE", None) if search_space is None else search_space
    if not space:
        raise ParameterError(
            f"{type(last).__name__} has no SEARCH_SPACE to tune over; give search_space, a mapping"
            " of its parameters to lists or scipy distributions."
        )
    known = last.get_params()
    unknown = sorted(set(space) - set(known))
    if unknown:
        raise ParameterError(f"{type(last).__name__} has no parameter {unknown[0]!r} to tune.")
    if known.get("random_state", seed) is None:
        model.set_params(**{f"{prefix}random_state": seed})
    return RandomizedSearchCV(
        model,
        {prefix + name: values for name, values in space.items()},
        n_iter=min(n_trials, _settings(space)),
        scoring=make_scorer(_tau),
        cv=KFold(folds, shuffle=True, random_state=seed),
        random_state=seed,
        error_score="raise",
    )


def _settings(space: SearchSpace) -> int:
    """Return how many settings there are; as good as infinitely many where one is continuous."""
    if any(hasattr(values, "rvs") for values in space.values()):
        return sys.maxsize
    return math.prod(len(values) for values in space.values())


def _tau(truth: Floats, predicted: Floats) -> float:
    """Return Kendall's tau, 0 where all predictions or all targets are equal."""
    found = kendalltau(truth, predicted).statistic
    return float(found) if np.isfinite(found) else 0.0
