"""How many learning curves a second are extrapolated, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from speed.measures import Measure
from workbench import registry
from workbench.data.measured import Measured
from workbench.types import Floats

_TRAIN, _ASKED, _SEEN, _SAMPLED = 100, 1000, 12, 2


def _curves() -> tuple[Floats, Floats]:
    rows = Measured("nb201-mnist").rows
    X = rows.valid_right[:, 0].astype(np.float64) * (100 / rows.data["valid"])
    return X[:_TRAIN], np.where(np.arange(24) < _SEEN, X[_TRAIN : _TRAIN + _ASKED], np.nan)


def curves_a_second(name: str) -> Callable[[], float]:
    """Return a measure of curves of 12 of 24 epochs whose end is told, a CPU second."""

    def run() -> float:
        known, begun = _curves()
        model = registry.load("extrapolators", name)().fit(known)
        with threadpool_limits(1):
            started = time.process_time()
            model.predict(begun, return_std=True)
        return len(begun) / (time.process_time() - started)

    return run


def times_the_sampling() -> float:
    """Return how many times as fast ``parametric`` is as the authors' Monte Carlo, 2,500 steps."""
    known, begun = _curves()
    model = registry.load("extrapolators", "parametric_mcmc")(steps=2500, random_state=0)
    model.fit(known)
    started = time.process_time()
    model.predict(begun[:_SAMPLED])
    seconds = (time.process_time() - started) / _SAMPLED
    return seconds * curves_a_second("parametric")()


MEASURES = [
    Measure(
        "parametric, curves of 12 epochs", "a second", 300, curves_a_second("parametric"),
        "NASLib .18", more_is_better=True,
    ),
    Measure(
        "curve_gp, curves of 12 epochs", "a second", 10_000, curves_a_second("curve_gp"),
        more_is_better=True,
    ),
    Measure(
        "parametric against its sampling", "times", 1000, times_the_sampling, more_is_better=True
    ),
]  # fmt: skip
