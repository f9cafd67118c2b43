"""One run: ask, evaluate, log, tell, on a simulated clock with asynchronous workers.

A trial's result arrives when its recorded training time has passed; until then it is pending, and
free workers ask for more. Where the benchmark knows no cost, every trial takes 1. A budget in
seconds limits the clock: a trial that would end after it is never told. Every trial is a query,
repeats and failures included; a task is none, and takes the time that it costs.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from workbench import registry, seeds
from workbench.data._base import Benchmark
from workbench.errors import ParameterError, PluginError, describe_fault
from workbench.harness.extrapolating import try_extrapolator
from workbench.harness.funnel import measures_of
from workbench.harness.opening import open_benchmark
from workbench.harness.result import Measure, Rows, RunResult
from workbench.harness.sections import Budget, RunSpec
from workbench.harness.stopping import Watch, stopping_faults
from workbench.harness.strategy_study import (
    StrategyEntry,
    StrategyStudy,
    strategy_arguments,
    takes_epochs,
)
from workbench.harness.tasks import perform
from workbench.strategies import Strategy
from workbench.types import Arch, Evaluation, Observation, Status, Task, Trial


class Record(NamedTuple):
    """One trial of a run as it is stored, in the order of asks.

    ``step_asked`` and ``step_told`` number all asks and tells of the run in their one order
    (``step_told`` is None where the budget ended first); ``started`` and ``ended`` are seconds of
    the simulated clock; ``replicate`` is the training seed that was read.
    """

    trial: int
    arch: Arch
    epochs: int
    continues: int | None
    replicate: int
    status: str
    score: float | None
    cost: float | None
    step_asked: int
    step_told: int | None
    started: float
    ended: float


class TaskRecord(NamedTuple):
    """One task of a run as it is stored; ``cost`` is its seconds. Other fields as of a trial."""

    task: int
    name: str
    cost: float
    step_asked: int
    step_told: int | None
    started: float
    ended: float


def execute(spec: RunSpec) -> RunResult:
    """Run one spec from its seeds alone; a fault of the strategy is recorded, not raised."""
    study: StrategyStudy = spec.study
    entry = study.strategies[spec.entry]
    label = study.benchmarks[spec.benchmark].label
    bench = open_benchmark(study.benchmarks[spec.benchmark])
    wall, cpu = time.perf_counter(), time.process_time()
    log = Log(bench, seeds.replicate_draw(study.seed, label, spec.replicate), study.expose)
    error, strategy = None, None
    try:
        key = (study.seed, label, entry.label, spec.replicate, "strategy")
        strategy = make_strategy(entry, bench, *key)
        run(
            strategy,
            log,
            study.budget_on(spec.benchmark),
            study.workers,
            _watch(entry, bench, *key[:-1]),
        )
    except (Exception, SystemExit) as fault:  # a strategy may be anybody's code
        error = describe_fault(fault)
    truth, test = _known(log)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    rows = [
        (r.trial, ",".join(map(str, r.arch)), *r[2:], true, tested)
        for r, true, tested in zip(log.records, truth, test, strict=True)
    ]
    found: Rows = {"trials": rows, "tasks": log.tasks, "measures": _measures(strategy, log)}
    return RunResult(spec.number, found, error, wall, cpu)


def _measures(strategy: Strategy | None, log: Log) -> list[Measure]:
    """Return what the filters of a strategy came to, if it has any."""
    told = [(r.trial, r.cost) for r in log.records if r.step_told is not None]
    told += [(r.task, r.cost) for r in log.tasks if r.step_told is not None]
    seconds = {number: cost or 0.0 for number, cost in told}
    return list(measures_of(getattr(strategy, "ledger", ()), seconds, log.bench))


def make_strategy(entry: StrategyEntry, bench: Benchmark, *key: str | int) -> Strategy:
    """Return a strategy with the generator that belongs to a key of the seed tree.

    Raises
    ------
    ParameterError
        Its parameters are wrong, or do not fit the benchmark.
    """
    cls: Any = registry.load("strategies", entry.name)
    arguments = strategy_arguments(entry)
    if takes_epochs(entry):
        arguments = {"epochs": bench.epochs} | arguments
        _check_epochs(cls, entry, arguments["epochs"], bench)
    made: Strategy = cls(bench.space, seeds.generator(*key), **arguments)
    return made


def _watch(entry: StrategyEntry, bench: Benchmark, *key: str | int) -> Watch | None:
    if entry.stopping is None:
        return None
    return Watch(entry.stopping, bench, seeds.generator(*key, "stopping"))


def _check_epochs(cls: Any, entry: StrategyEntry, epochs: Any, bench: Benchmark) -> None:
    if len(bench.epochs) == 1 and not cls.ONE_EPOCH:
        raise ParameterError(
            f"{entry.name} trains up to several epochs, and {bench.name} is searched with one only"
            f" ({bench.epochs[0]}); take a benchmark with learning curves, such as all epochs of"
            " measured/nb201-mnist, or another strategy"
        )
    unknown = [e for e in epochs if e not in bench.epochs] if isinstance(epochs, list) else []
    if unknown:
        raise ParameterError(
            f"The 'epochs' parameter of {entry.name} must be epochs that {bench.name} has scores"
            f" of, {_list(bench.epochs)}. Got {epochs!r} instead."
        )


def try_out(entry: StrategyEntry, bench: Benchmark) -> None:
    """Make a strategy for a benchmark and let it try itself out; what is wrong is raised."""
    strategy = make_strategy(entry, bench, "try")
    strategy.try_out()
    for task in strategy.tasks():
        perform(task, bench)
    if entry.stopping is not None:
        try_extrapolator(entry.stopping.name, entry.stopping.parameters, bench)


class Log:
    """Evaluates trials and keeps their records."""

    def __init__(
        self, bench: Benchmark, draw: Callable[[Arch, int], int], expose: Sequence[str] = ()
    ) -> None:
        self.bench = bench
        self.records: list[Record] = []
        self.tasks: list[TaskRecord] = []
        self.tested: list[float] = []
        self._draw = draw
        self._expose = tuple(expose)
        self._asked: dict[Arch, int] = {}
        self._spent: dict[int, float] = {}
        self._replicates: dict[int, int] = {}
        self._steps = 0
        self._places: list[tuple[list[Any], int]] = []

    def evaluate(self, trial: Trial, now: float) -> tuple[float, Observation]:
        """Evaluate a trial that starts now; return when it ends and what is then told."""
        arch = trial.arch
        times = self._asked.get(arch, 0)
        self._asked[arch] = times + 1
        replicate = self._replicate(trial, times)
        result = self._query(trial, replicate)
        self.records.append(
            Record(
                trial.id, arch, result.epochs, trial.continues, replicate, Status.OK, None, None,
                self._steps, None, now, now,
            )
        )  # fmt: skip
        self.tested.append(math.nan)
        self._note(self.records)
        return self._noted(len(self.records) - 1, trial, result)

    def go_on(self, position: int, trial: Trial) -> tuple[float, Observation]:
        """Train the trial at a position further, as ``evaluate`` does; its record is renewed."""
        place = self._places[position][1]
        return self._noted(place, trial, self._query(trial, self.records[place].replicate))

    def seed_of(self, position: int) -> int:
        """Return the training seed of the trial at a position."""
        return self.records[self._places[position][1]].replicate

    def stopped(self, position: int) -> None:
        """Note that the trial at a position was stopped."""
        place = self._places[position][1]
        self.records[place] = self.records[place]._replace(status=Status.STOPPED)

    def _query(self, trial: Trial, replicate: int) -> Evaluation:
        epochs = self.bench.epochs[-1] if trial.epochs is None else trial.epochs
        return self.bench.query(trial.arch, epochs, replicate)

    def _noted(self, place: int, trial: Trial, result: Evaluation) -> tuple[float, Observation]:
        """Record what a trial has come to; return when it has, and what is then told."""
        cost, charged = self._cost(trial, result)
        ended = self.records[place].started + charged
        score: float | None = result.score
        status = Status.OK
        if score is None or not math.isfinite(score):
            score, status = None, Status.FAILED
        bench = self.bench
        self.tested[place] = math.nan if bench.test is None else result.metrics[bench.test]
        self.records[place] = self.records[place]._replace(
            epochs=result.epochs, status=status, score=score, cost=cost, ended=ended
        )
        metrics = {name: result.metrics[name] for name in self._expose} if self._expose else {}
        return ended, Observation(status, score, result.epochs, cost, result.curve, metrics)

    def perform(self, task: Task, now: float) -> tuple[float, Observation]:
        """Do a task that starts now; as ``evaluate``.

        Where the benchmark knows no cost, the clock counts trials, and a task takes no time.
        """
        result, cost = perform(task, self.bench)
        ended = now + cost if self.bench.has_cost else now
        self.tasks.append(TaskRecord(task.id, task.name, cost, self._steps, None, now, ended))
        self._note(self.tasks)
        return ended, Observation(Status.OK, None, cost=cost, result=result)

    def told(self, position: int) -> None:
        """Note that what was asked for at a position, of trials and tasks, was told now."""
        rows, place = self._places[position]
        rows[place] = rows[place]._replace(step_told=self._steps)
        self._steps += 1

    def _note(self, rows: list[Any]) -> None:
        self._places.append((rows, len(rows) - 1))
        self._steps += 1

    def _replicate(self, trial: Trial, times: int) -> int:
        """Return the training seed of a trial; one that continues another keeps its seed."""
        if trial.continues is not None:
            replicate = self._replicates[trial.continues]
        else:
            stored = self.bench.stored(trial.arch)
            replicate = self._draw(trial.arch, times)
            if stored is not None:
                replicate %= stored
        self._replicates[trial.id] = replicate
        return replicate

    def _cost(self, trial: Trial, result: Evaluation) -> tuple[float | None, float]:
        """Return the seconds of the new epochs, and what the clock is charged."""
        if result.cost is None:
            return None, 1.0
        total = result.cost if math.isfinite(result.cost) else 0.0
        before = 0.0 if trial.continues is None else self._spent[trial.continues]
        self._spent[trial.id] = total
        return total - before, total - before


def run(
    strategy: Strategy, log: Log, budget: Budget, workers: int = 1, watch: Watch | None = None
) -> None:
    """Drive a strategy until the budget ends, or until it has nothing to ask and none is pending.

    With a ``watch``, trainings are looked at on their way and may be stopped.

    Raises
    ------
    PluginError
        The strategy asked for something that is neither a Trial nor a task that can be done.
    ArchitectureError
        It asked for something that is no architecture of the space.
    """
    queries = math.inf if budget.queries is None else budget.queries
    deadline = math.inf if budget.seconds is None else budget.seconds
    pending: list[tuple[float, int, Trial | Task, Observation]] = []
    asked, now = 0, 0.0
    while True:
        while len(pending) < workers and len(log.records) < queries:
            trial: Any = strategy.ask()
            if trial is None:
                break
            if type(trial) not in (Trial, Task):
                raise PluginError(f"ask() must return a Trial, a Task or None; got {trial!r}")
            if type(trial) is Task:
                ended, observation = log.perform(trial, now)
            else:
                first = trial if watch is None else watch.next_part(trial, 0)
                ended, observation = log.evaluate(first, now)
            heapq.heappush(pending, (ended, asked, trial, observation))
            asked += 1
        if not pending or pending[0][0] > deadline:
            return
        now, position, trial, observation = heapq.heappop(pending)
        if watch is not None and isinstance(trial, Trial):
            observation = watch.verdict(trial, log.seed_of(position), observation)
            further = watch.next_part(trial, observation.epochs or 0)
            if observation.status is Status.STOPPED:
                log.stopped(position)
            elif observation.status is Status.OK and further.epochs != observation.epochs:
                ended, observation = log.go_on(position, further)
                heapq.heappush(pending, (ended, position, trial, observation))
                continue
        log.told(position)
        strategy.tell(trial, observation)


def _known(log: Log) -> tuple[list[float | None], list[float | None]]:
    """Return mean score and mean test metric of each trial's architecture, None where not known.

    Where the mean of the test metric is not known, it is that of the trial's own training.
    """
    if not log.records:
        return [], []
    bench = log.bench
    rows = np.array([r.arch for r in log.records], dtype=np.int16)
    truth, test = bench.truth(rows), np.array(log.tested)
    if bench.test is not None:
        mean = bench.truth(rows, bench.test)
        test = np.where(np.isnan(mean), test, mean)
    return _optional(truth), _optional(test)


def _optional(values: Any) -> list[float | None]:
    return [v if math.isfinite(v) else None for v in values.tolist()]


def faults(study: StrategyStudy, benchmarks: Sequence[Benchmark]) -> Iterator[str]:
    """Yield where budget and exposed metrics do not fit the benchmarks."""
    for i, (entry, bench) in enumerate(zip(study.benchmarks, benchmarks, strict=True)):
        if study.budget_on(i).seconds is not None and not bench.has_cost:
            place = "budget.seconds" if entry.budget is None else f"benchmarks[{i}].budget.seconds"
            yield (
                f"{place}: benchmarks[{i}] ({entry.name}) knows no training cost;"
                " give a budget in queries"
            )
        for j, strategy in enumerate(study.strategies):
            if strategy.stopping is not None:
                wrong = stopping_faults(strategy.stopping, bench)
                yield from (f"strategies[{j}].stopping: {fault}" for fault in wrong)
        for name in study.expose:
            metric = bench.metrics.get(name)
            if metric is None:
                yield f"expose: {entry.name} has no metric {name!r}; it has {_list(bench.metrics)}"
            elif metric.split == "test":
                yield f"expose: {name!r} is of the test split, which no strategy may see"


def _list(names: Any) -> str:
    return ", ".join(map(repr, names))
