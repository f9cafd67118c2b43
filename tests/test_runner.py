"""The runner on small benchmarks made here, step by step by hand."""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import Any

import numpy as np
import pytest

from workbench.data._base import Benchmark
from workbench.errors import PluginError
from workbench.harness.runner import Log, run
from workbench.harness.sections import Budget
from workbench.seeds import generator, replicate_draw
from workbench.spaces import Space
from workbench.strategies import Strategy
from workbench.types import (
    Arch,
    Archs,
    Decision,
    Evaluation,
    Evaluations,
    Floats,
    Ints,
    Metric,
    Observation,
    Task,
    Trial,
)


class Line(Benchmark):
    """Five architectures 0 to 4: the score is the number (NaN for 3), the cost ten times it + 1."""

    def __init__(self, has_cost: bool = True) -> None:
        self.name = "line/five"
        self.space = Space("line", [Decision("x", tuple(range(5)))])
        self.epochs = (1, 2)
        self.metrics = {
            "acc": Metric("acc", "%", "max", "validation", ""),
            "size": Metric("size", "M", "min", "none", ""),
        }
        self.score, self.test, self.has_cost = "acc", None, has_cost
        self.optimum, self.random_mean, self.sha256 = 4.0, 2.0, None

    def query(self, arch: Arch, epoch: int, replicate: int) -> Evaluation:
        x = math.nan if arch[0] == 3 else float(arch[0])
        cost = (10.0 * arch[0] + 1) * epoch / 2 if self.has_cost else None
        return Evaluation({"acc": x, "size": 7.0}, x, cost, epoch, (x,) * epoch)

    def query_many(self, archs: Archs, epochs: Ints | int, replicates: Ints | int) -> Evaluations:
        raise NotImplementedError

    def replicates(self, archs: Archs) -> Ints:
        return np.full(len(archs), 3)

    def truth(self, archs: Archs, metric: str | None = None) -> Floats:
        return archs[:, 0].astype(np.float64)


class Script(Strategy):
    """Ask for what it was given, in that order; keep what it is told."""

    def __init__(self, space: Space, trials: list[Trial | Task | None]) -> None:
        super().__init__(space, generator("script"))
        self.trials = trials
        self.told: list[tuple[int, Observation]] = []

    def ask(self) -> Trial | Task | None:
        return self.trials.pop(0) if self.trials else None

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        self.told.append((trial.id, observation))


def _play(
    archs: list[int], workers: int = 1, bench: Line | None = None, **budget: Any
) -> tuple[Script, Log]:
    bench = bench or Line()
    script = Script(bench.space, [Trial(i, (a,)) for i, a in enumerate(archs)])
    log = Log(bench, replicate_draw(0, bench.name, 0))
    run(script, log, Budget(**budget), workers)
    return script, log


def test_one_worker_alternates_ask_and_tell() -> None:
    script, log = _play([4, 0, 1], queries=10)
    assert [i for i, _ in script.told] == [0, 1, 2]
    assert [(r.step_asked, r.step_told) for r in log.records] == [(0, 1), (2, 3), (4, 5)]
    assert [(r.started, r.ended) for r in log.records] == [(0, 41), (41, 42), (42, 53)]


def test_two_workers_are_told_as_trainings_end() -> None:
    """41 s beside 1 + 11 + 21 s: the second worker goes through three before the first ends."""
    script, log = _play([4, 0, 1, 2, 0], workers=2, queries=10)
    assert [i for i, _ in script.told] == [1, 2, 3, 4, 0]
    assert [(r.started, r.ended) for r in log.records] == [
        (0, 41),
        (0, 1),
        (1, 12),
        (12, 33),
        (33, 34),
    ]


def test_queries_count_repeats_and_failures() -> None:
    script, log = _play([3, 3, 1, 1, 1], queries=4)
    assert len(log.records) == 4
    assert [o.status for _, o in script.told] == ["failed", "failed", "ok", "ok"]
    assert [o.score for _, o in script.told] == [None, None, 1.0, 1.0]


def test_seconds_limit_the_clock_not_the_sum() -> None:
    """In 45 s one worker ends 41 + 1 s and is cut off in the next; two end all but the last."""
    script, log = _play([4, 0, 2, 1], seconds=45)
    assert [i for i, _ in script.told] == [0, 1]
    assert [r.step_told is None for r in log.records] == [False, False, True]
    script, log = _play([4, 0, 2, 1, 4], workers=2, seconds=45)
    assert [i for i, _ in script.told] == [1, 2, 3, 0]
    assert log.records[-1].step_told is None


def test_a_trial_that_ends_on_the_last_second_is_told() -> None:
    script, _ = _play([4], seconds=41)
    assert len(script.told) == 1


def test_without_cost_the_clock_counts_queries() -> None:
    script, log = _play([4, 0], bench=Line(has_cost=False), queries=5)
    assert [r.ended for r in log.records] == [1, 2]
    assert [o.cost for _, o in script.told] == [None, None]


def test_continued_training_costs_the_new_epochs() -> None:
    bench = Line()
    trials: list[Trial | Task | None] = [Trial(0, (4,), epochs=1), Trial(1, (4,), None, 0)]
    script = Script(bench.space, trials)
    log = Log(bench, replicate_draw(0, bench.name, 0))
    run(script, log, Budget(queries=9))
    assert [o.cost for _, o in script.told] == [20.5, 20.5]
    assert [o.curve for _, o in script.told] == [(4.0,), (4.0, 4.0)]
    assert [r.ended for r in log.records] == [20.5, 41]


def test_strategies_see_what_the_study_exposes_only() -> None:
    bench = Line()
    for expose, seen in (((), {}), (("size",), {"size": 7.0})):
        script = Script(bench.space, [Trial(0, (1,))])
        run(script, Log(bench, replicate_draw(0, "x", 0), expose), Budget(queries=1))
        assert script.told[0][1].metrics == seen


def test_what_is_no_trial_is_refused() -> None:
    for wrong in (Task(0, "no such task"), (0, (1,))):
        script = Script(Line().space, [wrong])  # type: ignore[list-item]
        with pytest.raises(
            PluginError, match=r"must return a Trial|there is no task 'no such task'"
        ):
            run(script, Log(Line(), replicate_draw(0, "x", 0)), Budget(queries=1))


def test_replicates_drawn_are_stable_and_even() -> None:
    """The draw knows study, benchmark, replicate, architecture and how often it was asked.

    Evenness: 3,000 draws modulo 3, each value within 5 sigma of 1,000.
    """
    draw = replicate_draw(0, "nb201/cifar10", 0)
    assert draw((3, 3), 0) == replicate_draw(0, "nb201/cifar10", 0)((3, 3), 0)
    others = [
        replicate_draw(1, "nb201/cifar10", 0)((3, 3), 0),
        replicate_draw(0, "nb201/cifar100", 0)((3, 3), 0),
        replicate_draw(0, "nb201/cifar10", 1)((3, 3), 0),
        draw((3, 4), 0),
        draw((3, 3), 1),
    ]
    assert draw((3, 3), 0) not in others
    counts = np.bincount([draw((i, 1), 0) % 3 for i in range(3000)])
    assert (abs(counts - 1000) < 5 * (3000 * 2 / 9) ** 0.5).all()


def test_repeats_read_other_training_seeds() -> None:
    _, log = _play([1] * 40, queries=40)
    assert {r.replicate for r in log.records} == {0, 1, 2}


def test_seeds_depend_on_names_not_on_order() -> None:
    """The tree is fixed for ever: a study of today must give the same numbers in ten years.

    A key is written as JSON, hashed by BLAKE2b to 128 bits, and seeds numpy's default generator.
    """
    seed = int.from_bytes(blake2b(b'[0,"a",1]', digest_size=16).digest(), "little")
    assert generator(0, "a", 1).integers(1 << 30) == np.random.default_rng(seed).integers(1 << 30)
    assert generator("1").integers(1 << 30) != generator(1).integers(1 << 30)
    assert generator("a", "b").integers(1 << 30) != generator("ab").integers(1 << 30)
