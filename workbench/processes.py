"""Work in parallel processes: spawned, one thread each, gone when the one that drives them is.

Spawned, not forked, so that no half-copied thread pool is inherited; they leave interrupts to the
driving process.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import wait as wait_for
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def each(
    function: Callable[[Item], Result], items: Iterable[Item], processes: int
) -> Iterator[Result]:
    """Yield ``function(item)`` of every item as it finishes; 1 process is this one.

    Raises
    ------
    BrokenProcessPool
        A process was killed.
    """
    if processes == 1:
        with threadpool_limits(1):
            yield from map(function, items)
        return
    waiting = iter(items)
    workers = pool(processes)
    pending: set[Future[Result]] = set()
    try:
        while True:
            for item in islice(waiting, processes * AHEAD - len(pending)):
                with deaf_children():
                    pending.add(workers.submit(function, item))
            if not pending:
                return
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        kill(workers)


def pool(
    processes: int, start: Callable[..., None] | None = None, *arguments: Any
) -> ProcessPoolExecutor:
    """Return a pool; ``start(*arguments)`` is called once in each of its processes.

    What is submitted to it starts processes: do so within ``deaf_children``.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, context, _start, (start, arguments))


def kill(workers: ProcessPoolExecutor) -> None:
    """End a pool at once: its queue is empty, or what is in it is no longer wanted."""
    children = multiprocessing.active_children()
    workers.shutdown(wait=False, cancel_futures=True)
    for child in children:
        child.terminate()
    for child in children:
        child.join()


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


def _start(start: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    if start is not None:
        start(*arguments)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)
