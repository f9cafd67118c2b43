"""How good predictions are: the order they give, and whether their deviations are honest.

The measures of White, Zela, Ru, Liu and Hutter, "How Powerful are Performance Predictors in Neural
Architecture Search?", NeurIPS 2021, arXiv:2104.01177, with calibration beside them. Higher truth
and higher predictions are better everywhere.
"""

from __future__ import annotations

import math

import numpy as np

from workbench.types import Floats, Ints

TOP_PART = 0.1
COVERAGE = 0.9
_Z = 1.6448536269514722
"""The normal quantile of .95: a central 90 % interval is the mean -+ so many deviations."""


def order_measures(
    truth: Floats, predicted: Floats, top: int, resolution: float | None
) -> dict[str, float]:
    """Return how well predictions order the truth.

    Parameters
    ----------
    truth, predicted : ndarray of shape (n,), finite
    top : int
        The k of ``precision`` and ``regret``.
    resolution : float or None
        To what predictions are rounded for the sparse tau; None leaves it out.

    Returns
    -------
    dict
        ``tau``, Kendall's tau-b; ``spearman``; ``pearson``, with its sign; ``sparse_tau``, tau of
        rounded predictions; ``precision``, the part of the k best that is among the k predicted
        best; ``regret``, how far the best of those lies below the best of all, in the unit of the
        truth; ``top_tau``, tau among the truly best tenth. A correlation with constant predictions
        is 0: they order nothing. ``constant`` is 1 where they are.

    Raises
    ------
    ValueError
        A number is not finite, or the truth is constant, so that there is nothing to order.
    """
    if not (np.isfinite(truth).all() and np.isfinite(predicted).all()):
        where = int(np.flatnonzero(~np.isfinite(predicted + truth))[0])
        raise ValueError(f"row {where}: truth {truth[where]}, predicted {predicted[where]}")
    if not len(truth) or truth.min() == truth.max():
        raise ValueError("the truth is constant: there is no order to predict")
    best = np.argsort(-truth, kind="stable")
    chosen = np.argsort(-predicted, kind="stable")[:top]
    tenth = best[: max(2, round(TOP_PART * len(truth)))]
    found = {
        "tau": kendall(truth, predicted),
        "spearman": spearman(truth, predicted),
        "pearson": _pearson(truth, predicted),
        "precision": len(np.intersect1d(best[:top], chosen)) / top,
        "regret": float(truth[best[0]] - truth[chosen].max()),
        "top_tau": kendall(truth[tenth], predicted[tenth]),
        "constant": float(predicted.min() == predicted.max()),
    }
    if resolution is not None:
        found["sparse_tau"] = kendall(truth, np.round(predicted / resolution))
    return found


def calibration_measures(truth: Floats, mean: Floats, std: Floats) -> dict[str, float]:
    """Return ``nll``, the mean negative log density of the truth under normal predictions, and
    ``coverage``, the part of it inside their central 90 % intervals.

    Raises
    ------
    ValueError
        A deviation is negative or not finite.
    """
    if not (np.isfinite(std).all() and (std >= 0).all()):
        raise ValueError(f"deviations must be finite and >= 0; got {std.min()} to {std.max()}")
    floor = np.maximum(std, 1e-9 * max(float(truth.std()), 1e-300))
    z = (truth - mean) / floor
    nll = 0.5 * z**2 + np.log(floor) + 0.5 * math.log(2 * math.pi)
    return {"nll": float(nll.mean()), "coverage": float((np.abs(z) <= _Z).mean())}


def kendall(truth: Floats, predicted: Floats) -> float:
    """Return Kendall's tau-b; 0 where either is constant."""
    from scipy.stats import kendalltau

    if truth.min() == truth.max() or predicted.min() == predicted.max():
        return 0.0
    return float(kendalltau(truth, predicted).statistic)


def spearman(truth: Floats, predicted: Floats) -> float:
    """Return Spearman's correlation; 0 where either is constant."""
    from scipy.stats import rankdata

    return _pearson(rankdata(truth), rankdata(predicted))


def _pearson(truth: Floats | Ints, predicted: Floats | Ints) -> float:
    if truth.min() == truth.max() or predicted.min() == predicted.max():
        return 0.0
    a, b = truth - truth.mean(), predicted - predicted.mean()
    a, b = a / np.abs(a).max(), b / np.abs(b).max()
    return float((a @ b) / math.sqrt(float(a @ a) * float(b @ b)))
