"""How much one would like to evaluate a candidate, from its predicted score and deviation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from workbench.types import Floats


class Belief(NamedTuple):
    """Predicted scores and deviations ``(n,)``, the best score told, and the weight of ``ucb``."""

    mean: Floats
    std: Floats
    best: float
    kappa: float


def mean(belief: Belief, rng: np.random.Generator) -> Floats:  # noqa: ARG001
    """Return the predicted scores."""
    return belief.mean


def ucb(belief: Belief, rng: np.random.Generator) -> Floats:  # noqa: ARG001
    """Return the upper confidence bound ``mean + kappa std``."""
    return belief.mean + belief.kappa * belief.std


def ei(belief: Belief, rng: np.random.Generator) -> Floats:  # noqa: ARG001
    """Return the expected improvement on the best score, of normal scores.

    Mockus, Tiesis and Zilinskas, "The application of Bayesian methods for seeking the extremum",
    1978.
    """
    gain = belief.mean - belief.best
    std = np.maximum(belief.std, 1e-12 * max(1.0, abs(belief.best)))
    z = gain / std
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return np.asarray(gain * ndtr(z) + std * density)


def pi(belief: Belief, rng: np.random.Generator) -> Floats:  # noqa: ARG001
    """Return the probability of an improvement on the best score, of normal scores.

    Kushner, "A New Method of Locating the Maximum Point of an Arbitrary Multipeak Curve in the
    Presence of Noise", 1964.
    """
    std = np.maximum(belief.std, 1e-12 * max(1.0, abs(belief.best)))
    return np.asarray(ndtr((belief.mean - belief.best) / std))


def its(belief: Belief, rng: np.random.Generator) -> Floats:
    """Return one draw a candidate: independent Thompson sampling (White et al. 2019)."""
    return belief.mean + belief.std * rng.standard_normal(len(belief.mean))


ACQUISITIONS: dict[str, Callable[[Belief, np.random.Generator], Floats]] = {
    "mean": mean,
    "ucb": ucb,
    "ei": ei,
    "pi": pi,
    "its": its,
}
NEED_STD = ("ucb", "ei", "pi", "its")
