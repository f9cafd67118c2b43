"""REINFORCE with a factorised categorical policy and a moving-average baseline.

Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement
learning", 1992, in the form of Dong, Liu, Musial and Gabrys, "NATS-Bench: Benchmarking NAS
Algorithms for Architecture Topology and Size", 2020, arXiv:2009.00437: Adam, learning rate .01.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from workbench.spaces import Space
from workbench.strategies._base import Strategy, check_number, parameter_error
from workbench.types import Arch, Archs, Floats, Observation, Task, Trial

_TRIES = 100


class Reinforce(Strategy):
    """Sample each decision from its own softmax; move the logits along the policy gradient.

    Parameters
    ----------
    learning_rate : float, default .01
        Step size of Adam (beta .9 and .999, epsilon 1e-8).
    momentum : float in [0, 1), default .9
        Of the exponential moving average of scores that serves as baseline. The average is
        unbiased from the first score on and holds the current score already.

    Notes
    -----
    A told trial moves the logits by the gradient, at the current policy, of its log-probability
    times (score - baseline); so does one that was never asked for. Inactive decisions get no
    gradient. A draw that breaks a constraint of the space is drawn again. Failed trials are
    ignored. The published runs draw the first logits from a normal of deviation 1e-3; so does
    this.
    """

    PRESETS: ClassVar[dict[str, dict[str, Any]]] = {
        "nats_bench": {"learning_rate": 0.01, "momentum": 0.9}
    }

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        learning_rate: float = 0.01,
        momentum: float = 0.9,
    ) -> None:
        super().__init__(space, rng)
        self.learning_rate = check_number(self, "learning_rate", learning_rate, 0)
        self.momentum = check_number(self, "momentum", momentum, 0, 1)
        if self.momentum == 1:
            raise parameter_error(self, "momentum", "below 1", momentum)
        radices = np.array(space.radices)
        self._exists = np.arange(radices.max()) < radices[:, None]
        start = 1e-3 * rng.standard_normal(self._exists.shape)
        self._logits: Floats = np.where(self._exists, start, -np.inf)
        self._adam = _Adam(self._logits.shape)
        self._average = _Average(self.momentum)

    def probabilities(self) -> Floats:
        """Return the policy, ``(d, largest number of values)``: one distribution a decision."""
        weights = np.exp(self._logits - self._logits.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def gradient(self, arch: Arch) -> Floats:
        """Return the gradient of the log-probability of an architecture, shaped as the policy."""
        active = self.space.active(np.array([arch], dtype=np.int16))[0]
        taken = np.zeros(self._logits.shape)
        taken[np.arange(len(arch)), arch] = 1
        return np.asarray((taken - self.probabilities()) * active[:, None])

    def ask(self) -> Trial:
        """Return a draw from the policy."""
        steps = self.probabilities().cumsum(axis=1)[:, :-1]
        for _ in range(_TRIES):
            above = self.rng.random((self.space.dimension, 1)) >= steps
            row = (above & self._exists[:, 1:]).sum(axis=1, dtype=np.int16)[None]
            if self._admit(row):
                return self._trial(tuple(self._normal(row)[0].tolist()))
        return self._trial(tuple(self.space.sample(1, self.rng)[0].tolist()))

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        """Update baseline and policy."""
        arch, score = self._settle(trial, observation)
        if score is None:
            return
        advantage = score - self._average.update(score)
        step = self._adam.step(advantage * self.gradient(arch))
        self._logits = self._logits + self.learning_rate * step

    def _normal(self, row: Archs) -> Archs:
        return row if self.space.plain else self.space.normalise(row)

    def _admit(self, row: Archs) -> bool:
        return self.space.plain or bool(self.space.valid(self._normal(row))[0])


class _Average:
    """An exponential moving average without the bias towards its start."""

    def __init__(self, momentum: float) -> None:
        self._momentum = momentum
        self._total = 0.0
        self._weight = 0.0

    def update(self, value: float) -> float:
        self._total = self._momentum * self._total + (1 - self._momentum) * value
        self._weight = self._momentum * self._weight + (1 - self._momentum)
        return self._total / self._weight


class _Adam:
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014, arXiv:1412.6980."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._first = np.zeros(shape)
        self._second = np.zeros(shape)
        self._steps = 0

    def step(self, gradient: Floats) -> Floats:
        self._steps += 1
        self._first = 0.9 * self._first + 0.1 * gradient
        self._second = 0.999 * self._second + 0.001 * gradient**2
        first = self._first / (1 - 0.9**self._steps)
        second = self._second / (1 - 0.999**self._steps)
        return np.asarray(first / (np.sqrt(second) + 1e-8))
