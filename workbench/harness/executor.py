"""Runs in this process or in parallel ones: the same numbers, each process with one thread.

Processes are spawned, not forked, so that no half-copied thread pool is inherited; they leave
interrupts to the driving process, and end when it dies.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.connection import wait as wait_for

from threadpoolctl import threadpool_limits

from workbench.errors import WorkbenchError
from workbench.harness.runner import RunResult, execute
from workbench.harness.study import Study

_AHEAD = 4
_study: Study


class WorkersDied(WorkbenchError):
    """A worker process ended without an answer."""

    exit_code = 1


def execute_all(study: Study, numbers: Iterable[int], processes: int) -> Iterator[RunResult]:
    """Yield the results of the numbered runs as they finish.

    Raises
    ------
    WorkersDied
        A worker process was killed; what was yielded before is whole.
    """
    if processes == 1:
        with threadpool_limits(1):
            for number in numbers:
                yield execute(study.spec(number))
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, _start, (study,))
    try:
        yield from _feed(pool, iter(numbers), processes * _AHEAD)
    except BrokenProcessPool as error:
        raise WorkersDied(
            "a worker process was killed (out of memory?); finished runs are stored: the same"
            " command goes on from there, --workers 1 needs least memory"
        ) from error
    finally:
        _kill(pool)


def _feed(pool: ProcessPoolExecutor, numbers: Iterator[int], in_flight: int) -> Iterator[RunResult]:
    pending: set[Future[RunResult]] = {pool.submit(_one, n) for n in islice(numbers, in_flight)}
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        pending |= {pool.submit(_one, n) for n in islice(numbers, len(done))}
        for future in done:
            yield future.result()


def _kill(pool: ProcessPoolExecutor) -> None:
    """End the pool at once: its queue is empty, or what is in it is no longer wanted."""
    children = multiprocessing.active_children()
    pool.shutdown(wait=False, cancel_futures=True)
    for child in children:
        child.terminate()
    for child in children:
        child.join()


def _start(study: Study) -> None:
    global _study
    _study = study
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _one(number: int) -> RunResult:
    return execute(_study.spec(number))
