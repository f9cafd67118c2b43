"""What all extrapolators share: curves with an end, honest deviations, one error form."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from workbench.encodings._parameters import check
from workbench.predictors._intervals import inflation
from workbench.types import Floats, Ints

_CUTS = 16
_CALIBRATED = 150
_AS_IT_IS = np.array([0.0, 1.0, 0.0])
_PULL = 0.3
_ROUNDS = 10
_SHARES = np.linspace(1, 0, 11).tolist()


class Extrapolator(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn regressor from learning curves to final scores.

    Rows of X are curves ``(n, t)``: a score an epoch, NaN after the last one seen, and column
    ``t - 1`` is the end of the training. ``fit`` sees whole curves and their final scores; a
    subclass overrides ``_learn`` if it learns from them, and ``_extrapolate``.

    What ``_extrapolate`` says is then compared with the whole curves of ``fit``, cut where the ones
    asked for end. Where the parameter ``corrected`` says so, means become what a line in them and
    in the last score makes of them: schedules of the learning rate bend curves in ways that no
    formula knows. Variances become a multiple of themselves plus a constant, of such shares that
    the errors are most likely and of such a size that 90 % intervals cover 90 % of them.

    Attributes
    ----------
    n_features_in_ : int
        Epochs of a whole training.
    cuts_, lines_, spreads_ : ndarray
        Numbers of epochs seen; constant and slopes in mean and last score, in units of the final
        scores' deviation around their mean, ``(cuts, 3)``; the factor of a curve's own variance,
        and the variance that all have in common, ``(cuts, 2)``.
    """

    epochs: Sequence[float] | None

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Fit to curves.

        Parameters
        ----------
        X : array of shape (n, t)
            Scores, higher is better; NaN after the last epoch seen.
        y : array of shape (n,), optional
            Final scores, such as means over training seeds; the last column if not given. Rows
            whose final score is NaN are left out.

        Raises
        ------
        ValueError
            Infinite numbers, a curve that begins with NaN or goes on after one, or no row with a
            known final score.
        ParameterError
            A parameter has a wrong type or value.
        """
        curves = self._curves(X, reset=True)
        seen = _seen(curves)
        final: Floats = np.asarray(curves[:, -1] if y is None else y, dtype=np.float64)
        if final.shape != (len(curves),):
            raise ValueError(f"y must have shape ({len(curves)},); got {final.shape}")
        known = np.isfinite(final) & (seen > 0)
        if not known.any():
            raise ValueError("no curve has a known final score: fit needs whole trainings")
        self.epochs_ = self._epochs()
        self.mean_, self.std_ = float(final[known].mean()), float(final[known].std())
        curves, final, seen = curves[known], final[known], seen[known]
        self._learn(curves, final)
        whole = seen == curves.shape[1]
        self._calibrate(curves[whole], final[whole])
        return self

    def _curves(self, X: ArrayLike, reset: bool) -> Floats:
        found = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=reset)
        return np.asarray(found)

    @overload
    def predict(self, X: ArrayLike, return_std: Literal[False] = False) -> Floats: ...

    @overload
    def predict(self, X: ArrayLike, return_std: Literal[True]) -> tuple[Floats, Floats]: ...

    def predict(self, X: ArrayLike, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Return predicted final scores ``(n,)``; with ``return_std`` also deviations ``(n,)``.

        Of a curve of which nothing was seen they are mean and deviation of the final scores of
        ``fit``.
        """
        check_is_fitted(self)
        curves = self._curves(X, reset=False)
        seen = _seen(curves)
        mean, std = np.full(len(curves), self.mean_), np.full(len(curves), self.std_)
        begun = seen > 0
        if begun.any():
            mean[begun], std[begun] = self._adjusted(curves[begun], seen[begun])
        return (mean, std) if return_std else mean

    def _learn(self, X: Floats, y: Floats) -> None:
        """Learn from curves and final scores; most learn nothing."""

    @abstractmethod
    def _extrapolate(self, X: Floats, seen: Ints) -> tuple[Floats, Floats]:
        """Return means and deviations ``(n,)`` of curves of which ``seen`` epochs are known."""

    def _epochs(self) -> Floats:
        columns = self.n_features_in_
        if self.epochs is None:
            return np.arange(1.0, columns + 1)
        epochs = np.asarray(self.epochs, dtype=np.float64)
        rising = epochs.shape == (columns,) and epochs[0] > 0 and (np.diff(epochs) > 0).all()
        check(self, "epochs", bool(rising), f"None or {columns} rising numbers above 0")
        return epochs

    def _calibrate(self, X: Floats, y: Floats) -> None:
        columns = X.shape[1]
        cuts = np.unique(np.geomspace(1, max(columns - 1, 1), _CUTS).round().astype(np.int64))
        self.cuts_, self.spreads_ = cuts, np.tile([1.0, 0.0], (len(cuts), 1))
        self.lines_ = np.tile(_AS_IT_IS, (len(cuts), 1))
        X, y = X[:_CALIBRATED], y[:_CALIBRATED]
        if not len(X) or columns == 1:
            return
        for place, cut in enumerate(cuts.tolist()):
            mean, std = self._extrapolate(_cut(X, cut), np.full(len(X), cut))
            features = self._features_of(mean, X[:, cut - 1])
            if getattr(self, "corrected", False):
                self.lines_[place] = _line(features, self._standard(y))
            errors = y - self.mean_ - self._unit * (features @ self.lines_[place])
            self.spreads_[place] = _spread(errors, std)

    def _adjusted(self, X: Floats, seen: Ints) -> tuple[Floats, Floats]:
        mean, std = self._extrapolate(X, seen)
        features = self._features_of(mean, X[np.arange(len(X)), seen - 1])
        lines, (own, common) = self._at(seen, self.lines_), self._at(seen, self.spreads_).T
        mean = self.mean_ + self._unit * (features * lines).sum(axis=1)
        return mean, np.sqrt(own * std**2 + common)

    def _at(self, seen: Ints, found: Floats) -> Floats:
        """Return what was found at each number of epochs, between those that were tried, too."""
        return np.stack([np.interp(seen, self.cuts_, column) for column in found.T], axis=1)

    def _features_of(self, mean: Floats, last: Floats) -> Floats:
        return np.stack([np.ones(len(mean)), self._standard(mean), self._standard(last)], axis=1)

    def _standard(self, scores: Floats) -> Floats:
        return (scores - self.mean_) / self._unit

    @property
    def _unit(self) -> float:
        return self.std_ or 1.0


def _line(features: Floats, wanted: Floats) -> Floats:
    """Return weights ``(3,)`` of least absolute errors, drawn towards leaving the mean as it is.

    By least squares again and again, each row weighted by 1 / its last error.
    """
    found, weights = _AS_IT_IS, np.ones(len(wanted))
    for _ in range(_ROUNDS):
        left = np.concatenate([features * weights[:, None], _PULL * np.eye(3)])
        right = np.concatenate([wanted * weights, _PULL * _AS_IT_IS])
        found = np.linalg.lstsq(left, right, rcond=None)[0]
        errors = np.abs(wanted - features @ found)
        weights = np.minimum(np.median(errors) / np.maximum(errors, 1e-12), 1.0) ** 0.5
    return found


def _spread(errors: Floats, std: Floats) -> Floats:
    """Return the factor of the variances and the common variance that suit the errors."""
    own = np.maximum(std, 1e-6 * max(float(std.max()), 1e-12)) ** 2
    own /= own.mean()
    shares = [share * own + 1 - share for share in _SHARES]
    # The size that makes errors most likely, of each share; then the loss at that size.
    losses = [np.log(np.mean(errors**2 / one)) + np.mean(np.log(one)) for one in shares]
    share = _SHARES[int(np.argmin(np.round(losses, 6)))]
    size = float(np.sqrt(np.mean(errors**2)))
    size *= inflation(errors, size * np.sqrt(share * own + 1 - share))
    scale = float(np.sqrt((std**2).mean())) or 1.0
    return np.array([share * (size / scale) ** 2, (1 - share) * size**2])


def _cut(X: Floats, seen: int) -> Floats:
    """Return curves of which no more than so many epochs are seen."""
    cut = X.copy()
    cut[:, seen:] = np.nan
    return cut


def _seen(X: Any) -> Ints:
    """Return how many epochs of each curve are known."""
    known = np.isfinite(X)
    seen: Ints = known.sum(axis=1)
    broken = (known != (np.arange(X.shape[1]) < seen[:, None])).any(axis=1)
    if broken.any():
        row = int(np.flatnonzero(broken)[0])
        raise ValueError(
            f"curve {row} has NaN before the last epoch seen: a curve begins with its first epoch"
            " and has no gaps"
        )
    return seen
