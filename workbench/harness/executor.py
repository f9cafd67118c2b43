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
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import wait as wait_for

from threadpoolctl import threadpool_limits

from workbench.harness.kinds import kind_of
from workbench.harness.result import RunResult
from workbench.harness.sections import Study

_AHEAD = 4
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
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
    pool = _pool(study, processes)
    pending: dict[Future[RunResult], int] = {}
    try:
        while True:
            for number in islice(numbers, processes * _AHEAD - len(pending)):
                suspects.add(number)
                with deaf_children():
                    pending[pool.submit(_one, number)] = number
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
        _kill(pool)


def _alone(study: Study, number: int) -> RunResult:
    pool = _pool(study, 1)
    try:
        with deaf_children():
            future = pool.submit(_one, number)
        return future.result()
    except BrokenProcessPool:
        error = "the process of this run was killed (out of memory?)"
        return RunResult(number, {}, error, 0.0, 0.0)
    finally:
        _kill(pool)


@contextmanager
def deaf_children() -> Iterator[None]:
    """Start processes that never hear Ctrl-C, not even before their first line is run.

    It is held back from this thread meanwhile, which a child inherits for good. Children have one
    thread: the environment says so to libraries that they load later than any limit could be set.
    """
    threads = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    blocks = hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if blocks else set()
    try:
        yield
    finally:
        if blocks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for name, value in threads.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _pool(study: Study, processes: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, context, _start, (study,))


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
    return _run(_study, number)


def _run(study: Study, number: int) -> RunResult:
    return kind_of(study).execute(study.spec(number))
