"""What all predictors share: checked input, targets of any scale, one error form."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from contextlib import suppress
from typing import Any, ClassVar, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from workbench.encodings._parameters import check
from workbench.predictors._targets import TRANSFORMS, Targets
from workbench.spaces import Space
from workbench.types import Archs, Floats


class Predictor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn regressor that standardises its targets.

    A predictor overrides ``_fit`` and ``_predict``, which see checked features and targets of
    mean 0 and deviation 1 (all 0 where they are constant). One that takes the parameter
    ``target_transform`` is fitted to ranks or normal quantiles of its targets where that says
    ``"rank"`` or ``"quantile"``; predictions are in the targets' own unit all the same.

    Attributes
    ----------
    n_features_in_ : int
        Number of features seen in ``fit``.
    targets_ : Targets
        The map between targets and what the predictor was fitted to.
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
        transform = getattr(self, "target_transform", None)
        self._check(
            "target_transform", transform in TRANSFORMS, "None (or 'none'), 'rank' or 'quantile'"
        )
        known = _known(X, y)
        features, y = validate_data(self, *known, y_numeric=True, ensure_min_samples=2)
        rows = self._rows_of(features)
        targets: Floats = np.asarray(y, dtype=np.float64)
        self.targets_ = Targets.of(targets, transform)
        self._fit(rows, self.targets_.see(targets))
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Return predicted targets, shape ``(n,)``."""
        features = self._features(X)
        return self.targets_.back(np.asarray(self._predict(features), dtype=np.float64))

    def _features(self, X: ArrayLike) -> Any:
        check_is_fitted(self)
        return self._rows_of(np.asarray(validate_data(self, X, reset=False)))

    def _rows_of(self, X: Any) -> Any:
        """Return checked rows as ``_fit`` and ``_predict`` take them."""
        return X

    def _seed(self) -> int:
        """Return a seed that ``random_state`` determines."""
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _check(self, name: str, good: bool, must_be: str) -> None:
        check(self, name, good, must_be)

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
        return self.targets_.back(mean), self.targets_.spread_back(mean, std)

    def _predict(self, X: Floats) -> Floats:
        return self._predict_with_std(X)[0]

    @abstractmethod
    def _predict_with_std(self, X: Floats) -> tuple[Floats, Floats]: ...


class OnArchitectures(Predictor):
    """A predictor that takes architectures, ``(n, d)``, and no features of them.

    Its first parameter is ``space``; ``_fit`` and ``_predict`` see a checked integer population.
    Mix it in before ``ProbabilisticPredictor`` where the predictor has deviations.
    """

    READS_GRAPHS: ClassVar[bool] = True
    """Whether a space without graphs will not do."""

    NEEDS_SPACE: ClassVar[bool] = True
    """False where the predictor takes features if ``space`` is None."""

    space: Space | None

    @property
    def takes_architectures(self) -> bool:
        """Whether this one takes architectures and no features."""
        return self.NEEDS_SPACE or self.space is not None

    def _rows_of(self, X: Any) -> Any:
        if not self.takes_architectures:
            return X
        self._check("space", isinstance(self.space, Space), "a Space")
        assert self.space is not None
        return archs_of(self.space, X)


def archs_of(space: Space, X: Any) -> Archs:
    """Return rows that may be floats as architectures; what is none raises ArchitectureError."""
    rows = np.asarray(X)
    if rows.dtype.kind == "f" and (rows % 1 == 0).all() and (abs(rows) < 1 << 15).all():
        rows = rows.astype(np.int16)
    return space.check(rows)


def _known(X: Any, y: Any) -> tuple[Any, Any]:
    """Return the rows whose target is known, neither NaN nor None."""
    targets = np.asarray(y)
    if targets.dtype == object and targets.ndim == 1:
        with suppress(TypeError, ValueError):
            y = targets = targets.astype(np.float64)
    if targets.dtype.kind != "f" or targets.ndim != 1:
        return X, y
    missing = np.isnan(targets)
    if not missing.any() or len(targets) != len(X):
        return X, y
    if missing.all():
        raise ValueError(f"all {len(targets)} targets are NaN: there is nothing to learn from")
    text = f"{missing.sum()} of {len(targets)} targets are NaN and left out"
    warnings.warn(text, stacklevel=3)
    keep = np.flatnonzero(~missing)
    return _safe_indexing(X, keep), _safe_indexing(y, keep)
