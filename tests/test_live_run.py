"""A live run is its log: cut it anywhere, and what goes on from there is what went on before."""

from __future__ import annotations

from typing import Any

import pytest

from workbench import benchmark, seeds
from workbench.errors import StoreError
from workbench.harness.live_run import LiveRun, Work
from workbench.harness.runner import make_strategy
from workbench.harness.stopping import Stopping, Watch
from workbench.harness.strategy_study import StrategyEntry
from workbench.harness.tasks import perform
from workbench.types import Status, Task

STEPS = 60
RULE = Stopping(extrapolator={"name": "power_law"}, after=4)
ENTRIES: dict[str, StrategyEntry] = {
    entry.label or entry.name: entry
    for entry in (
        StrategyEntry(name="random_search"),
        StrategyEntry(name="regularized_evolution"),
        StrategyEntry(name="asha"),
        StrategyEntry(name="bohb"),
        StrategyEntry(name="local_search"),
        StrategyEntry(name="filtered", candidates=30, initial=3),  # type: ignore[call-arg]
        StrategyEntry(name="random_search", label="stopped", stopping=RULE),
    )
}


class Driver:
    """Does in this process, on a table, what workers would: the outcomes come in a seeded order."""

    def __init__(self, entry: StrategyEntry, log: list[tuple[int, str]] | None = None) -> None:
        self.bench = benchmark("measured/nb201-mnist")
        self.log: list[tuple[int, str]] = []
        key = (0, self.bench.name, "x", 0)
        rule, rng = entry.stopping, seeds.generator(*key, "stopping")
        watch = None if rule is None else Watch(rule, self.bench, rng)
        strategy = make_strategy(entry, self.bench, *key, "strategy")
        draw = seeds.replicate_draw(0, self.bench.name, 0)
        self.run = LiveRun(strategy, self.bench, draw, self._write, watch)
        if log is not None:
            self.run.replay(log)
            self.log = [*log]

    def _write(self, step: int, text: str) -> None:
        self.log.append((step, text))

    def go_on(self, entries: int) -> None:
        """Ask where fewer than 3 are in flight, else take in one of them, by the log's length."""
        sated = False
        while len(self.log) < entries:
            if len(self.run.flying) < 3 and not sated:
                sated = self.run.ask(float(len(self.log))) is None
                continue
            if not self.run.flying:
                return
            number = sorted(self.run.flying)[len(self.log) % len(self.run.flying)]
            self.run.take(number, self._outcome(self.run.flying[number]), float(len(self.log)))
            sated = False

    def _outcome(self, work: Work) -> Any:
        if work.asked.id % 7 == 5:
            return "its process was killed"
        if isinstance(work.asked, Task):
            return perform(work.asked, self.bench)
        return self.bench.query(work.asked.arch, work.epochs, work.replicate % 3)


@pytest.fixture(params=ENTRIES, scope="module")
def whole(request: pytest.FixtureRequest) -> tuple[StrategyEntry, Driver]:
    entry = ENTRIES[request.param]
    driver = Driver(entry)
    driver.go_on(STEPS)
    return entry, driver


@pytest.mark.parametrize("kept", [0, 1, 7, 20, 33, STEPS - 1])
def test_a_run_goes_on_from_any_entry_of_its_log(
    whole: tuple[StrategyEntry, Driver], kept: int
) -> None:
    """Brute force: the log of a run that was cut there and went on is that of one in one go."""
    entry, uncut = whole
    cut = Driver(entry, uncut.log[:kept])
    cut.go_on(len(uncut.log))
    assert cut.log == uncut.log
    # As text, because a number that is not known is not equal to itself.
    assert repr(cut.run.told) == repr(uncut.run.told)
    assert repr(cut.run.rows()) == repr(uncut.run.rows())


def test_what_was_in_flight_is_so_again(whole: tuple[StrategyEntry, Driver]) -> None:
    entry, uncut = whole
    again = Driver(entry, uncut.log)
    assert again.run.flying == uncut.run.flying
    assert again.run.ended == uncut.run.ended


def test_a_log_of_other_asks_is_refused() -> None:
    uncut = Driver(ENTRIES["random_search"])
    uncut.go_on(10)
    with pytest.raises(StoreError, match=r"asks for \{'ask': 0.*in the log it was \{'ask': 0"):
        Driver(ENTRIES["filtered"], uncut.log)


def test_costs_are_those_of_the_new_epochs_and_seeds_stay() -> None:
    """Against the table: what a continued training costs is the difference of stored costs."""
    driver = Driver(ENTRIES["asha"])
    driver.go_on(200)
    told = {t.trial.id: t for t in driver.run.told}
    continued = [t for t in told.values() if t.trial.continues in told and not t.fault]
    assert continued
    for one in continued:
        before = told[one.trial.continues or 0]
        assert one.replicate == before.replicate
        costs = [
            driver.bench.query(one.trial.arch, t.observation.epochs or 0, one.replicate % 3).cost
            for t in (before, one)
        ]
        assert one.observation.cost == pytest.approx((costs[1] or 0) - (costs[0] or 0), rel=1e-12)


def test_faults_are_told_as_failures_and_kept() -> None:
    driver = Driver(ENTRIES["random_search"])
    driver.go_on(60)
    failed = [t for t in driver.run.told if t.fault]
    assert failed
    assert {t.observation.status for t in failed} == {Status.FAILED}
    assert {t.fault for t in failed} == {"its process was killed"}


def test_a_watched_training_is_stopped_and_said_to_be() -> None:
    driver = Driver(ENTRIES["stopped"])
    driver.go_on(150)
    stopped = [t for t in driver.run.told if t.observation.status is Status.STOPPED]
    assert stopped
    assert all((t.observation.epochs or 0) < driver.bench.epochs[-1] for t in stopped)
