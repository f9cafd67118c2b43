"""One live run and its log: every ask and tell is written down before anything follows from it.

A run that was killed is made again by going through its log: the seeded strategy is asked and told
in the same order, and what was asked for and never told is in flight again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from workbench.data._base import Benchmark
from workbench.errors import PluginError, StoreError
from workbench.harness.result import Rows
from workbench.harness.runner import Record, TaskRecord
from workbench.harness.stopping import Watch
from workbench.strategies import Strategy
from workbench.types import Arch, Evaluation, Observation, Status, Task, Trial

PART = "part"
"""What a log says of a training that was looked at and goes on."""


class Work(NamedTuple):
    """What is in flight: a trial up to the epoch at which it is next looked at, or a task."""

    asked: Trial | Task
    epochs: int = 0
    replicate: int = 0


class Told(NamedTuple):
    """A trial that has ended, and what of it the strategy does not see.

    ``at`` is when it was told, in seconds of the search; ``fault`` is why it failed, if it did.
    """

    trial: Trial
    observation: Observation
    metrics: Mapping[str, float]
    replicate: int
    at: float
    fault: str = ""


class LiveRun:
    """A strategy, what is in flight, and what came of the rest.

    Parameters
    ----------
    strategy : Strategy
        As it was made.
    bench : Benchmark
    draw : callable
        ``draw(arch, times_asked)``: the training seed of a trial.
    write : callable
        ``write(step, text)`` keeps one entry of the log.
    watch : Watch or None
        What stops trainings, if anything does.

    Attributes
    ----------
    flying : dict of int to Work
        What was asked for and not told, by id.
    told : list of Told
        Trials in the order of their tells.
    tasks : list of (Task, seconds)
        Tasks in the order of their tells.
    ended : float
        When the last entry was written, in seconds of the search.
    """

    def __init__(
        self,
        strategy: Strategy,
        bench: Benchmark,
        draw: Callable[[Arch, int], int],
        write: Callable[[int, str], None],
        watch: Watch | None = None,
    ) -> None:
        self.strategy = strategy
        self.flying: dict[int, Work] = {}
        self.told: list[Told] = []
        self.tasks: list[tuple[Task, float]] = []
        self.ended = 0.0
        self.records: dict[int, Record | TaskRecord] = {}
        self._bench, self._draw, self._write, self._watch = bench, draw, write, watch
        self._times: dict[Arch, int] = {}
        self._replicates: dict[int, int] = {}
        self._spent: dict[int, float] = {}
        self._step = 0

    @property
    def asked(self) -> int:
        """How many trials were asked for."""
        return sum(isinstance(record, Record) for record in self.records.values())

    def ask(self, now: float) -> Work | None:
        """Ask the strategy; None where it wants nothing until it is told more."""
        asked = self._ask()
        if asked is None:
            self._step += 1
            return None
        work = self._work(asked)
        seed = {} if isinstance(asked, Task) else {"replicate": work.replicate}
        self._note({"ask": asked.id, **_what(asked), **seed}, now)
        return self._flies(work, now)

    def take(self, number: int, outcome: Any, now: float) -> Work | None:
        """Take in what came of a piece of work; return what is left to do of it, or tell it.

        ``outcome`` is an Evaluation or, where it failed, the fault in words; of a task what it came
        to, and its seconds.
        """
        work = self.flying[number]
        if isinstance(work.asked, Task):
            entry = {"done": number, **_done(outcome)}
            self._note(entry, now)
            self._tell_task(work.asked, entry, now)
            return None
        entry = {"came": number, **came(outcome)}
        observation, further = self._judged(work, entry)
        verdict = {"status": PART if further else observation.status, "told": observation.score}
        self._note(entry | verdict, now)
        return self._goes_on(work, observation, further, entry, now)

    def replay(self, entries: Iterable[tuple[int, str]]) -> None:
        """Go through a log, as ``(step, text)`` in its order; nothing is written.

        Raises
        ------
        StoreError
            The strategy asks for something else than it did.
        """
        for step, text in entries:
            while self._step < step:
                self._same(self._ask(), None)
                self._step += 1
            entry = json.loads(text)
            now = float(entry["at"])
            self.ended = now
            self._step += 1
            if "ask" in entry:
                asked = self._ask()
                self._same(asked, entry)
                self._flies(self._work(asked), now)
            elif "done" in entry:
                task: Any = self.flying[entry["done"]].asked
                self._tell_task(task, entry, now)
            else:
                work = self.flying[entry["came"]]
                observation, further = self._judged(work, entry)
                found = PART if further else observation.status.value
                if found != entry["status"]:
                    raise _changed(f"trial {entry['came']} is judged {found}", entry["status"])
                self._goes_on(work, observation, further, entry, now)

    def rows(self) -> Rows:
        """Return trials and tasks as they are stored, in the order of asks."""
        tests = {t.trial.id: _test(t, self._bench) for t in self.told}
        trials = [
            (r.trial, ",".join(map(str, r.arch)), *r[2:], None, tests.get(r.trial))
            for r in self.records.values()
            if isinstance(r, Record)
        ]
        return {
            "trials": trials,
            "tasks": [r for r in self.records.values() if isinstance(r, TaskRecord)],
        }

    # -- asks -------------------------------------------------------------------------------------

    def _ask(self) -> Any:
        asked: Any = self.strategy.ask()
        if asked is not None and type(asked) not in (Trial, Task):
            raise PluginError(f"ask() must return a Trial, a Task or None; got {asked!r}")
        return asked

    def _work(self, asked: Trial | Task) -> Work:
        if isinstance(asked, Task):
            return Work(asked)
        return Work(asked, self._until(asked, 0), self._seed(asked))

    def _flies(self, work: Work, now: float) -> Work:
        asked, step = work.asked, self._step - 1
        if isinstance(asked, Task):
            self.records[asked.id] = TaskRecord(asked.id, asked.name, 0.0, step, None, now, now)
        else:
            self.records[asked.id] = Record(
                asked.id, asked.arch, work.epochs, asked.continues, work.replicate, Status.OK,
                None, None, step, None, now, now,
            )  # fmt: skip
        self.flying[asked.id] = work
        return work

    def _until(self, trial: Trial, seen: int) -> int:
        if self._watch is not None:
            trial = self._watch.next_part(trial, seen)
        return self._bench.epochs[-1] if trial.epochs is None else trial.epochs

    def _seed(self, trial: Trial) -> int:
        """Return the training seed of a trial; one that continues another keeps its seed."""
        times = self._times.get(trial.arch, 0)
        self._times[trial.arch] = times + 1
        goes_on = trial.continues is not None
        seed = self._replicates[trial.continues] if goes_on else self._draw(trial.arch, times)  # type: ignore[index]
        self._replicates[trial.id] = seed
        return seed

    # -- tells ------------------------------------------------------------------------------------

    def _judged(self, work: Work, entry: Mapping[str, Any]) -> tuple[Observation, int]:
        """Return what is to be told of an outcome, and up to which epoch it goes on, else 0."""
        trial: Any = work.asked
        observation = self._observation(trial, entry)
        if self._watch is None:
            return observation, 0
        observation = self._watch.verdict(trial, work.replicate, observation)
        further = self._until(trial, observation.epochs or 0)
        goes_on = observation.status is Status.OK and further != observation.epochs
        return observation, further if goes_on else 0

    def _goes_on(
        self,
        work: Work,
        observation: Observation,
        further: int,
        entry: Mapping[str, Any],
        now: float,
    ) -> Work | None:
        trial: Any = work.asked
        if further:
            self.flying[trial.id] = work._replace(epochs=further)
            return self.flying[trial.id]
        del self.flying[trial.id]
        self._tell(trial, observation, entry, now)
        return None

    def _observation(self, trial: Trial, entry: Mapping[str, Any]) -> Observation:
        before = 0.0 if trial.continues is None else self._spent.get(trial.continues, 0.0)
        total = entry["cost"]
        if total is not None:
            self._spent[trial.id] = total
        cost = None if total is None else total - before
        score, curve = entry["score"], tuple(entry["curve"])
        if score is None or not math.isfinite(score):
            return Observation(Status.FAILED, None, entry["epochs"], cost, curve)
        return Observation(Status.OK, score, entry["epochs"], cost, curve)

    def _tell(
        self, trial: Trial, observation: Observation, entry: Mapping[str, Any], now: float
    ) -> None:
        replicate, fault = self._replicates[trial.id], entry["fault"]
        self.told.append(Told(trial, observation, entry["metrics"], replicate, now, fault))
        self._end(trial.id, now)
        record: Any = self.records[trial.id]
        self.records[trial.id] = record._replace(
            epochs=observation.epochs or 0,
            status=observation.status,
            score=observation.score,
            cost=observation.cost,
        )
        self.strategy.tell(trial, observation)

    def _tell_task(self, task: Task, entry: Mapping[str, Any], now: float) -> None:
        del self.flying[task.id]
        self.tasks.append((task, entry["cost"]))
        self._end(task.id, now)
        record: Any = self.records[task.id]
        self.records[task.id] = record._replace(cost=entry["cost"])
        if entry["result"] is None:
            observation = Observation(Status.FAILED, None, cost=entry["cost"])
        else:
            result = np.array(entry["result"], dtype=np.float64)
            observation = Observation(Status.OK, None, cost=entry["cost"], result=result)
        self.strategy.tell(task, observation)

    def _end(self, number: int, now: float) -> None:
        record: Any = self.records[number]
        self.records[number] = record._replace(step_told=self._step - 1, ended=now)

    # -- the log ----------------------------------------------------------------------------------

    def _note(self, entry: dict[str, Any], now: float) -> None:
        self._write(self._step, json.dumps({**entry, "at": now}))
        self._step += 1
        self.ended = now

    def _same(self, asked: Any, entry: Mapping[str, Any] | None) -> None:
        noted = ("at", "replicate")
        wanted = None if entry is None else {k: v for k, v in entry.items() if k not in noted}
        found = None if asked is None else {"ask": asked.id, **_what(asked)}
        if found != wanted:
            raise _changed(f"the strategy asks for {found or 'nothing'}", wanted or "nothing")


def _changed(now: str, before: Any) -> StoreError:
    return StoreError(
        f"{now}, and in the log it was {before}: the strategy, or what it computes with, has"
        " changed since. Choose another folder (--out)"
    )


def _what(asked: Trial | Task) -> dict[str, Any]:
    """Return what a log says of an ask."""
    if isinstance(asked, Task):
        return {"task": asked.name}
    return {"arch": [*map(int, asked.arch)], "epochs": asked.epochs, "continues": asked.continues}


def _done(outcome: tuple[Any, float] | str) -> dict[str, Any]:
    """Return what a log says of a task's outcome."""
    if isinstance(outcome, str):
        return {"result": None, "cost": 0.0, "fault": outcome}
    result, cost = outcome
    return {"result": np.asarray(result).tolist(), "cost": cost, "fault": ""}


def came(outcome: Evaluation | str) -> dict[str, Any]:
    """Return what a log says of an outcome."""
    if isinstance(outcome, str):
        return {
            "score": None, "epochs": None, "cost": None, "curve": [], "metrics": {},
            "fault": outcome,
        }  # fmt: skip
    return {
        "score": outcome.score,
        "epochs": outcome.epochs,
        "cost": outcome.cost,
        "curve": list(outcome.curve),
        "metrics": dict(outcome.metrics),
        "fault": "",
    }


def _test(told: Told, bench: Benchmark) -> float | None:
    value = told.metrics.get(bench.test or "")
    return value if value is not None and math.isfinite(value) else None
