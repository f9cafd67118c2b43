"""A rule that any strategy can switch on: trainings that will not end above the best are stopped.

Domhan, Springenberg and Hutter, "Speeding up Automatic Hyperparameter Optimization of Deep Neural
Networks by Extrapolation of Learning Curves", IJCAI 2015.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from workbench.data._base import Benchmark
from workbench.harness.extrapolating import (
    LOSS,
    curve_faults,
    loss_faults,
    made,
    reads_losses,
    rows_of,
)
from workbench.harness.sections import Count, Section
from workbench.predictors.curves._stopping import LEVEL, hopeless
from workbench.types import Arch, Floats, Observation, Status, Trial

_MORE = 1.25


class Stopping(Section):
    """When trainings are looked at, by what, and when they are stopped.

    Only trainings up to the last epoch are watched. After each of ``epochs`` (if not given, a
    quarter, a half and three quarters of those the benchmark stores) one is stopped where
    P(final > best so far) is below ``level`` by the extrapolator, which learns from the whole
    trainings of the run; before there are ``after`` of these, none is stopped.
    """

    extrapolator: dict[str, Any] = {"name": "power_law"}
    level: Annotated[float, Field(gt=0, lt=1)] = LEVEL
    epochs: Annotated[list[Count], Field(min_length=1)] | None = None
    after: Annotated[int, Field(ge=2, strict=True)] = 10

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, data: Any) -> Any:
        """Let an extrapolator's name stand for the whole section, and for a mapping."""
        if isinstance(data, str):
            data = {"extrapolator": data}
        if isinstance(data, dict) and isinstance(data.get("extrapolator"), str):
            data = data | {"extrapolator": {"name": data["extrapolator"]}}
        return data

    @model_validator(mode="after")
    def _whole(self) -> Stopping:
        if not isinstance(self.extrapolator.get("name"), str):
            raise ValueError('extrapolator must be a name, or a mapping with the key "name"')
        if self.epochs is not None and self.epochs != sorted({*self.epochs}):
            raise ValueError(f"epochs must rise; got {self.epochs}")
        return self

    @property
    def name(self) -> str:
        """The name of the extrapolator."""
        return str(self.extrapolator["name"])

    @property
    def parameters(self) -> dict[str, Any]:
        """The extrapolator's own parameters."""
        return {k: v for k, v in self.extrapolator.items() if k != "name"}

    def looks(self, bench: Benchmark) -> list[int]:
        """Return the epochs after which a training is looked at."""
        if self.epochs is not None:
            return self.epochs
        wanted = [bench.epochs[-1] * quarter / 4 for quarter in (1, 2, 3)]
        before = np.array(bench.epochs[:-1])
        return sorted({int(before[np.abs(before - epoch).argmin()]) for epoch in wanted})


def stopping_faults(rule: Stopping, bench: Benchmark) -> Iterator[str]:
    """Yield why trainings of a benchmark cannot be stopped by a rule."""
    if none := list(curve_faults(bench)):
        yield none[0]
        return
    if not bench.has_cost:
        yield f"{bench.name} knows no training cost, so that stopping would save nothing"
    yield from loss_faults(rule.name, bench)
    for epoch in rule.epochs or ():
        if epoch not in bench.epochs[:-1]:
            before = ", ".join(map(str, bench.epochs[:-1]))
            yield f"epochs: {epoch} is none of those before the end of {bench.name}: {before}"


class Watch:
    """Watches the trainings of one run.

    Parameters
    ----------
    rule : Stopping
    bench : Benchmark
    rng : numpy.random.Generator
        For extrapolators that draw.
    """

    def __init__(self, rule: Stopping, bench: Benchmark, rng: np.random.Generator) -> None:
        self._rule, self._bench, self._rng = rule, bench, rng
        self._looks = rule.looks(bench)
        self._trained: dict[int, int] = {}
        self._archs: list[Arch] = []
        self._curves: list[Floats] = []
        self._ends: list[float] = []
        self._model: Any = None
        self._learned = 0

    def next_part(self, trial: Trial, seen: int) -> Trial:
        """Return a trial with the epochs up to which it is trained before it is looked at."""
        last = self._bench.epochs[-1]
        wanted = last if trial.epochs is None else trial.epochs
        if wanted == last:
            if trial.continues is not None:
                seen = max(seen, self._trained.get(trial.continues, 0))
            wanted = next((epoch for epoch in self._looks if epoch > seen), last)
        return trial._replace(epochs=wanted)

    def verdict(self, trial: Trial, replicate: int, now: Observation) -> Observation:
        """Return what is told of a trial that was looked at: stopped, where it is hopeless.

        Then its score is the one that is predicted of its end.
        """
        seen = now.epochs or 0
        self._trained[trial.id] = seen
        last = self._bench.epochs[-1]
        if now.score is None:
            return now
        if seen == last:
            self._archs.append(trial.arch)
            self._curves.append(self._curve(trial.arch, replicate, now))
            self._ends.append(now.score)
        elif trial.epochs in (None, last) and len(self._ends) >= self._rule.after:
            mean, std = self._predicted(trial.arch, self._curve(trial.arch, replicate, now))
            if hopeless(mean, std, max(self._ends), self._rule.level)[0]:
                return now._replace(status=Status.STOPPED, score=float(mean[0]))
        return now

    def _predicted(self, arch: Arch, curve: Floats) -> tuple[Floats, Floats]:
        """Return mean and deviation of the end, ``(1,)`` each.

        The extrapolator is fitted again whenever there are a quarter more whole trainings.
        """
        if len(self._ends) >= _MORE * self._learned:
            self._model = made(self._rule.name, self._rule.parameters, self._bench, self._rng)
            self._model.fit(self._rows(self._archs, self._curves), np.array(self._ends))
            self._learned = len(self._ends)
        mean, std = self._model.predict(self._rows([arch], [curve]), return_std=True)
        return np.asarray(mean), np.asarray(std)

    def _rows(self, archs: Sequence[Arch], curves: Sequence[Floats]) -> Floats:
        return rows_of(self._model, np.array(archs, dtype=np.int16), np.stack(curves))

    def _curve(self, arch: Arch, replicate: int, now: Observation) -> Floats:
        """Return what the extrapolator reads, NaN after the last epoch seen."""
        known = now.curve
        if reads_losses(self._rule.name):
            seen = self._bench.epochs[: len(known)]
            found = [self._bench.query(arch, epoch, replicate) for epoch in seen]
            known = tuple(one.metrics[LOSS] for one in found)
        curve = np.full(len(self._bench.epochs), np.nan)
        curve[: len(known)] = known
        return curve
