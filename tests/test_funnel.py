"""The funnel: stages against a brute-force reading, its costs to the bit."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import workbench as wb
from tests.funnels import BENCH, STAGES
from workbench import registry
from workbench.harness.runner import Log, make_strategy, run
from workbench.harness.sections import Budget
from workbench.harness.strategy_study import StrategyEntry
from workbench.harness.tasks import perform
from workbench.seeds import replicate_draw
from workbench.spaces import space
from workbench.strategies._funnel import Candidate, best, kept
from workbench.strategies.filtered import Filtered
from workbench.types import Observation, Status, Task, Trial


def _run(seconds: float, workers: int, seed: int, **parameters: Any) -> tuple[Filtered, Log]:
    bench = wb.benchmark(BENCH)
    log = Log(bench, replicate_draw(0, BENCH, seed))
    made = make_strategy(StrategyEntry(name="filtered", **parameters), bench, "test", seed)
    assert isinstance(made, Filtered)
    run(made, log, Budget(seconds=seconds), workers)
    return made, log


@pytest.mark.parametrize(
    ("keep", "many", "wanted"),
    [(3, 10, 3), (3, 2, 2), (0.2, 100, 20), (0.25, 10, 2), (0.01, 10, 1), (0.5, 0, 0)],
)
def test_a_stage_keeps_a_number_or_a_share(keep: float, many: int, wanted: int) -> None:
    assert kept(keep, many) == wanted


def test_the_best_are_kept_and_ties_stay_in_order() -> None:
    candidates = [Candidate((i,)) for i in range(5)]
    scores = np.array([1.0, 3.0, np.nan, 3.0, -np.inf])
    assert [c.arch[0] for c in best(candidates, scores, 3)] == [1, 3, 0]
    assert [c.arch[0] for c in best(candidates, scores, 5)] == [1, 3, 0, 2, 4]
    assert [c.arch[0] for c in best(candidates, None, 2)] == [0, 1]


@pytest.mark.parametrize("workers", [1, 4])
def test_the_proxy_stage_keeps_the_best_rank_sums(workers: int) -> None:
    """Ranks counted one by one: how many of the round are below, and half of those that tie."""
    bench = wb.benchmark(BENCH)
    made, _ = _run(30, workers, 0, candidates=50, proxies=["synflow", "meco"], keep={"proxies": 7})
    passages = [p for p in made.ledger if p.stage == "proxies" and p.kept is not None]
    assert len(passages) >= 2
    for passage in passages:
        rows = np.array(passage.arrived, dtype=np.int16)
        scores = bench.proxy_scores(rows, ["synflow", "meco"])  # type: ignore[attr-defined]
        sums = [
            sum(
                (column < value).sum() + (column == value).sum() / 2
                for column, value in zip(scores.T, row, strict=True)
            )
            for row in scores
        ]
        let_through = [sums[passage.arrived.index(arch)] for arch in passage.kept or ()]
        assert let_through == sorted(sums, reverse=True)[:7]


def test_stages_hand_on_what_they_kept() -> None:
    """Each stage of a round gets what the one before let through; none is trained twice."""
    made, log = _run(40, 1, 1, candidates=50, keep={"proxies": 0.3, "predictor": 6, "short": 2})
    rounds = [made.ledger[i : i + 4] for i in range(0, len(made.ledger) - 4, 4)]
    assert len(rounds) >= 2
    for passed in rounds:
        assert [p.stage for p in passed] == [*STAGES, "full"]
        sizes = [len(p.arrived) for p in passed]
        assert sizes[1:] == [round(0.3 * sizes[0]), min(6, sizes[1]), 2]
        for before, after in pairwise(passed):
            assert before.kept == after.arrived
            assert {*before.kept} <= {*before.arrived}
    started = [r.arch for r in log.records if r.continues is None]
    assert len({*started}) == len(started)


@pytest.mark.parametrize("workers", [1, 4])
def test_costs_are_those_of_the_table_to_the_bit(workers: int) -> None:
    """A task costs the stored seconds of its scores, a continued training its new epochs."""
    bench = wb.benchmark(BENCH)
    made, log = _run(8, workers, 2)
    assert {r.epochs for r in log.records} == {8, 24}
    for record in log.records:
        seconds = bench.query(record.arch, record.epochs, record.replicate).cost
        assert seconds is not None
        if record.continues is not None:
            (before,) = (r for r in log.records if r.trial == record.continues)
            assert (before.arch, before.replicate, before.epochs) == (
                record.arch,
                record.replicate,
                8,
            )
            short = bench.query(before.arch, 8, before.replicate).cost
            assert short is not None
            seconds -= short
        assert record.cost == seconds
        assert record.ended == record.started + seconds
    asked: list[Any] = []
    scored: set[tuple[int, ...]] = set()
    for passage in made.ledger:
        if passage.stage == "proxies" and passage.asked:
            new = [arch for arch in passage.arrived if arch not in scored]
            asked += [new[i : i + 40] for i in range(0, len(new), 40)]
            scored.update(passage.arrived)
    stored = bench.proxies.names  # type: ignore[attr-defined]
    columns = [stored.index("synflow"), stored.index("meco")]
    for task, archs in zip(log.tasks, asked, strict=True):
        rows = bench.entries(np.array(archs, dtype=np.int16))
        assert task.cost == bench.proxies.seconds[rows][:, columns].sum()  # type: ignore[attr-defined]
        assert task.ended == task.started + task.cost
    if workers == 1:
        spans = sorted([(r.started, r.ended) for r in log.records])
        spans = sorted([*spans, *((task.started, task.ended) for task in log.tasks)])
        assert all(a[1] == b[0] for a, b in pairwise(spans))


def test_no_architecture_is_scored_twice() -> None:
    """The second pass over a candidate that was proposed again costs nothing."""
    made, _ = _run(40, 1, 3)
    proposed = [arch for p in made.ledger if p.stage == "proxies" for arch in p.arrived]
    assert len({*proposed}) < len(proposed)
    assert made._scores.unknown([Candidate(arch) for arch in proposed]) in ([], proposed[-1:])


def test_short_trainings_are_ranked_by_their_last_score_without_whole_curves() -> None:
    where = space("nb201")
    made = Filtered(
        where, np.random.default_rng(0), stages=["short"], candidates=6, keep={"short": 2}
    )
    trials = [made.ask() for _ in range(6)]
    assert all(isinstance(t, Trial) and t.epochs == 27 for t in trials)
    for score, trial in enumerate(trials):
        assert isinstance(trial, Trial)
        curve = (float(score),) * 4
        made.tell(trial, Observation(Status.OK, float(score), 27, 1.0, curve))
    asked = [made.ask(), made.ask()]
    assert all(isinstance(t, Trial) for t in asked)
    assert [(t.arch, t.epochs, t.continues) for t in asked if isinstance(t, Trial)] == [
        (t.arch, None, t.id) for t in (trials[5], trials[4]) if isinstance(t, Trial)
    ]


PROPOSERS: list[Any] = [
    "random_search",
    "random_distinct",
    {"name": "regularized_evolution", "population": 4, "sample": 2},
    "local_search",
    "reinforce",
    "predictor_guided",
]


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("proposer", PROPOSERS, ids=str)
def test_any_strategy_proposes_and_is_told_what_became_of_it(
    proposer: Any, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a list of asks and tells, kept beside the strategy: each is told once at most."""
    asked, told = _spied(monkeypatch, proposer)
    made, log = _run(12, workers, 5, candidates=40, proposer=proposer)
    started = [r.arch for r in log.records if r.continues is None]
    assert len({*started}) == len(started)
    full = {r.arch: r.score for r in log.records if r.epochs == 24 and r.step_told is not None}
    kept = {arch for p in made.ledger for arch in p.arrived}
    where = made.space
    assert len({trial.id for trial, _ in told}) == len(told)
    assert {trial.id for trial, _ in told} <= {trial.id for trial in asked}
    assert kept <= {_canonical(where, trial) for trial in asked}
    scored = {_canonical(where, t): o.score for t, o in told if o.status is Status.OK}
    assert scored == full
    assert all(o.score is None for _, o in told if o.status is Status.STOPPED)
    finished = [p for p in made.ledger if p.kept is not None and p.stage != "full"]
    dropped = {arch for p in finished for arch in p.arrived if arch not in (p.kept or ())}
    assert dropped - {*full} <= {_canonical(where, trial) for trial, _ in told}


def _spied(monkeypatch: pytest.MonkeyPatch, proposer: Any) -> tuple[list[Trial], list[Any]]:
    """Return lists of what a strategy asks for and is told."""
    asked: list[Trial] = []
    told: list[Any] = []
    name = proposer["name"] if isinstance(proposer, dict) else proposer
    cls: Any = registry.load("strategies", name)
    ask, tell = cls.ask, cls.tell

    def spied_ask(self: Any) -> Any:
        trial = ask(self)
        asked.extend([trial] if trial is not None else [])
        return trial

    def spied_tell(self: Any, trial: Any, observation: Any) -> None:
        told.append((trial, observation))
        tell(self, trial, observation)

    monkeypatch.setattr(cls, "ask", spied_ask)
    monkeypatch.setattr(cls, "tell", spied_tell)
    return asked, told


def _canonical(where: Any, trial: Trial) -> tuple[int, ...]:
    return tuple(where.canonical(np.array([trial.arch], dtype=np.int16))[0].tolist())


def test_the_predictor_learns_from_short_trainings_first() -> None:
    """It ranks as soon as ten were trained, for however long; by scores of one length."""
    made, log = _run(8, 4, 7)
    stages = [p for p in made.ledger if p.stage == "predictor" and p.kept is not None]
    assert [p.ranked for p in stages] == sorted(p.ranked for p in stages)
    assert stages[-1].ranked
    assert sum(r.epochs == 24 for r in log.records) < 10
    short = {r.arch: r.score for r in log.records if r.epochs == 8 and r.step_told is not None}
    assert made._after_short == short


def test_scores_that_are_not_stored_are_computed_where_a_data_set_is_named() -> None:
    """On a table without networks; the same numbers as those of ``workbench.proxies``."""
    pytest.importorskip("torch")
    from workbench.proxies import measure

    bench = wb.benchmark("nb201/cifar10")
    noise = {"name": "noise", "shape": [3, 8, 8], "classes": 10}
    small = {"channels": 4, "cells": 1}
    settings = {"names": ["synflow", "plain"], "dataset": noise, "network": small, "batch_size": 4}
    archs = [tuple(row) for row in bench.space.sample(3, np.random.default_rng(1)).tolist()]
    scores, cost = perform(Task(0, "proxies", (archs, settings)), bench)
    rows = np.array(archs, dtype=np.int16)
    wanted, seconds = measure(
        bench.space, rows, noise, ["synflow", "plain"], network=small, batch_size=4
    )
    assert cost == seconds.sum() > 0
    assert np.array_equal(scores, wanted)
