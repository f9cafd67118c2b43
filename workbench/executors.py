"""Where work is done: processes of this machine, or the workers of a Dask cluster on several.

Both are executors of ``concurrent.futures``: who submits need not know which. A process or worker
that dies takes with it only what it was at, whose future raises ``WorkerDied``.
"""

from __future__ import annotations

import logging
import os
import platform
import re
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from importlib import import_module
from itertools import count as count_from
from itertools import islice
from typing import Any, TypeAlias, TypeVar

from threadpoolctl import threadpool_limits

from workbench.errors import ExecutorError, MissingExtra, WorkbenchError, WorkerDied, describe_fault
from workbench.installed import versions
from workbench.processes import THREADS, deaf_children, kill_children, process

Item = TypeVar("Item")
Result = TypeVar("Result")

Where: TypeAlias = int | str
"""A number of processes here, or the address of a cluster, ``dask://host:port``."""

_AHEAD = 4
_PATIENCE = 5.0
_CONNECT = 10
_GIVE_UP = 600
_log = logging.getLogger(__name__)
_turn = threading.Lock()


def cores() -> int:
    """Return how many cores this process may use."""
    own = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    return len(own) if own else os.cpu_count() or 1


def where(text: str, workers: int | None = None) -> Where:
    """Return where ``--executor`` and ``--workers`` say that work is to be done.

    Raises
    ------
    ExecutorError
        The text is neither ``processes``, ``processes:4`` nor ``dask://host:port``; or a number of
        workers is given where the text says it already, or a cluster has its own.
    """
    if text == "processes":
        return workers or cores()
    processes = re.fullmatch(r"processes:([1-9][0-9]{0,4})", text)
    if not processes and not re.fullmatch(r"dask://([\w.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}", text):
        raise ExecutorError(
            f"executor {text!r}: write processes, processes:4 or dask://host:port, the address of"
            " a Dask scheduler"
        )
    if workers is not None:
        whose = "says how many" if processes else "has as many as are connected to its scheduler"
        raise ExecutorError(f"--workers {workers}: --executor {text} {whose}; leave one out")
    return int(processes[1]) if processes else text


class Workers(Executor):
    """An executor that is closed at once, and knows how much it can be given ahead."""

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    @abstractmethod
    def size(self) -> int:
        """How many pieces of work are done at the same time."""

    @property
    def room(self) -> int:
        """How many pieces of work may be under way or waiting, so that none stands idle."""
        return max(self.size, 1) * _AHEAD

    @abstractmethod
    def check(self) -> None:
        """Raise, or log, what keeps work from being finished; called while nothing ends."""

    @abstractmethod
    def close(self) -> None:
        """End at once: what is under way is no longer wanted."""


def workers_at(place: Where, gpus: int | None = None) -> Workers:
    """Return processes of this machine, or the workers of a cluster.

    With ``gpus``, so many are on this machine, and each process sees one of them, in turns; of a
    cluster, whatever their number, only workers that offer Dask's resource ``GPU`` are used, and
    each piece of work takes one.

    Raises
    ------
    MissingExtra, ExecutorError
        Dask is not installed here; no scheduler answers at its address.
    """
    if isinstance(place, int):
        return _Processes(place, gpus or 0)
    return _Cluster(place, on_gpus=gpus is not None)


def as_finished(
    workers: Workers, function: Callable[..., Result], items: Iterable[Item]
) -> Iterator[tuple[Item, Future[Result]]]:
    """Yield each item with the future of ``function(item)`` as it ends."""
    waiting = iter(items)
    pending: dict[Future[Result], Item] = {}
    while True:
        for item in islice(waiting, max(workers.room - len(pending), 0)):
            pending[workers.submit(function, item)] = item
        if not pending:
            return
        done, _ = wait(pending, _PATIENCE, FIRST_COMPLETED)
        if not done:
            workers.check()
        for future in done:
            yield pending.pop(future), future


def each(
    function: Callable[[Item], Result], items: Iterable[Item], place: Where, *, apart: bool = False
) -> Iterator[Result]:
    """Yield ``function(item)`` of every item as it finishes; 1 process is this one, or ``apart``.

    Raises
    ------
    WorkerDied
        A process was killed.
    """
    if place == 1 and not apart:
        with threadpool_limits(1):
            yield from map(function, items)
        return
    with workers_at(place) as workers:
        for _, future in as_finished(workers, function, items):
            yield future.result()


class _Processes(ThreadPoolExecutor, Workers):
    """Spawned processes of one thread, each fed by a thread here and replaced where it dies."""

    def __init__(self, count: int, gpus: int = 0) -> None:
        super().__init__(count)
        self._mine = threading.local()
        self._places = count_from(0)
        self._gpus = _names(gpus)
        self._size = count

    @property
    def size(self) -> int:
        return self._size

    def submit(
        self, function: Callable[..., Result], /, *args: Any, **named: Any
    ) -> Future[Result]:
        return super().submit(self._in_process, function, *args, **named)

    def check(self) -> None:
        """Find nothing: a process that died has said so."""

    def close(self) -> None:
        self.shutdown(wait=False, cancel_futures=True)
        for thread in self._threads:
            while thread.is_alive():  # it may have been about to start a process
                kill_children()
                thread.join(0.02)
        kill_children()

    def _in_process(self, function: Callable[..., Result], *args: Any, **named: Any) -> Result:
        mine: ProcessPoolExecutor | None = getattr(self._mine, "process", None)
        if mine is None:
            mine = self._mine.process = process()
        try:
            with deaf_children(self._gpu()):
                future = mine.submit(function, *args, **named)
            return future.result()
        except BrokenProcessPool:
            del self._mine.process
            raise WorkerDied("its process was killed (out of memory?)") from None

    def _gpu(self) -> dict[str, str]:
        """Return what tells the process of this thread which GPU is its own."""
        if not self._gpus:
            return {}
        if not hasattr(self._mine, "place"):
            self._mine.place = next(self._places)
        return {"CUDA_VISIBLE_DEVICES": self._gpus[self._mine.place % len(self._gpus)]}


def _names(gpus: int) -> list[str]:
    """Return by what names CUDA knows the GPUs that are visible here."""
    shown = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return (shown or [*map(str, range(gpus))])[:gpus]


class _Cluster(Workers):
    """The workers of a Dask cluster, of one thread each, whichever are there at the moment.

    Dask itself tries again what was on a worker that died, and gives up after four of them.
    """

    def __init__(self, address: str, *, on_gpus: bool = False) -> None:
        try:
            distributed: Any = import_module("distributed")
        except ModuleNotFoundError as error:
            raise MissingExtra(f"--executor {address}", "dask") from error
        self._address = address
        self._alone_since: float | None = None
        self._noise = logging.getLogger("distributed.client")
        self._noise_level = self._noise.level
        self._noise.setLevel(logging.CRITICAL)  # what goes wrong is said here, without traces
        try:
            self._client = distributed.Client(
                address.replace("dask://", "tcp://"), timeout=_CONNECT, set_as_default=False
            )
        except (OSError, ValueError) as error:
            raise ExecutorError(
                f"no Dask scheduler answers at {address}; start one there with"
                f" `dask scheduler --port {address.rpartition(':')[2]}`, or correct the address"
            ) from error
        self._killed = distributed.KilledWorker
        self._on_gpus = on_gpus
        needs = {"resources": {"GPU": 1}} if on_gpus else {}
        self._executor = self._client.get_executor(pure=False, **needs)
        self._threads, self._counted = 0, 0.0
        try:
            self._count()
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        if time.monotonic() - self._counted > _PATIENCE:
            self._count()
        return self._threads

    def submit(
        self, function: Callable[..., Result], /, *args: Any, **named: Any
    ) -> Future[Result]:
        outer: Future[Result] = Future()
        outer.set_running_or_notify_cancel()
        inner = self._executor.submit(_in_turn, versions(), function, *args, **named)
        inner.add_done_callback(partial(self._settle, outer))
        return outer

    def check(self) -> None:
        self._count()
        if self._threads:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = time.monotonic()
            _log.warning("%s", self._alone())
        elif time.monotonic() - self._alone_since > _GIVE_UP:
            raise ExecutorError(
                f"{self._alone()}; none has come for {_GIVE_UP / 60:.0f} minutes. What is finished"
                " is kept, and the same command goes on from there"
            )

    def _alone(self) -> str:
        gpu, more = (" with a GPU", " --resources GPU=1") if self._on_gpus else ("", "")
        start = f"dask worker {self._address.removeprefix('dask://')} --nthreads 1{more}"
        return f"no worker{gpu} is connected to {self._address}; `{start}` starts one"

    def close(self) -> None:
        with suppress(OSError, TimeoutError):
            self._client.close(timeout=_CONNECT)
        self._noise.setLevel(self._noise_level)

    def _count(self) -> None:
        try:
            threads: dict[str, int] = self._client.nthreads()
        except (OSError, TimeoutError) as error:
            raise self._gone() from error
        several = sorted(worker for worker, count in threads.items() if count > 1)
        if several:
            raise ExecutorError(
                f"{several[0]} of {self._address} has {threads[several[0]]} threads; sums come in"
                " one order, and runs keep out of each other's way, on workers of one thread:"
                " `dask worker HOST:PORT --nworkers N --nthreads 1`"
            )
        usable = self._with_gpus(threads) if self._on_gpus else threads
        self._threads, self._counted = len(usable), time.monotonic()

    def _with_gpus(self, threads: dict[str, int]) -> list[str]:
        known = self._client.scheduler_info(n_workers=-1)["workers"]
        return [w for w in threads if known.get(w, {}).get("resources", {}).get("GPU", 0) >= 1]

    def _settle(self, outer: Future[Any], inner: Future[Any]) -> None:
        if inner.cancelled():
            outer.set_exception(self._gone())
        elif (error := inner.exception()) is None:
            outer.set_result(inner.result())
        elif isinstance(error, self._killed):
            died = f"every Dask worker that tried it died, {error.allowed_failures + 1} of them"
            outer.set_exception(WorkerDied(f"{died} (out of memory?)"))
        elif isinstance(error, WorkbenchError):
            outer.set_exception(error)
        else:
            wrong = f"a worker of {self._address} cannot do its work: {describe_fault(error)}"
            needs = "it needs the same installation, and files at the same paths"
            outer.set_exception(ExecutorError(f"{wrong}; {needs}"))

    def _gone(self) -> ExecutorError:
        return ExecutorError(
            f"the Dask scheduler at {self._address} went away; what is finished is kept, and the"
            " same command goes on from there"
        )


def _in_turn(
    needed: Mapping[str, str], function: Callable[..., Result], *args: Any, **named: Any
) -> Result:
    """Do a piece of work on a worker of a cluster: on one thread, nothing beside it."""
    os.environ.update(dict.fromkeys(THREADS, "1"))  # heard by libraries that are loaded later
    with _turn, threadpool_limits(1):
        try:
            _check_versions(needed, versions())
            return function(*args, **named)
        except WorkbenchError as error:
            error.args = (f"on the worker at {platform.node()}: {error}",)
            raise


def _check_versions(needed: Mapping[str, str], here: Mapping[str, str]) -> None:
    other = [
        f"{name} {here.get(name)} instead of {version}"
        for name, version in needed.items()
        if here.get(name) != version
    ]
    if other:
        raise ExecutorError(f"there is {', '.join(other)}: numbers must not mix, install the same")
