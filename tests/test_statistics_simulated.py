"""Simulated studies with a known answer: intervals that cover, tests that are rarely wrong.

2,000 studies each but where said, drawn from 10,000 real runs of random search on five tables; the
standard error of a share of .95 or .05 of them is half a per cent.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.simulated_studies import TASKS, coverage, drawn, random_search
from workbench.statistics.aggregates import iqm, mean
from workbench.statistics.bayesian import bayesian_signed_rank
from workbench.statistics.comparison import holm, mann_whitney, mean_ranks
from workbench.statistics.friedman import critical_difference, friedman
from workbench.statistics.improvement import probability_of_improvement
from workbench.statistics.paired import signed_rank
from workbench.statistics.trust import COVERAGE, ENOUGH, FEW, trusted
from workbench.statistics.verdict import small_study
from workbench.types import Floats

STUDIES = 2000
WRONG = 0.065


@pytest.fixture(scope="module")
def population() -> Floats:
    return np.stack([random_search(task, 10_000) for task in TASKS], axis=1)


def test_interval_of_the_iqm_covers(population: Floats) -> None:
    """Issue: 93 to 97 % at 30 runs x 5 tasks of real regrets."""
    assert 0.93 <= coverage(population, 30, iqm, STUDIES) <= 0.97


@pytest.mark.parametrize(("runs", "tasks"), [(3, 5), (5, 1), (10, 3), (10, 5)])
def test_small_studies_cover_as_little_as_the_report_says(
    population: Floats, runs: int, tasks: int
) -> None:
    """The measured table again, of 2,000 other studies of the first tasks alone.

    One task covers as much as it likes: its neighbours on the five tables differ by .03.
    """
    found = coverage(population[:, :tasks], runs, iqm, STUDIES, 500)
    assert found == pytest.approx(COVERAGE[runs, tasks], abs=0.04)
    assert found < 0.95


def test_whole_families_of_rank_tests_are_rarely_wrong(population: Floats) -> None:
    """Mann-Whitney on three tasks with Holm: of equal strategies, any difference found is wrong."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(STUDIES):
        a, b = drawn(population, 20, rng), drawn(population, 20, rng)
        p = [mann_whitney(a[:, i], b[:, i])[1] for i in range(3)]
        wrong += bool((holm(np.array(p)) < 0.05).any())
    assert wrong / STUDIES <= WRONG


def equal_strategies(population: Floats, tasks: int, rng: np.random.Generator) -> Floats:
    """Return the means over 10 runs of five strategies that are one, ``(5, tasks)``."""
    some = population[:, rng.integers(population.shape[1], size=tasks)]
    return np.array([drawn(some, 10, rng).mean(axis=0) for _ in range(5)])


def test_tests_over_tasks_are_rarely_wrong(population: Floats) -> None:
    """Friedman by Iman and Davenport, one signed-rank test, Nemenyi over all pairs; 12 tasks."""
    rng, critical = np.random.default_rng(0), critical_difference(5, 12)
    wrong = np.zeros(3)
    for _ in range(STUDIES):
        scores = equal_strategies(population, 12, rng)
        ranks = mean_ranks(scores)
        p = friedman(scores).p, signed_rank(scores[0] - scores[1])
        wrong += np.array([p[0] < 0.05, p[1] < 0.05, np.ptp(ranks) > critical])
    assert (wrong / STUDIES <= WRONG).all()
    assert (wrong / STUDIES >= 0.01).all()


def test_probability_of_improvement_is_rarely_off_a_half(population: Floats) -> None:
    """Of equal strategies, the interval should hold one half; 1,000 studies of 30 runs, 2 tasks."""
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(1000):
        a, b = drawn(population[:, :2], 30, rng), drawn(population[:, :2], 30, rng)
        found = probability_of_improvement(a, b, rng, 400)
        inside += found.low <= 0.5 <= found.high
    assert 1 - inside / 1000 <= WRONG


def test_posterior_finds_equal_strategies_equivalent(population: Floats) -> None:
    """With a region as wide as .05 of the scale, hardly any study says better or worse at .95."""
    rng = np.random.default_rng(0)
    wrong = right = 0
    for _ in range(STUDIES):
        scores = equal_strategies(population, 12, rng)
        found = bayesian_signed_rank(scores[0] - scores[1], 0.05, rng, 1000)
        wrong += max(found.better, found.worse) > 0.95
        right += found.equivalent > 0.5
    assert wrong / STUDIES <= 0.01
    assert right / STUDIES >= 0.9


def test_studies_to_warn_of() -> None:
    """What is trusted was measured at the nearest study that is no larger."""
    assert trusted(30, 5) == trusted(49, 40) == COVERAGE[30, 5]
    assert trusted(4, 2) == COVERAGE[3, 1]
    assert trusted(1, 5) == 0.0
    assert small_study(30, 5) is None
    assert small_study(1, 5) == "Only 1 run each: there are no intervals."
    said = small_study(5, 4)
    assert said is not None
    assert said.startswith("Only 5 runs each: 95 % intervals are too narrow.")
    assert f" {100 * COVERAGE[5, 3]:.0f} % of them" in said
    narrow = {runs for (runs, _), covered in COVERAGE.items() if covered < FEW}
    assert min({runs for runs, _ in COVERAGE} - narrow) == ENOUGH > max(narrow)
    assert [small_study(runs, 5) is None for runs in (ENOUGH - 1, ENOUGH)] == [False, True]


def test_means_of_few_runs_cover_as_theory_says() -> None:
    """Normal scores, one task: about 90 % at 10 runs, of lognormal ones 79 % (known values)."""
    draws = np.random.default_rng(0).normal(size=(20_000, 1))
    assert coverage(draws, 10, mean, STUDIES, 400) == pytest.approx(0.90, abs=0.02)
    skewed = np.exp(draws * 1.0)
    assert coverage(skewed, 10, mean, STUDIES, 400) == pytest.approx(0.79, abs=0.03)
