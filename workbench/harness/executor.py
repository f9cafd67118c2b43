"""Runs in this process or in parallel ones: the same numbers, each process with one thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from threadpoolctl import threadpool_limits

from workbench.harness.kinds import kind_of
from workbench.harness.result import RunResult
from workbench.harness.sections import Study
from workbench.processes import AHEAD, deaf_children, kill, pool

_study: Study


def execute_all(study: Study, numbers: Iterable[int], processes: int) -> Iterator[RunResult]:
    """Yield the results of the numbered runs as they finish.

    A run whose process is killed fails alone: what was in the air with it is run again, each in a
    process of its own.
    """
    if processes == 1:
        with threadpool_limits(1):
            for number in numbers:
                yield _run(study, number)
        return
    waiting = iter(numbers)
    while True:
        suspects: set[int] = set()
        yield from _feed(study, waiting, processes, suspects)
        if not suspects:
            return
        for number in sorted(suspects):
            yield _alone(study, number)


def _feed(
    study: Study, numbers: Iterator[int], processes: int, suspects: set[int]
) -> Iterator[RunResult]:
    """Yield results; where a process dies, leave what was in the air in ``suspects``."""
    workers = pool(processes, _start, study)
    pending: dict[Future[RunResult], int] = {}
    try:
        while True:
            for number in islice(numbers, processes * AHEAD - len(pending)):
                suspects.add(number)
                with deaf_children():
                    pending[workers.submit(_one, number)] = number
            if not pending:
                return
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                result = future.result()
                suspects.discard(pending.pop(future))
                yield result
    except BrokenProcessPool:
        return
    finally:
        kill(workers)


def _alone(study: Study, number: int) -> RunResult:
    workers = pool(1, _start, study)
    try:
        with deaf_children():
            future = workers.submit(_one, number)
        return future.result()
    except BrokenProcessPool:
        error = "the process of this run was killed (out of memory?)"
        return RunResult(number, {}, error, 0.0, 0.0)
    finally:
        kill(workers)


def _start(study: Study) -> None:
    global _study
    _study = study


def _one(number: int) -> RunResult:
    return _run(_study, number)


def _run(study: Study, number: int) -> RunResult:
    return kind_of(study).execute(study.spec(number))
