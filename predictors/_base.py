"""What all predictors share: checked input, targets of any scale, one error form."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from workbench.errors import ParameterError
from workbench.types import Floats


class Predictor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn regressor that standardises its targets.

    A predictor overrides ``_fit`` and ``_predict``, which see checked features and targets of
    mean 0 and deviation 1 (all 0 where they are constant).

    Attributes
    ----------
    n_features_in_ : int
        Number of features seen in ``fit``.
    shift_, scale_ : float
        Mean and deviation of the targets.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to labelled rows.

        Parameters
        ----------
        X : array of shape (n, k)
            Features.
        y : array of shape (n,)
            Targets, higher is better or not. NaN ones are left out, with a warning that counts
            them.

        Raises
        ------
        ValueError
            Fewer than two known targets, an infinite number, or shapes that do not fit.
        ParameterError
            A parameter has a wrong type or value.
        """
        known = _known(X, y)
        features, y = validate_data(self, *known, y_numeric=True, ensure_min_samples=2)
        targets: Floats = np.asarray(y, dtype=np.float64)
        self.shift_ = float(targets.mean())
        self.scale_ = float(targets.std()) or 1.0
        self._fit(features, (targets - self.shift_) / self.scale_)
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Return predicted targets, shape ``(n,)``."""
        features = self._features(X)
        return np.asarray(self.shift_ + self.scale_ * self._predict(features))

    def _features(self, X: ArrayLike) -> Floats:
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, reset=False))

    def _seed(self) -> int:
        """Return a seed that ``random_state`` determines."""
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _check(self, name: str, good: bool, must_be: str) -> None:
        if not good:
            of, value = type(self).__name__, getattr(self, name)
            raise ParameterError(
                f"The {name!r} parameter of {of} must be {must_be}. Got {value!r} instead."
            )

    @abstractmethod
    def _fit(self, X: Floats, y: Floats) -> None: ...

    @abstractmethod
    def _predict(self, X: Floats) -> Floats: ...


class ProbabilisticPredictor(Predictor):
    """A predictor that also says how unsure it is.

    It overrides ``_predict_with_std`` in place of ``_predict``.
    """

    @overload
    def predict(self, X: ArrayLike, return_std: Literal[False] = False) -> Floats: ...

    @overload
    def predict(self, X: ArrayLike, return_std: Literal[True]) -> tuple[Floats, Floats]: ...

    def predict(self, X: ArrayLike, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Return predicted targets, ``(n,)``; with ``return_std`` also deviations, ``(n,)``."""
        if not return_std:
            return super().predict(X)
        features = self._features(X)
        mean, std = self._predict_with_std(features)
        return self.shift_ + self.scale_ * mean, self.scale_ * std

    def _predict(self, X: Floats) -> Floats:
        return self._predict_with_std(X)[0]

    @abstractmethod
    def _predict_with_std(self, X: Floats) -> tuple[Floats, Floats]: ...


def _known(X: Any, y: Any) -> tuple[Any, Any]:
    """Return the rows whose target is not NaN; all of them if each is, for the error they get."""
    targets = np.asarray(y)
    if targets.dtype.kind != "f" or targets.ndim != 1:
        return X, y
    missing = np.isnan(targets)
    if not missing.any() or missing.all() or len(targets) != len(X):
        return X, y
    text = f"{missing.sum()} of {len(targets)} targets are NaN and left out"
    warnings.warn(text, stacklevel=3)
    keep = np.flatnonzero(~missing)
    return _safe_indexing(X, keep), _safe_indexing(y, keep)
