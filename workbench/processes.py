"""Processes to work in: spawned, one thread each, gone when the one that drives them is.

Spawned, not forked, so that no half-copied thread pool is inherited; they leave interrupts to the
driving process.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for

from threadpoolctl import threadpool_limits

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that say how many threads a library may have."""

_starting = threading.RLock()


def process() -> ProcessPoolExecutor:
    """Return a pool of one process; submitting starts it: do so within ``deaf_children``."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _start)


def kill_children() -> None:
    """End all processes that this one has started; what they are at is no longer wanted."""
    children = multiprocessing.active_children()
    for child in children:
        child.terminate()
    for child in children:
        child.join()


@contextmanager
def deaf_children(more: Mapping[str, str] | None = None) -> Iterator[None]:
    """Start processes that never hear Ctrl-C, not even before their first line is run.

    It is held back from this thread meanwhile, which a child inherits for good. Children have one
    thread: the environment says so to libraries that they load later than any limit could be set.
    ``more`` is what their environment holds besides.
    """
    with _starting:
        theirs = dict.fromkeys(THREADS, "1") | dict(more or {})
        ours = {name: os.environ.get(name) for name in theirs}
        os.environ.update(theirs)
        blocks = hasattr(signal, "pthread_sigmask")
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if blocks else set()
        try:
            yield
        finally:
            if blocks:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            for name, value in ours.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)
