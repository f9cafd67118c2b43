"""Tree-structured Parzen estimator, by Optuna.

Bergstra, Bardenet, Bengio and Kegl, "Algorithms for Hyper-Parameter Optimization", 2011; Akiba,
Sano, Yanase, Ohta and Koyama, "Optuna: A Next-generation Hyperparameter Optimization Framework",
2019, arXiv:1907.10902.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    IntDistribution,
)

from workbench.spaces import Space
from workbench.strategies._base import Strategy, check_integer, parameter_error
from workbench.types import Arch, Observation, Task, Trial

EXTRA = "tpe"
_TRIES = 100


class Tpe(Strategy):
    """Ask Optuna's TPE sampler; ordered and logarithmic decisions are integers to it.

    Parameters
    ----------
    startup : int, default 10
        Random trials before the estimator is used.
    candidates : int, default 24
        Draws from the density of good values, of which the best is taken.
    multivariate : bool, default False
        Whether one density covers all decisions together; the paper's has one for each.

    Notes
    -----
    Pending trials count as bad ones, so that parallel asks spread out (``constant_liar``); with
    one worker that changes nothing. The estimator sees every decision, active or not. A draw that
    breaks a constraint of the space is told to Optuna as failed and drawn again.
    """

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        startup: int = 10,
        candidates: int = 24,
        multivariate: bool = False,
    ) -> None:
        super().__init__(space, rng)
        self.startup = check_integer(self, "startup", startup, 0)
        self.candidates = check_integer(self, "candidates", candidates, 1)
        if not isinstance(multivariate, bool):
            raise parameter_error(self, "multivariate", "a bool", multivariate)
        self.multivariate = multivariate
        self._distributions = distributions(space)
        with _quiet():
            sampler = optuna.samplers.TPESampler(
                seed=int(rng.integers(2**31 - 1)),
                n_startup_trials=self.startup,
                n_ei_candidates=self.candidates,
                multivariate=multivariate,
                constant_liar=True,
            )
            self._study = optuna.create_study(sampler=sampler, direction="maximize")
        self._numbers: dict[int, int] = {}

    def ask(self) -> Trial:
        """Return the sampler's next choice."""
        for _ in range(_TRIES):
            with _quiet():
                asked = self._study.ask(self._distributions)
            row = np.array([[asked.params[name] for name in self._distributions]], dtype=np.int16)
            row = self.space.normalise(row)
            if self.space.plain or self.space.valid(row)[0]:
                trial = self._trial(tuple(row[0].tolist()))
                self._numbers[trial.id] = asked.number
                return trial
            self._study.tell(asked, state=optuna.trial.TrialState.FAIL)
        return self._trial(tuple(self.space.sample(1, self.rng)[0].tolist()))

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        """Pass the outcome on; a trial never asked for is added to Optuna's study."""
        asked = isinstance(trial, Trial) and self._pending.get(trial.id) == trial.arch
        arch, score = self._settle(trial, observation)
        number = self._numbers.pop(trial.id, None) if asked else None
        if number is None:
            self._add(arch, score)
        elif score is None:
            self._study.tell(number, state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(number, score)

    def _add(self, arch: Arch, score: float | None) -> None:
        if score is not None:
            told = optuna.trial.create_trial(
                params=dict(zip(self._distributions, arch, strict=True)),
                distributions=self._distributions,
                value=score,
            )
            self._study.add_trial(told)


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return Optuna's distribution of each decision: over the indices of its values."""
    return {
        decision.name: CategoricalDistribution(tuple(range(radix)))
        if decision.kind == "categorical"
        else IntDistribution(0, radix - 1)
        for decision, radix in zip(space.decisions, space.radices, strict=True)
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from announcing studies and experimental options, and leave it as it was."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
