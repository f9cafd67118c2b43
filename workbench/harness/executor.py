"""Runs in this process, in parallel ones, or on a cluster: the same numbers on one thread each."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from workbench import registry
from workbench.errors import ExecutorError, WorkerDied
from workbench.executors import Where, Workers, as_finished, workers_at
from workbench.harness.kinds import kind_of
from workbench.harness.opening import open_benchmark
from workbench.harness.plan import Plan
from workbench.harness.result import RunResult
from workbench.harness.sections import Study
from workbench.harness.study import stored_study


class Job(NamedTuple):
    """A study on its way to a worker, with the hashes of the files that its numbers depend on."""

    study: str
    hashes: str


def execute_all(
    plan: Plan, numbers: Iterable[int], place: Where, *, apart: bool = False
) -> Iterator[RunResult]:
    """Yield the results of the numbered runs as they finish; 1 process is this one, or ``apart``.

    A run whose process is killed fails alone, and only where it is killed again when it is run
    once more after all others, with nothing beside it.

    Raises
    ------
    ExecutorError, MissingExtra
        There is no cluster at its address, or it computes with something else than this process.
    """
    if place == 1 and not apart:
        with threadpool_limits(1):
            for number in numbers:
                yield _run(plan.study, number)
        return
    run_one = partial(_one, Job(plan.study.canonical(), json.dumps(plan.fingerprint)))
    with workers_at(place) as workers:
        died = []
        for number, future in as_finished(workers, run_one, numbers):
            try:
                yield future.result()
            except WorkerDied:
                died.append(number)
        for number in sorted(died):
            yield _alone(workers, run_one, number)


def _alone(workers: Workers, run_one: partial[RunResult], number: int) -> RunResult:
    ((_, future),) = as_finished(workers, run_one, [number])
    try:
        return future.result()
    except WorkerDied as error:
        return RunResult(number, {}, str(error), 0.0, 0.0)


def _one(job: Job, number: int) -> RunResult:
    study = _checked(job)
    spec = study.spec(number)
    entry = study.benchmarks[spec.benchmark]
    _check_hash(entry.label, open_benchmark(entry).sha256, json.loads(job.hashes)[entry.label])
    return _run(study, number)._replace(host=platform.node())


@lru_cache(maxsize=4)
def _checked(job: Job) -> Study:
    """Return the study of a job, once its plug-in files are known to be the same here."""
    study = stored_study(json.loads(job.study))
    hashes = json.loads(job.hashes)
    for path in study.plugin_files():
        name = Path(path).name
        _check_hash(name, registry.file_hash(path), hashes[name])
    return study


def _check_hash(name: str, here: Any, wanted: Any) -> None:
    if here != wanted:
        raise ExecutorError(f"there is another content of {name}; the same file is needed")


def _run(study: Study, number: int) -> RunResult:
    execute = kind_of(study).execute
    assert execute is not None, "a search is driven by run_search"
    return execute(study.spec(number))
