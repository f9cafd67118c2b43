"""What all extrapolators share: curves with an end, honest deviations, one error form."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any, ClassVar, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from workbench.encodings._parameters import check
from workbench.predictors.curves._deviations import AS_THEY_ARE, deviations, suited
from workbench.types import Floats, Ints

_CALIBRATED = 150
_AS_IT_IS = np.array([0.0, 1.0, 0.0])
_PULL = 0.3
_ROUNDS = 10
_FOLDS = 4


class Extrapolator(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn regressor from learning curves to final scores.

    Rows of X are curves ``(n, t)``: a score an epoch, NaN after the last one seen, and column
    ``t - 1`` is the end of the training; before them an extrapolator may take other columns, such
    as the architecture's decisions, of which its ``_rows`` makes ``_lead`` features. ``fit`` sees
    whole curves and their final scores; a subclass overrides ``_learn`` if it learns from them, and
    ``_extrapolate``.

    What ``_extrapolate`` says is then compared with the whole curves of ``fit``, cut at several
    epochs; where it learns from them, by cross-validation. Where the parameter ``corrected`` says
    so, means become what a line in them and in the last score makes of them: schedules of the
    learning rate bend curves in ways that no formula knows. Deviations become what suits the
    errors: their logarithm is linear in the mean and in the logarithm of the own deviation, such
    that the errors are most likely, and of such a size that 90 % intervals cover 90 % of them.

    Attributes
    ----------
    n_features_in_ : int
        Epochs of a whole training.
    mean_, std_ : float
        Of the final scores of ``fit``.
    cuts_, lines_, spreads_ : ndarray
        Numbers of epochs seen; constant and slopes in mean and last score, in units of the final
        scores' deviation around their mean, ``(cuts, 3)``; what ``suited`` returns, ``(cuts, 7)``.
    """

    READS: ClassVar[Literal["score", "train_loss"]] = "score"
    """Of what the curves are: of the score, higher is better, or of the mean training loss."""

    LEARNS: ClassVar[bool] = False
    """Whether ``_learn`` takes more from the curves than their range."""

    CUTS: ClassVar[int] = 16
    """At how many numbers of epochs, at most, what is said is compared with whole curves."""

    epochs: Sequence[float] | None

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Fit to curves.

        Parameters
        ----------
        X : array of shape (n, t)
            Curves of what the extrapolator reads; NaN after the last epoch seen.
        y : array of shape (n,), optional
            Final scores, such as means over training seeds; if not given, the last column, where
            that is a score. Rows whose final score is NaN are left out.

        Raises
        ------
        ValueError
            Infinite numbers, a curve that begins with NaN or goes on after one, or no row with a
            known final score.
        ParameterError
            A parameter has a wrong type or value.
        """
        rows = self._rows(X, reset=True)
        seen = _seen(rows[:, self._lead :])
        if y is None and self.READS != "score":
            raise ValueError(f"{type(self).__name__} reads losses: give fit the final scores as y")
        final: Floats = np.asarray(rows[:, -1] if y is None else y, dtype=np.float64)
        if final.shape != (len(rows),):
            raise ValueError(f"y must have shape ({len(rows)},); got {final.shape}")
        known = np.isfinite(final) & (seen > 0)
        if not known.any():
            raise ValueError("no curve has a known final score: fit needs whole trainings")
        self.epochs_ = self._epochs(rows.shape[1] - self._lead)
        self.cuts_ = self._cuts()
        self.mean_, self.std_ = float(final[known].mean()), float(final[known].std())
        whole = known & (seen == rows.shape[1] - self._lead)
        self._learn(rows[known], final[known])
        self._calibrate(rows[whole], final[whole])
        return self

    def _rows(self, X: ArrayLike, reset: bool) -> Floats:
        """Return checked rows: features, if any, and curves."""
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
        rows = self._rows(X, reset=False)
        seen = _seen(rows[:, self._lead :])
        mean, std = np.full(len(rows), self.mean_), np.full(len(rows), self.std_)
        begun = seen >= self._least
        if begun.any():
            mean[begun], std[begun] = self._adjusted(rows[begun], seen[begun])
        return (mean, std) if return_std else mean

    def _learn(self, X: Floats, y: Floats) -> None:
        """Learn from rows and final scores; most learn nothing."""

    @abstractmethod
    def _extrapolate(self, X: Floats, seen: Ints) -> tuple[Floats, Floats]:
        """Return means and deviations ``(n,)`` of rows of which ``seen`` epochs are known."""

    @property
    def _lead(self) -> int:
        """How many columns come before the curve."""
        return 0

    @property
    def _least(self) -> int:
        """From how many epochs on it extrapolates."""
        return 1

    def _epochs(self, columns: int) -> Floats:
        if self.epochs is None:
            return np.arange(1.0, columns + 1)
        epochs = np.asarray(self.epochs, dtype=np.float64)
        rising = epochs.shape == (columns,) and epochs[0] > 0 and (np.diff(epochs) > 0).all()
        check(self, "epochs", bool(rising), f"None or {columns} rising numbers above 0")
        return epochs

    def _cuts(self) -> Ints:
        last = max(len(self.epochs_) - 1, 1)
        cuts = np.geomspace(1, last, self.CUTS).round().astype(np.int64)
        return np.unique([*range(self._least, 1), *cuts])

    def _calibrate(self, X: Floats, y: Floats) -> None:
        self.spreads_ = np.tile(AS_THEY_ARE, (len(self.cuts_), 1))
        self.lines_ = np.tile(_AS_IT_IS, (len(self.cuts_), 1))
        if not self.LEARNS:
            X, y = X[:_CALIBRATED], y[:_CALIBRATED]
        if not len(X) or len(self.epochs_) == 1:
            return
        strangers = self._strangers(X, y)
        for place, cut in enumerate(self.cuts_.tolist()):
            mean, std = np.empty(len(X)), np.empty(len(X))
            for stranger, part in strangers:
                rows = _cut(X[part], self._lead + cut)
                mean[part], std[part] = stranger._extrapolate(rows, np.full(len(part), cut))
            features = self._features_of(mean, X, np.full(len(X), cut))
            if getattr(self, "corrected", False):
                self.lines_[place] = _line(features, self._standard(y))
            mean = self.mean_ + self._unit * (features @ self.lines_[place])
            self.spreads_[place] = suited(y - mean, mean, std)

    def _strangers(self, X: Floats, y: Floats) -> list[tuple[Self, Ints]]:
        """Return extrapolators, each with the rows it did not learn from; together all rows."""
        everything = np.arange(len(X))
        if not self.LEARNS or len(X) < 3:
            return [(self, everything)]
        found = []
        for fold in range(min(_FOLDS, len(X))):
            apart = everything % _FOLDS == fold
            stranger = copy(self)
            stranger._learn(X[~apart], y[~apart])
            found.append((stranger, np.flatnonzero(apart)))
        return found

    def _adjusted(self, X: Floats, seen: Ints) -> tuple[Floats, Floats]:
        mean, std = self._extrapolate(X, seen)
        features = self._features_of(mean, X, seen)
        lines = np.stack([np.interp(seen, self.cuts_, line) for line in self.lines_.T], axis=1)
        mean = self.mean_ + self._unit * (features * lines).sum(axis=1)
        # Between two cuts: between what they say.
        place = np.interp(seen, self.cuts_, np.arange(len(self.cuts_)))
        below, above = np.floor(place).astype(np.int64), np.ceil(place).astype(np.int64)
        one, other = (deviations(self.spreads_[at].T, mean, std) for at in (below, above))
        return mean, one + (place - below) * (other - one)

    def _features_of(self, mean: Floats, X: Floats, seen: Ints) -> Floats:
        last = np.where(seen > 0, X[np.arange(len(X)), self._lead + np.maximum(seen, 1) - 1], mean)
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


def _cut(X: Floats, seen: int) -> Floats:
    """Return curves of which no more than so many epochs are seen."""
    cut = X.copy()
    cut[:, seen:] = np.nan
    return cut


def score_range(
    owner: object, limits: tuple[float, float] | None, X: Floats
) -> tuple[float, float]:
    """Return the lowest and highest score there may be: as given, or a tenth above those of curves.

    Raises
    ------
    ParameterError
        The limits do not rise.
    """
    if limits is not None:
        low, high = map(float, limits)
        check(owner, "limits", low < high, "None or two rising numbers")
        return low, high
    low, high = float(np.nanmin(X)), float(np.nanmax(X))
    return low, high + max(0.1 * (high - low), 1e-9 * max(abs(high), 1.0))


def by_seen(seen: Ints) -> Iterator[tuple[int, Ints]]:
    """Yield each number of epochs seen and the places of the rows that have seen so many."""
    for count in np.unique(seen).tolist():
        yield count, np.flatnonzero(seen == count)


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
