"""Trainings that are stopped on their way: when, at what cost, and what is then told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from workbench import seeds
from workbench.data._open import benchmark
from workbench.errors import StudyError
from workbench.harness.drive import run_study
from workbench.harness.plan import prepare
from workbench.harness.runner import Log, run
from workbench.harness.sections import Budget
from workbench.harness.stopping import Stopping, Watch
from workbench.harness.store import read_runs
from workbench.harness.strategy_study import StrategyStudy
from workbench.harness.study import parse_study
from workbench.predictors.curves.last_value import LastValue
from workbench.report.results import read_results
from workbench.strategies.random_search import RandomSearch
from workbench.types import Observation, Status, Task, Trial

BENCH = "measured/nb201-mnist"
SMALL: dict[str, Any] = {
    "name": "small",
    "replicates": 2,
    "workers": 3,
    "budget": {"seconds": 15},
    "benchmarks": [BENCH],
    "strategies": [
        {"name": "random_search", "stopping": {"extrapolator": "last_value", "after": 5}},
        "random_search",
    ],
}


class _Told(RandomSearch):
    """Random search that keeps what it is told."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.told: list[tuple[Trial, Observation]] = []

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        assert isinstance(trial, Trial)
        self.told.append((trial, observation))
        super().tell(trial, observation)


def _run(rule: Stopping | None, seconds: float = 30, workers: int = 1) -> tuple[Log, _Told]:
    bench = benchmark(BENCH)
    log = Log(bench, seeds.replicate_draw(0, BENCH, 0))
    strategy = _Told(bench.space, np.random.default_rng(0))
    watch = None if rule is None else Watch(rule, bench, np.random.default_rng(1))
    run(strategy, log, Budget(seconds=seconds), workers, watch)
    return log, strategy


def test_stopped_trainings_are_those_that_the_rule_says_by_hand() -> None:
    """One worker: a loop over the trainings of the table, with ``scipy.stats.norm``."""
    rule = Stopping.model_validate({"extrapolator": "last_value", "epochs": [8, 16], "after": 6})
    log, strategy = _run(rule)
    bench = benchmark(BENCH)
    curves: list[tuple[float, ...]] = []
    fitted, model, clock = 0, LastValue(), 0.0
    for record, (trial, told) in zip(log.records, strategy.told, strict=False):
        whole = bench.query(trial.arch, 24, record.replicate)
        expected = 24
        for look in (8, 16):
            if len(curves) < 6:
                break
            if len(curves) >= 1.25 * fitted:
                model = LastValue(epochs=list(range(1, 25))).fit(np.array(curves))
                fitted = len(curves)
            cut = np.where(np.arange(24) < look, whole.curve, np.nan)
            mean, std = model.predict(cut[None], return_std=True)
            if norm.sf(max(c[-1] for c in curves), mean[0], std[0]) < 0.05:
                expected = look
                assert told.score == pytest.approx(mean[0])
                break
        assert told.epochs == record.epochs == expected
        assert told.status is (Status.OK if expected == 24 else Status.STOPPED)
        assert record.status == told.status
        seen = bench.query(trial.arch, expected, record.replicate)
        assert record.score == seen.score
        assert record.cost == told.cost == seen.cost
        assert record.started == pytest.approx(clock)
        clock = record.ended
        if expected == 24:
            curves.append(whole.curve)
    assert 6 < len(curves) < len(strategy.told) - 10


def test_more_is_tried_in_the_same_time() -> None:
    plain, _ = _run(None, workers=4)
    stopped, _ = _run(Stopping(extrapolator={"name": "sotl_e"}), workers=4)
    assert len(stopped.records) > 1.5 * len(plain.records)
    ends = pd.DataFrame(stopped.records)
    assert (ends[ends["status"] == "ok"]["epochs"][:-4] == 24).all()


def test_without_a_reason_nothing_is_stopped() -> None:
    plain, _ = _run(None, workers=2)
    watched, _ = _run(Stopping(after=10**6), workers=2)
    told = [r for r in watched.records if r.step_told is not None]
    assert [(r.arch, r.score, r.ended) for r in told] == [
        (r.arch, r.score, r.ended) for r in plain.records if r.step_told is not None
    ]


def test_trainings_that_ask_for_less_are_left_alone_and_continued_ones_are_watched() -> None:
    watch = Watch(Stopping(), benchmark(BENCH), np.random.default_rng(0))
    arch = tuple(benchmark(BENCH).space.all()[0].tolist())
    assert watch.next_part(Trial(0, arch, 8), 0).epochs == 8
    assert [watch.next_part(Trial(0, arch), seen).epochs for seen in (0, 6, 12, 18)] == [
        6,
        12,
        18,
        24,
    ]
    watch.verdict(Trial(0, arch, 8), 0, Observation(Status.OK, 50.0, 8))
    assert watch.next_part(Trial(1, arch, 24, 0), 0).epochs == 12


def test_a_study_of_it_gives_the_same_numbers_again(tmp_path: Path) -> None:
    study = parse_study(SMALL)
    assert isinstance(study, StrategyStudy)
    labels = [entry.label for entry in study.strategies]
    assert labels == ["random_search (stopped by last_value)", "random_search"]
    frames = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        assert run_study(study, folder, workers=workers).failed == 0
        frames.append(read_results(folder).trials)
        assert (read_runs(folder)["failed_trials"] == 0).all()
    pd.testing.assert_frame_equal(frames[0], frames[1])
    used = study.effective_parameters()[labels[0]]
    assert used["stopping"]["extrapolator"] == {"name": "last_value"}


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no curves": (
        {"benchmarks": ["nb201/cifar10"], "budget": {"queries": 5}},
        r"strategies\[0\]\.stopping: nb201/cifar10 stores no learning curves",
    ),
    "no such": (
        {"strategies": [{"name": "random_search", "stopping": "last_valu"}]},
        r"strategies\[0\]\.stopping\.extrapolator\.name: .*'last_valu'.*last_value",
    ),
    "no such parameter": (
        {
            "strategies": [
                {"name": "random_search", "stopping": {"extrapolator": {"name": "sotl", "k": 1}}}
            ]
        },
        r"strategies\[0\]\.stopping\.extrapolator\.k: unknown parameter of sotl",
    ),
    "no such epoch": (
        {"strategies": [{"name": "random_search", "stopping": {"epochs": [24]}}]},
        r"strategies\[0\]\.stopping: epochs: 24 is none of those before the end",
    ),
    "falling epochs": (
        {"strategies": [{"name": "random_search", "stopping": {"epochs": [8, 4]}}]},
        r"strategies\[0\]\.stopping: epochs must rise; got \[8, 4\]",
    ),
    "unknown key": (
        {"strategies": [{"name": "random_search", "stopping": {"levl": 0.1}}]},
        r"strategies\[0\]\.stopping\.levl: unknown key",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_is_said_with_its_place(name: str) -> None:
    changes, message = FAULTS[name]
    with pytest.raises(StudyError, match=message):
        prepare(parse_study(SMALL | changes))
