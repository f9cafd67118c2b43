"""Statistics of runs pooled over tasks, against scipy, brute force and closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import norm, trim_mean

from workbench.statistics.aggregates import (
    iqm,
    mean,
    median,
    normalised,
    optimality_gap,
    stacked,
)
from workbench.statistics.bootstrap import Interval, bands, interval, mean_bands, pooled_bands
from workbench.statistics.comparison import mann_whitney
from workbench.statistics.improvement import (
    magnitude,
    probability_of_improvement,
    vargha_delaney,
)
from workbench.statistics.profiles import performance_profile, profile_bands
from workbench.types import Floats


def ragged() -> Floats:
    """Return tasks of 4, 8 and 2 runs."""
    rng = np.random.default_rng(0)
    return stacked({"a": rng.normal(size=4), "b": rng.normal(size=8), "c": rng.normal(size=2)})


def test_stacked_pads_and_refuses_what_is_no_score() -> None:
    found = stacked({"a": np.array([1.0, 2.0]), "b": np.array([3.0])})
    assert found == pytest.approx(np.array([[1.0, 3.0], [2.0, np.nan]]), nan_ok=True)
    with pytest.raises(ValueError, match=r"task 'b'.*at least one run; got \[\]"):
        stacked({"a": np.ones(1), "b": np.array([])})
    with pytest.raises(ValueError, match=r"task 'a'.*finite"):
        stacked({"a": np.array([1.0, np.nan])})
    with pytest.raises(ValueError, match="no task"):
        stacked({})


def test_normalised_scores_are_0_at_random_and_1_at_the_optimum() -> None:
    assert normalised(np.array([84.0, 91.0, 77.0]), 84.0, 91.0).tolist() == [0.0, 1.0, -1.0]
    with pytest.raises(ValueError, match=r"above the random mean; got 0\.1 and 0\.4"):
        normalised(np.ones(1), 0.4, 0.1)


def test_weighted_iqm_is_that_of_runs_repeated_until_tasks_are_equal() -> None:
    """Tasks of 4 and 8 runs: every run of the first stands twice, and scipy trims a quarter."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=4), rng.normal(size=8)
    repeated = np.concatenate([a, a, b])
    found = iqm(stacked({"a": a, "b": b})[None])[0]
    assert found == pytest.approx(trim_mean(repeated, 0.25), rel=1e-12)


def test_weighted_iqm_counts_edges_in_part() -> None:
    """By hand: 1 and 9 weigh 1.5 each, 2 to 5 .75 each; of the 6 in all, 1 goes at each end.

    What stays is .5 of the 1, 3 of 2 to 5, and .5 of the 9.
    """
    scores = stacked({"a": np.array([1.0, 9.0]), "b": np.array([2.0, 3.0, 4.0, 5.0])})
    assert iqm(scores[None])[0] == pytest.approx((0.5 * 1 + 0.75 * 14 + 0.5 * 9) / 4)


def test_aggregates_weigh_tasks_equally() -> None:
    """By hand: means of the tasks are 2, 10 and .25."""
    runs = {"a": np.array([1.0, 3.0]), "b": np.array([10.0]), "c": np.array([0.0, 0.25, 0.5])}
    scores = stacked(runs)[None]
    assert mean(scores)[0] == pytest.approx(12.25 / 3)
    assert median(scores)[0] == 2.0
    assert optimality_gap(scores)[0] == pytest.approx(0.75 / 3)
    assert optimality_gap(scores, target=2.0)[0] == pytest.approx((0.5 + 0.0 + 1.75) / 3)


def test_gap_to_an_optimum_is_one_less_the_mean() -> None:
    scores = np.random.default_rng(0).uniform(size=(4, 6, 3))
    assert optimality_gap(scores) == pytest.approx(1 - mean(scores))


def test_every_task_keeps_its_number_of_runs_in_a_resample() -> None:
    """A statistic that counts: 4, 8 and 2 runs are 4, 8 and 2 runs in each of 200 resamples."""
    seen = []

    def count(scores: Floats) -> Floats:
        seen.append((~np.isnan(scores)).sum(axis=1))
        return mean(scores)

    interval(ragged(), count, np.random.default_rng(0), resamples=200)
    assert [s.shape for s in seen] == [(1, 3), (200, 3)]
    assert (np.concatenate(seen) == [4, 8, 2]).all()


@pytest.mark.parametrize("runs", [(100, 100), (40, 400)])
def test_stratified_interval_is_as_wide_as_the_normal_theory(runs: tuple[int, int]) -> None:
    """The variance of a mean over tasks is the sum of those of the tasks, by their number squared.

    The tasks lie far apart: resampling runs over both together would show.
    """
    rng = np.random.default_rng(0)
    samples = {"a": rng.normal(size=runs[0]), "b": 50 + 3 * rng.normal(size=runs[1])}
    found = interval(stacked(samples), mean, rng, resamples=20_000)
    error = sum(s.var() / len(s) for s in samples.values()) ** 0.5 / 2
    assert (found.high - found.low) / (2 * norm.ppf(0.975) * error) == pytest.approx(1, abs=0.03)


def test_interval_is_drawn_by_its_seed_alone() -> None:
    one, same, other = (
        interval(ragged(), iqm, np.random.default_rng(seed), resamples=50) for seed in (0, 0, 1)
    )
    assert one == same
    assert one != other


def test_a_single_run_of_one_task_gives_no_interval() -> None:
    found = interval(
        stacked({"a": np.ones(5), "b": np.ones(1)}), iqm, np.random.default_rng(0), resamples=10
    )
    assert found.estimate == 1.0
    assert np.isnan([found.low, found.high]).all()


def test_bands_are_intervals_at_every_point() -> None:
    """One seed: each point of the band is the interval of that point, run by run the same draw."""
    curves = np.random.default_rng(0).normal(size=(8, 3, 5))
    curves[5:, 1] = np.nan
    found = bands(curves, iqm, np.random.default_rng(1), resamples=100)
    for i in range(5):
        alone = interval(curves[:, :, i], iqm, np.random.default_rng(1), resamples=100)
        assert found[:, i] == pytest.approx([alone.low, alone.estimate, alone.high])


def test_mean_bands_are_those_of_the_general_way() -> None:
    """Within the noise of 4,000 resamples, where curves of two tasks are pooled."""
    curves = np.random.default_rng(0).normal(size=(40, 2, 6))
    fast = pooled_bands(list(curves.transpose(1, 0, 2)), np.random.default_rng(1), 4000)
    assert fast == pytest.approx(bands(curves, mean, np.random.default_rng(2), 4000), abs=0.02)
    one = mean_bands(curves[:, 0], np.random.default_rng(1))
    assert one[1] == pytest.approx(curves[:, 0].mean(axis=0))


def test_profile_counts_runs_above() -> None:
    """By hand; a run at the threshold is not above it."""
    scores = stacked({"a": np.array([0.2, 0.4]), "b": np.array([0.1, 0.4, 0.6, 0.8])})
    thresholds = np.array([0.0, 0.4, 0.7, 0.9])
    assert performance_profile(scores, thresholds) == pytest.approx([1, 0.25, 0.125, 0])


def test_area_below_a_profile_is_the_mean() -> None:
    """Of scores in [0, 1], the integral of P(score > tau) over tau is the mean score."""
    scores = np.random.default_rng(0).uniform(size=(30, 4))
    thresholds = (np.arange(20_000) + 0.5) / 20_000
    assert performance_profile(scores, thresholds).mean() == pytest.approx(scores.mean(), abs=1e-4)


def test_profile_bands_are_binomial() -> None:
    """One task, 200 runs, half above: a share's standard error is root(p (1 - p) / n)."""
    scores = np.repeat([0.0, 1.0], 100)[:, None]
    low, middle, high = profile_bands(scores, np.array([0.5]), np.random.default_rng(0), 20_000)
    assert middle[0] == 0.5
    width = (high - low)[0] / (2 * norm.ppf(0.975) * (0.25 / 200) ** 0.5)
    assert width == pytest.approx(1, abs=0.03)


def test_vargha_delaney_counts_pairs() -> None:
    """Brute force, with ties; and the example of their paper's definition, all above: 1."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(5, size=20).astype(float), rng.integers(6, size=31).astype(float)
    pairs = [(x > y) + (x == y) / 2 for x, y in itertools.product(a, b)]
    assert vargha_delaney(a, b) == pytest.approx(np.mean(pairs), rel=1e-12)
    assert vargha_delaney(a, b) + vargha_delaney(b, a) == pytest.approx(1)
    assert vargha_delaney(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert vargha_delaney(a, b) == mann_whitney(a, b)[0]


def test_magnitudes_are_vargha_and_delaneys() -> None:
    words = [magnitude(p) for p in (0.5, 0.55, 0.56, 0.63, 0.64, 0.7, 0.71, 1.0)]
    assert words == ["negligible"] * 2 + ["small"] * 2 + ["medium"] * 2 + ["large"] * 2
    assert magnitude(1 - 0.71) == "large"
    assert magnitude(1 - 0.56) == "small"


def test_probability_of_improvement_is_the_mean_over_tasks() -> None:
    rng = np.random.default_rng(0)
    a = stacked({"x": rng.normal(size=5), "y": rng.normal(size=9)})
    b = stacked({"x": rng.normal(size=7), "y": rng.normal(size=3)})
    found = probability_of_improvement(a, b, rng)
    alone = [vargha_delaney(a[:n, i], b[:m, i]) for i, (n, m) in enumerate([(5, 7), (9, 3)])]
    assert found.estimate == pytest.approx(np.mean(alone))
    assert found.low < found.estimate < found.high


def test_improvement_resamples_both() -> None:
    """The bootstrap by hand: pick runs of both, count pairs again; the same ends but for noise."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(12, 1)) + 0.5, rng.normal(size=(15, 1))
    found = probability_of_improvement(a, b, rng, 20_000)
    by_hand = [
        vargha_delaney(rng.choice(a[:, 0], 12), rng.choice(b[:, 0], 15)) for _ in range(4000)
    ]
    assert [found.low, found.high] == pytest.approx(np.quantile(by_hand, [0.025, 0.975]), abs=0.02)


def test_improvement_needs_two_runs_and_the_same_tasks() -> None:
    rng = np.random.default_rng(0)
    found = probability_of_improvement(np.ones((1, 1)), np.zeros((4, 1)), rng)
    assert found == pytest.approx(Interval(1.0, np.nan, np.nan), nan_ok=True)
    with pytest.raises(ValueError, match="same tasks; got 2 and 1"):
        probability_of_improvement(np.ones((4, 2)), np.zeros((4, 1)), rng)
