"""A comparison of extrapolators of learning curves: ``kind = "curves"``.

Whole trainings are learned from; of others the first epochs are shown, and their ends are asked
for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from workbench.errors import Fault, at
from workbench.harness.extrapolating import effective, extrapolator_faults
from workbench.harness.sections import BenchmarkEntry, Count, Entry, Study

FEWEST = 20
"""Curves that a test needs."""

_SMOKE = 30
_POINTS = 8


class CurveBenchmark(BenchmarkEntry):
    """A benchmark, perhaps with its own number of replicates."""

    replicates: Count | None = None


class ExtrapolatorEntry(Entry):
    """An extrapolator by name, with its own parameters beside it.

    One that takes architectures is given the benchmark's space, and all are given its epochs.
    """


class CurveStudy(Study):
    """Everything that determines the numbers of a comparison of extrapolators.

    ``train`` whole trainings are learned from and ``test`` others are asked for, after each of
    ``epochs``; if these are not given, after eight that the benchmark stores, evenly spaced on a
    logarithmic axis. ``labels`` says what is learned of a training's end: ``mean`` over the stored
    training seeds, or ``single``, its own last score. What is predicted is always the mean.
    ``level`` is the least probability to end above the best so far that lets a training go on.
    """

    COMPARED: ClassVar[str] = "extrapolators"

    kind: Literal["curves"] = "curves"
    replicates: Count = 20
    train: Annotated[int, Field(ge=2, strict=True)] = 100
    test: Annotated[int, Field(ge=FEWEST, strict=True)] = 400
    epochs: Annotated[list[Count], Field(min_length=1)] | None = None
    labels: Literal["mean", "single"] = "mean"
    top: Count = 10
    level: Annotated[float, Field(gt=0, lt=1)] = 0.05
    benchmarks: Annotated[list[CurveBenchmark], Field(min_length=1)]
    extrapolators: Annotated[list[ExtrapolatorEntry], Field(min_length=1)]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.epochs is not None and self.epochs != sorted({*self.epochs}):
            raise ValueError(f"epochs must rise; got {self.epochs}")
        if self.top >= self.test:
            raise ValueError(f"top must be below test; got {self.top} and {self.test}")
        return self

    def replicates_on(self, benchmark: int) -> int:
        """Return how many replicates there are on a benchmark, by its position."""
        return self.benchmarks[benchmark].replicates or self.replicates

    def epochs_of(self, stored: tuple[int, ...]) -> list[int]:
        """Return after which epochs is asked, where a benchmark stores these."""
        if self.epochs is not None:
            return self.epochs
        last = len(stored) - 1
        places = {round(last ** (i / (_POINTS - 1))) for i in range(_POINTS)}
        return [stored[place - 1] for place in sorted(places)]

    def smoke(self) -> Self:
        """Return the study with one replicate and few curves."""
        few = {"name": f"{self.name}-smoke", "replicates": 1, "top": min(self.top, 5)}
        few |= {"train": min(self.train, _SMOKE), "test": min(self.test, _SMOKE)}
        kept = [b.model_copy(update={"replicates": None}) for b in self.benchmarks]
        return self.model_copy(update={**few, "benchmarks": kept})

    def name_faults(self, source: str) -> Iterator[Fault]:
        """Yield what is wrong with the names of extrapolators and of their parameters."""
        for i, entry in enumerate(self.extrapolators):
            for key, fault in extrapolator_faults(entry.name, entry.parameters):
                yield at(f"{source}: extrapolators[{i}].{key}", fault)

    def effective_parameters(self) -> dict[str, dict[str, Any]]:
        """Return every parameter of each extrapolator as it runs: defaults, then the study's."""
        return {
            entry.label: effective(entry.name, entry.parameters) for entry in self.extrapolators
        }
