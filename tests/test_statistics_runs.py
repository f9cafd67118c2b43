"""Statistics of whole runs, regret, run lengths and numbers of runs, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm
from statsmodels.stats.nonparametric import samplesize_rank_compare_onetail

import workbench as wb
from workbench.statistics.comparison import least_p
from workbench.statistics.planning import runs_needed
from workbench.statistics.regret import anytime_regret, area_under_log_regret, simple_regret
from workbench.statistics.runlength import (
    ecdf,
    ecdf_bands,
    expected_running_time,
    run_lengths,
    running_time_bands,
)
from workbench.types import Floats


def test_simple_regret_is_the_distance_from_the_optimum() -> None:
    assert simple_regret(np.array([91.0, 90.5]), 91.0).tolist() == [0.0, 0.5]
    with pytest.raises(ValueError, match=r"a true score of 92\.0 lies above the optimum 91\.0"):
        simple_regret(np.array([90.0, 92.0]), 91.0)


def test_anytime_regret_holds_until_the_next_incumbent() -> None:
    at, regrets = np.array([2.0, 5.0]), np.array([0.3, 0.1])
    found = anytime_regret(at, regrets, np.array([1.0, 2.0, 4.9, 5.0, 99.0]))
    assert found == pytest.approx([np.nan, 0.3, 0.3, 0.1, 0.1], nan_ok=True)


def test_area_is_the_mean_of_the_logarithm_over_the_budget() -> None:
    """By hand: 10 for 1 s, .1 for 3 s, 0 for 4 s with floor .001; log10 1, -1 and -3."""
    curves = np.array([[10.0, 0.1, 0.0], [1.0, 1.0, 1.0]])
    found = area_under_log_regret(curves, np.array([0.0, 1.0, 4.0]), 8.0, 1e-3)
    assert found == pytest.approx([(1 - 3 - 3 * 4) / 8, 0.0])


def test_area_of_a_power_law() -> None:
    """Regret 10^-x on [0, 4]: the mean of the logarithm is -2, whatever the steps are."""
    at = np.linspace(0, 4, 4000, endpoint=False)
    found = area_under_log_regret((10.0**-at)[None], at, 4.0, 1e-9)
    assert found[0] == pytest.approx(-2, abs=1e-3)


def test_area_is_ten_times_closer_one_lower() -> None:
    curves = np.random.default_rng(0).uniform(0.1, 1, size=(5, 20))
    at = np.arange(20.0)
    assert area_under_log_regret(curves / 10, at, 20, 1e-6) == pytest.approx(
        area_under_log_regret(curves, at, 20, 1e-6) - 1
    )


@pytest.mark.parametrize(
    ("curves", "at", "until", "floor", "said"),
    [
        ([[np.nan, 1.0]], [0.0, 1.0], 2.0, 0.1, "NaN 1 times. Begin where every run"),
        ([[-0.5, 1.0]], [0.0, 1.0], 2.0, 0.1, "must be >= 0; got -0.5"),
        ([[1.0, 1.0]], [0.0, 3.0], 2.0, 0.1, "ascend and end before 2.0"),
        ([[1.0, 1.0]], [0.0, 1.0], 2.0, 0.0, "floor must be > 0; got 0.0"),
    ],
)
def test_area_refuses_what_has_none(
    curves: list[list[float]], at: list[float], until: float, floor: float, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        area_under_log_regret(np.array(curves), np.array(at), until, floor)


def test_run_lengths_are_those_of_a_loop() -> None:
    """Also where the truth of a later incumbent is worse: a target once reached stays reached."""
    rng = np.random.default_rng(0)
    curves, at = rng.uniform(size=(6, 15)), np.cumsum(rng.uniform(size=15))
    targets = np.array([0.5, 0.1, 0.01, 0.0])
    found = run_lengths(curves, at, targets)
    for run, target in np.ndindex(6, 4):
        hits = np.flatnonzero(curves[run] <= targets[target])
        assert found[run, target] == (at[hits[0]] if len(hits) else np.inf)


LENGTHS = np.array([[10.0, 40.0], [30.0, np.inf], [20.0, np.inf]])
SPENT = np.array([50.0, 60.0, 70.0])


def test_expected_running_time_is_cocos() -> None:
    """By hand: (10 + 30 + 20) / 3; runs without success count all they spent; none: infinite."""
    assert expected_running_time(LENGTHS, SPENT).tolist() == [20.0, 170.0]
    none = expected_running_time(np.full((3, 1), np.inf), SPENT)
    assert none.tolist() == [np.inf]
    with pytest.raises(ValueError, match=r"run 0 .* at 40\.0, after its end at 15\.0"):
        expected_running_time(LENGTHS, np.array([15.0, 60, 70]))


def draws_until(best: int, budget: int, runs: int, rng: np.random.Generator) -> Floats:
    """Return run lengths of random search on a real table until one of the best, ``(runs, 1)``."""
    bench = wb.benchmark("nb201/cifar10")
    archs = bench.space.sample(runs * budget, rng)
    regrets = np.asarray(bench.optimum) - bench.truth(archs)
    every = np.array(list(np.ndindex(*(len(d.values) for d in bench.space.decisions))), np.int16)
    target = np.sort(np.asarray(bench.optimum) - bench.truth(every))[best - 1]
    curves = np.minimum.accumulate(regrets.reshape(runs, budget), axis=1)
    return run_lengths(curves, np.arange(1.0, budget + 1), np.array([target]))


@pytest.mark.parametrize("budget", [20, 200])
def test_expected_running_time_of_random_search_is_that_of_a_geometric(budget: int) -> None:
    """One of the 156 best of 15,625: 100.2 draws on average, whatever the budget before a restart.

    The standard error of the mean of so many successes is below 2.5 % (3 of them allowed).
    """
    runs = 40_000 // (budget // 10)
    lengths = draws_until(156, budget, runs, np.random.default_rng(0))
    found = expected_running_time(lengths, np.full(runs, float(budget)))[0]
    assert found == pytest.approx(15_625 / 156, rel=0.075)


def test_ecdf_of_random_search_is_that_of_a_geometric() -> None:
    """P(reached within n) = 1 - (1 - p)^n; 5,000 runs, the 95 % band holds it (at 9 points)."""
    lengths = draws_until(156, 200, 5000, np.random.default_rng(1))
    budgets = np.array([1, 5, 10, 20, 40, 70, 100, 150, 200.0])
    low, middle, high = ecdf_bands([lengths], budgets, np.random.default_rng(0))
    truth = 1 - (1 - 156 / 15_625) ** budgets
    assert middle == pytest.approx(truth, abs=0.02)
    assert ((low <= truth) & (truth <= high)).mean() >= 7 / 9
    assert middle == pytest.approx(ecdf([lengths], budgets))


def test_ecdf_counts_pairs_of_runs_and_targets() -> None:
    """By hand; a second task of one run and one target weighs as much as the first."""
    budgets = np.array([5.0, 10.0, 35.0, 1000.0])
    assert ecdf([LENGTHS], budgets) == pytest.approx([0, 1 / 6, 3 / 6, 4 / 6])
    both = ecdf([LENGTHS, np.array([[5.0]])], budgets)
    assert both == pytest.approx([1 / 2, 7 / 12, 3 / 4, 5 / 6])


def test_running_time_is_infinite_where_successes_are_chance() -> None:
    """One success of three is in 70 % of the resamples: no upper end; three of three have one."""
    low, middle, high = running_time_bands(LENGTHS, SPENT, np.random.default_rng(0))
    assert middle.tolist() == [20.0, 170.0]
    assert low[1] < 170.0
    assert high[1] == np.inf
    assert low[0] == 10.0
    assert high[0] == 30.0


@pytest.mark.parametrize("probability", [0.6, 0.65, 0.7, 0.8])
def test_runs_needed_find_the_difference_four_times_in_five(probability: float) -> None:
    """2,000 studies of two normal samples whose shift gives the probability; scipy's test.

    Noether's formula leaves a margin that grows with the effect, .06 at .8.
    """
    runs = runs_needed(probability)
    assert runs is not None
    shift = 2**0.5 * norm.ppf(probability)
    a, b = np.random.default_rng(0).normal(size=(2, 2000, runs))
    found = mannwhitneyu(a + shift, b, axis=1, method="asymptotic").pvalue < 0.05
    assert 0.775 <= found.mean() <= 0.87


def test_runs_needed_are_close_to_those_of_statsmodels() -> None:
    """Happ, Bathke and Brunner 2019, who estimate the variance: within 3 % for a small effect."""
    reference = norm.ppf((np.arange(400) + 0.5) / 400)
    shifted = reference + 2**0.5 * norm.ppf(0.6)
    other = samplesize_rank_compare_onetail(shifted, reference, alpha=0.05, power=0.8)
    runs = runs_needed(0.6)
    assert runs is not None
    assert 2 * runs == pytest.approx(other.nobs_total, rel=0.03)


def test_runs_needed_grow_with_the_number_of_tests() -> None:
    assert runs_needed(0.5) is None
    assert runs_needed(0.7) == runs_needed(0.3) == 33
    many = runs_needed(0.7, comparisons=50)
    assert many is not None
    assert many > 33
    sure = runs_needed(1.0, comparisons=1000)
    assert sure is not None
    assert least_p(sure) < 0.05 / 1000
