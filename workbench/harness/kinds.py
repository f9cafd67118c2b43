"""What a kind of study brings: how one of its runs is executed, and what cannot be run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from workbench.data._base import Benchmark
from workbench.harness import predictor_runner, runner
from workbench.harness.result import RunResult
from workbench.harness.sections import RunSpec, Study


class Kind(NamedTuple):
    """``execute`` runs one spec; ``faults`` takes study and benchmarks and yields what is wrong.

    ``facts`` is what the report of this kind wants to know of a benchmark beside the usual.
    """

    execute: Callable[[RunSpec], RunResult]
    faults: Callable[[Any, Any], Iterable[str]]
    facts: Callable[[Benchmark], dict[str, Any]]


_KINDS = {
    "strategies": Kind(runner.execute, runner.faults, lambda _: {}),
    "predictors": Kind(predictor_runner.execute, predictor_runner.faults, predictor_runner.facts),
}


def kind_of(study: Study) -> Kind:
    """Return what the kind of a study brings."""
    return _KINDS[study.kind]
