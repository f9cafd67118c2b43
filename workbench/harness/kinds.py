"""What a kind of study brings: how one of its runs is executed, and what cannot be run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from workbench.data._base import Benchmark
from workbench.executors import Where
from workbench.harness import (
    curve_runner,
    predictor_runner,
    proxy_runner,
    runner,
    search_study,
)
from workbench.harness.result import RunResult
from workbench.harness.sections import RunSpec, Study
from workbench.types import Progress


class Kind(NamedTuple):
    """``execute`` runs one spec; ``faults`` takes study and benchmarks and yields what is wrong.

    ``try_out`` tries one entry on one benchmark and raises what is wrong with it; ``facts`` is what
    the report wants to know of a benchmark beside the usual. ``ahead``, where there is one, does
    what several of the numbered runs need, in parallel, and keeps it in the cache.
    """

    execute: Callable[[RunSpec], RunResult] | None
    faults: Callable[[Any, Any], Iterable[str]]
    try_out: Callable[[Any, Benchmark], None]
    facts: Callable[[Benchmark], dict[str, Any]]
    ahead: Callable[[Any, Sequence[int], Where, Progress], None] | None = None
    times: tuple[str, ...] = ()


_KINDS = {
    "strategies": Kind(runner.execute, runner.faults, runner.try_out, lambda _: {}),
    "predictors": Kind(
        predictor_runner.execute,
        predictor_runner.faults,
        predictor_runner.try_out,
        predictor_runner.facts,
        times=predictor_runner.TIMES,
    ),
    "proxies": Kind(
        proxy_runner.execute,
        proxy_runner.faults,
        proxy_runner.try_out,
        proxy_runner.facts,
        proxy_runner.ahead,
        (proxy_runner.SECONDS,),
    ),
    "curves": Kind(
        curve_runner.execute,
        curve_runner.faults,
        curve_runner.try_out,
        curve_runner.facts,
        times=curve_runner.SECONDS,
    ),
    "search": Kind(None, search_study.faults, runner.try_out, search_study.facts),
}


def kind_of(study: Study) -> Kind:
    """Return what the kind of a study brings."""
    return _KINDS[study.kind]
