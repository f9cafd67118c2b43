"""A search that trains real networks: as many at once as there are workers, until time is up.

Its clock is that on the wall; the time of a process that was killed counts up to the last entry of
its log, and what was in flight then is begun again. Trainings go on from their last epoch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from workbench import seeds
from workbench.data._base import Benchmark
from workbench.errors import (
    ExecutorError,
    PluginError,
    StudyError,
    WorkbenchError,
    WorkerDied,
    describe_fault,
)
from workbench.executors import Where, Workers, as_finished, workers_at
from workbench.harness.conclude import Conclusion, conclude, in_full
from workbench.harness.frozen import frozen
from workbench.harness.funnel import measures_of
from workbench.harness.live_run import LiveRun, Work
from workbench.harness.plan import Plan
from workbench.harness.result import RunResult
from workbench.harness.runner import make_strategy
from workbench.harness.search_study import SearchStudy
from workbench.harness.stopping import Watch
from workbench.harness.store import Store, open_store, read_meta
from workbench.harness.tasks import perform
from workbench.types import Evaluation, Progress, Shows, Task

_LOOK = 0.25
_PATIENCE = 5.0
CONCLUSION = "conclusion"
"""Under which key a folder says what its search came to."""
_CLOCK = "clock"


class State(NamedTuple):
    """How far a search is.

    ``seconds`` have passed ``of`` so many, and ``asked`` trainings were asked for of ``queries``;
    None: there is no such limit. ``running`` pieces of work are in flight, and ``tasks``, such as
    passes of proxies, are done. ``best`` is the best
    score of a whole training, with its architecture; ``stages`` are name, candidates in and out.
    """

    seconds: float
    of: float | None
    asked: int
    queries: int | None
    running: int
    tasks: int
    whole: int
    failed: int
    best: tuple[float, str] | None
    stages: list[tuple[str, int, int]]


class Searched(NamedTuple):
    """What a call of ``run_search`` did: trainings that ended, those that failed, the end."""

    folder: Path
    new: int
    failed: int
    conclusion: Conclusion


def run_search(
    plan: Plan, folder: Path, place: Where, shows: Shows, view: Callable[[State], None]
) -> Searched:
    """Search until time is up, or go on with it, and conclude: see ``conclude``.

    ``view`` is called several times a second; ``shows`` as of ``run_plan``.

    Raises
    ------
    StudyError
        Nothing was trained in full within the budget; or it is another one than before, and more
        than that is used up already.
    StoreError
        The folder is another study's, or in use; or the strategy asks otherwise than in its log.
    ExecutorError
        There is no cluster at its address, or no GPU.
    """
    study: Any = plan.study
    workers = partial(workers_at, place, _gpus(study, place))
    began = time.process_time()
    with open_store(folder, frozen(plan)) as store:
        search = _Search(study, plan.benchmarks[0], store, shows)
        search.check_budget(read_meta(folder)["study"]["budget"])
        store.note("study", study.model_dump(mode="json"))
        before = len(search.run.told)
        with workers() as pool:
            search.go_on(pool, view)
        told = search.run.told
        found = _stored(folder, study, len(told))
        if found is None:
            found = conclude(study, plan.benchmarks[0], told, folder, workers, shows)
            store.add(study, search.result(time.process_time() - began))
            store.note(CONCLUSION, found._asdict())
    return Searched(folder, len(told) - before, sum(bool(t.fault) for t in told), found)


def as_progress(shown: Progress) -> Callable[[State], None]:
    """Return a view that shows seconds of the budget, or trainings where it has none."""

    def view(state: State) -> None:
        if state.of is None:
            shown(state.asked - state.running, state.queries or 0, state.failed)
        else:
            shown(int(min(state.seconds, state.of)), math.ceil(state.of), state.failed)

    return view


def _stored(folder: Path, study: SearchStudy, told: int) -> Conclusion | None:
    """Return how the search ended before, if that is after as many trainings, and in this way."""
    found = read_meta(folder).get(CONCLUSION)
    written = (folder / "best.py").exists() and (folder / "best.pt").exists()
    if not found or not written or found["told"] != told:
        return None
    return Conclusion(**found) if found["final"] == study.final.model_dump() else None


def _gpus(study: SearchStudy, place: Where) -> int | None:
    """Return how many GPUs are here, None where none is wanted."""
    if study.benchmarks[0].device == "cpu":
        return None
    from workbench.training.machine import gpus

    if isinstance(place, int) and not gpus():
        raise ExecutorError("benchmarks[0].device: torch finds no GPU here; leave it out, or 'cpu'")
    return gpus()


class _Search:
    """A live run and what its workers are at."""

    def __init__(self, study: SearchStudy, bench: Benchmark, store: Store, shows: Shows) -> None:
        self.study, self.bench = study, bench
        entry, label = study.strategies[0], study.benchmarks[0].label
        key = (study.seed, label, entry.label, 0)
        rule = entry.stopping
        watch = None if rule is None else Watch(rule, bench, seeds.generator(*key, "stopping"))
        draw = seeds.replicate_draw(study.seed, label, 0)
        strategy = make_strategy(entry, bench, *key, "strategy")
        self.run = LiveRun(strategy, bench, draw, partial(store.write, 0), watch)
        log = store.entries(0)
        with shows("going through the log", "entries") as shown:
            self.run.replay(_counted(log, shown))
        self._store = store
        self._before = max(self.run.ended, float(read_meta(store.folder).get(_CLOCK, 0)))
        self._started = self._noted = time.monotonic()
        self._futures: dict[Future[Any], int] = {}
        self._sated = False
        self._heard = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has gone on, in all processes that were at it."""
        return self._before + time.monotonic() - self._started

    @property
    def left(self) -> float:
        """How long it may still go on."""
        limit = self.study.budget.seconds
        return math.inf if limit is None else limit - self.seconds

    def check_budget(self, before: Mapping[str, float | None]) -> None:
        """Refuse a budget that is not the one of ``before`` and that is more than used up."""
        used = {"seconds": self.seconds, "queries": self.run.asked}
        for unit, now in self.study.budget.model_dump().items():
            if now is not None and now != before[unit] and now < used[unit]:
                raise StudyError(
                    f"budget: this search has used {used[unit]:.0f} {unit}, more than {now:g}; give"
                    " a longer budget, or choose another folder (--out)"
                )

    def go_on(self, workers: Workers, view: Callable[[State], None]) -> None:
        """Ask, train and tell until time is up, or until there is nothing more to ask for.

        Time begins when the workers are ready.
        """
        if self.left <= 0 or (self._used_up and not self.run.flying):
            return
        for _, future in as_finished(workers, partial(_ready, self.bench), range(workers.size)):
            future.result()
        self._started = time.monotonic()
        try:
            self._search(workers, view)
        finally:
            # What the log tells of may end earlier: without this, time that is up would not be.
            self._store.note(_CLOCK, self.seconds)

    def _search(self, workers: Workers, view: Callable[[State], None]) -> None:
        for work in [*self.run.flying.values()]:
            self._submit(workers, work)
        while self.left > 0:
            self._fill(workers)
            view(self.state())
            if not self._futures:
                return
            self._hear(workers)
        view(self.state())

    def state(self) -> State:
        """Return how far it is."""
        told, budget = self.run.told, self.study.budget
        ranked = in_full(told, self.bench.epochs[-1])
        failed = sum(bool(t.fault) for t in told)
        best = None
        if ranked:
            best = ranked[0].observation.score or 0.0, self.bench.space.format(ranked[0].trial.arch)
        return State(
            self.seconds, budget.seconds, self.run.asked, budget.queries, len(self.run.flying),
            len(self.run.tasks), len(ranked), failed, best, [*self._stages()],
        )  # fmt: skip

    def result(self, cpu: float) -> RunResult:
        """Return the run as it is stored; ``cpu`` is what the driving process has used."""
        told = {t.trial.id: t.observation.cost or 0.0 for t in self.run.told}
        spent = told | {task.id: cost for task, cost in self.run.tasks}
        ledger = getattr(self.run.strategy, "ledger", ())
        measures = list(measures_of(ledger, spent, self.bench))
        rows = {**self.run.rows(), "measures": measures}
        return RunResult(0, rows, None, self.run.ended, cpu)

    def _stages(self) -> Iterator[tuple[str, int, int]]:
        ledger = getattr(self.run.strategy, "ledger", ())
        for stage in dict.fromkeys(passage.stage for passage in ledger):
            mine = [p for p in ledger if p.stage == stage]
            yield stage, sum(len(p.arrived) for p in mine), sum(len(p.kept or ()) for p in mine)

    def _fill(self, workers: Workers) -> None:
        """Give every worker something to do; what wants nothing is not asked until it is told."""
        while not self._sated and len(self._futures) < max(workers.size, 1):
            if self._used_up:
                return
            work = self.run.ask(self.seconds)
            self._sated = work is None
            if work is not None:
                self._submit(workers, work)

    @property
    def _used_up(self) -> bool:
        queries = self.study.budget.queries
        return queries is not None and self.run.asked >= queries

    def _submit(self, workers: Workers, work: Work) -> None:
        asked = work.asked
        if isinstance(asked, Task):
            args: tuple[Any, ...] = _perform, asked
        else:
            args = _train, asked.arch, work.epochs, work.replicate
        future = workers.submit(_checked, self.bench, self.bench.sha256 or "", *args)
        self._futures[future] = asked.id

    def _hear(self, workers: Workers) -> None:
        """Wait for a moment, and take in what has ended, in the order in which it was begun."""
        if time.monotonic() - self._noted > _PATIENCE:
            self._noted = time.monotonic()
            self._store.note(_CLOCK, self.seconds)
        done, _ = wait([*self._futures], min(_LOOK, max(self.left, 0)), FIRST_COMPLETED)
        if done:
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard > _PATIENCE:
            self._heard = time.monotonic()
            workers.check()
        for future in [f for f in self._futures if f in done]:
            self._take(workers, future)

    def _take(self, workers: Workers, future: Future[Any]) -> None:
        number = self._futures.pop(future)
        try:
            outcome = future.result()
        except WorkerDied as error:
            outcome = str(error)
        self._sated = False
        further = self.run.take(number, outcome, self.seconds)
        if further is not None:
            self._submit(workers, further)


def _counted(log: list[tuple[int, str]], shown: Progress) -> Iterator[tuple[int, str]]:
    for i, entry in enumerate(log):
        yield entry
        shown(i + 1, len(log), 0)


def _checked(bench: Any, sha256: str, job: Callable[..., Any], *args: Any) -> Any:
    """Do a piece of work on a worker, where the data are the same."""
    if (bench.sha256 or "") != sha256:
        raise ExecutorError(f"there is another content of {bench.name}; the same data is needed")
    return job(bench, *args)


def _ready(bench: Benchmark, number: int) -> int:  # noqa: ARG001
    """Do nothing: the libraries and the data of the benchmark are loaded then."""
    return number


def _train(bench: Benchmark, arch: Any, epochs: int, replicate: int) -> Evaluation | str:
    """Train, or say in words why that cannot be done."""
    try:
        return bench.query(arch, epochs, replicate)
    except WorkbenchError:
        raise
    except Exception as fault:  # networks may be anybody's code
        return describe_fault(fault)


def _perform(bench: Benchmark, task: Task) -> Any:
    try:
        return perform(task, bench)
    except WorkbenchError:
        raise
    except Exception as fault:
        raise PluginError(f"the task {task.name!r} failed: {describe_fault(fault)}") from None
