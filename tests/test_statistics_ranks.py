"""Rank tests and posteriors over tasks, against the papers' examples and three other libraries."""

from __future__ import annotations

import math
import warnings

import baycomp
import numpy as np
import pandas as pd
import pytest
from scipy.stats import friedmanchisquare, trim_mean, wilcoxon
from statsmodels.stats.multitest import multipletests

from workbench.statistics.bayesian import Posterior, bayesian_signed_rank
from workbench.statistics.comparison import mean_ranks
from workbench.statistics.friedman import (
    critical_difference,
    friedman,
    friedman_chi2,
    groups,
    iman_davenport,
    nemenyi,
)
from workbench.statistics.paired import all_pairs, signed_rank
from workbench.statistics.stability import without_each_seed, without_each_task

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import autorank
    import scikit_posthocs

DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.97501, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
).T
"""AUC of C4.5, with m, with cf and with both on 14 data sets: Demsar 2006, table 6.

On the last but one his ranks of the third and fourth are 2 and 3: equal only once rounded.
"""


def test_demsars_example() -> None:
    """Section 3.2.2: ranks 3.143 2.000 2.893 1.964, chi2 9.28, F 3.69, of which 2.85 is
    critical; the critical difference is 1.25, and 1.12 at .10.
    """
    ranks = mean_ranks(DEMSAR)
    assert ranks == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    chi2 = friedman_chi2(ranks, 14)
    assert chi2 == pytest.approx(9.28, abs=0.005)
    f, p = iman_davenport(chi2, 14, 4)
    assert f == pytest.approx(3.69, abs=0.005)
    assert p < 0.05
    critical = iman_davenport(14 * 3 * 2.85 / (13 + 2.85), 14, 4)
    assert critical == pytest.approx((2.85, 0.05), abs=5e-4)
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert critical_difference(4, 14, level=0.10) == pytest.approx(1.12, abs=0.005)


def test_critical_values_are_demsars() -> None:
    """Table 5(a), q at .05 for 2 to 10; of 6 tasks the standard error is root(k (k + 1)) / 6."""
    q = [1.960, 2.344, 2.569, 2.728, 2.850, 2.948, 3.031, 3.102, 3.164]
    for k, value in enumerate(q, start=2):
        error = (k * (k + 1)) ** 0.5 / 6
        assert critical_difference(k, 6) / error == pytest.approx(value, abs=6e-4)


@pytest.mark.parametrize("levels", [10**6, 4])
def test_friedman_is_scipys_with_its_ties(levels: int) -> None:
    scores = np.random.default_rng(0).integers(levels, size=(5, 11)).astype(float)
    found = friedman(scores)
    assert found.chi2 == pytest.approx(friedmanchisquare(*scores).statistic)
    assert (found.f, found.p) == iman_davenport(found.chi2, 11, 5)


def test_friedman_without_and_with_full_agreement() -> None:
    """All tied: no difference. All tasks alike: the chance of that, 1 in 3! each but the first."""
    even = friedman(np.ones((3, 5)))
    assert even[1:] == (0.0, 0.0, 1.0)
    same = friedman(np.arange(3.0)[:, None] + np.zeros(5))
    assert same.f == math.inf
    assert same.p == pytest.approx(6**-4)
    with pytest.raises(ValueError, match="at least 3 strategies and 2 tasks; got 2 and 9"):
        friedman(np.ones((2, 9)))


def test_nemenyi_is_that_of_scikit_posthocs() -> None:
    scores = np.random.default_rng(0).normal(size=(5, 12)) + np.arange(5)[:, None] / 2
    other = scikit_posthocs.posthoc_nemenyi_friedman(scores.T).to_numpy()
    assert nemenyi(mean_ranks(scores), 12) == pytest.approx(other, abs=1e-6)


def test_nemenyi_and_the_critical_difference_agree() -> None:
    """Two mean ranks exactly a critical difference apart have p = .05."""
    apart = critical_difference(4, 14)
    assert nemenyi(np.array([1.0, 1.0 + apart, 2.0, 2.0]), 14)[0, 1] == pytest.approx(0.05)


def test_autorank_ranks_and_differs_alike() -> None:
    """Told to stay with rank tests, autorank 1.3.0: mean ranks, critical difference."""
    scores = np.random.default_rng(0).normal(size=(5, 14)) + np.arange(5)[:, None] / 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = autorank.autorank(
            pd.DataFrame(scores.T), force_mode="nonparametric", approach="frequentist"
        )
    assert other.omnibus == "friedman"
    assert other.posthoc == "nemenyi"
    ranks = other.rankdf["meanrank"].sort_index().to_numpy(dtype=np.float64)
    assert mean_ranks(scores) == pytest.approx(ranks)
    assert critical_difference(5, 14) == pytest.approx(other.cd, abs=2e-3)
    assert other.pvalue == pytest.approx(friedmanchisquare(*scores).pvalue)


def test_groups_are_the_bars_of_demsars_figure() -> None:
    """Figure 1(a): A 1.964, B 2.000 | C 2.893, D 3.143 with CD 1.25: one bar from 1.964 to 3.143.

    With a smaller difference there are two that overlap, and none where all are told apart.
    """
    ranks = np.array([3.143, 2.000, 2.893, 1.964])
    assert groups(ranks, 1.25) == [(3, 1, 2, 0)]
    assert groups(ranks, 1.0) == [(3, 1, 2), (2, 0)]
    assert groups(ranks, 0.3) == [(3, 1), (2, 0)]
    assert groups(ranks, 0.01) == []
    assert groups(np.array([1.5, 1.5, 3.0]), 0.5) == [(0, 1)]


def test_all_pairs_are_wilcoxons_with_holms() -> None:
    """Every pair by scipy, all of them corrected by statsmodels."""
    rng = np.random.default_rng(0)
    scores = {name: rng.normal(size=15) + shift for name, shift in (("a", 0), ("b", 1), ("c", 0.2))}
    found = all_pairs(scores)
    assert [(d.best, d.other) for d in found] == [("b", "a"), ("c", "a"), ("b", "c")]
    p = [wilcoxon(scores[d.best], scores[d.other]).pvalue for d in found]
    assert [d.p for d in found] == pytest.approx(p)
    adjusted = multipletests(p, method="holm")[1]
    assert [d.adjusted for d in found] == pytest.approx(list(adjusted))
    assert all(d.mean == pytest.approx((scores[d.best] - scores[d.other]).mean()) for d in found)


@pytest.mark.parametrize("pairs", [1, 2, 3, 5, 8, 13, 14])
def test_signed_ranks_with_ties_and_zeros_are_scipys(pairs: int) -> None:
    """Up to 13 pairs scipy permutes signs where there are ties or zeros, and so does ours."""
    rng = np.random.default_rng(0)
    for most in (2, 3, 100):
        gaps = rng.integers(-most, most + 1, size=pairs).astype(float)
        gaps[0] = most
        assert signed_rank(gaps) == pytest.approx(wilcoxon(gaps).pvalue, rel=1e-9), gaps


@pytest.mark.parametrize("rope", [0.0, 0.1, 0.5])
def test_posterior_is_baycomps(rope: float) -> None:
    """Against baycomp 1.0.3, of the authors; 20,000 draws each, 4 standard errors apart at most."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=12) + 0.3, rng.normal(size=12)
    found = bayesian_signed_rank(x - y, rope, rng, 20_000)
    sample = baycomp.SignedRankTest.sample(x, y, rope, nsamples=20_000, random_state=0)
    left, equal, right = np.bincount(sample.argmax(axis=1), minlength=3) / 20_000
    assert found == pytest.approx(Posterior(left, equal, right), abs=4 * (0.5 / 20_000) ** 0.5)


def test_posterior_of_one_difference_has_a_closed_form() -> None:
    """One difference d, the region between d / 2 and d: better with weight w^2, w ~ Beta(1, 1/2).

    P(w^2 > 1/2) = (1 - 1 / root 2)^(1/2), the rest is equivalent.
    """
    found = bayesian_signed_rank(np.array([1.0]), 0.7, np.random.default_rng(0))
    share = (1 - 0.5**0.5) ** 0.5
    assert found == pytest.approx(Posterior(share, 1 - share, 0.0), abs=0.01)


def test_posterior_is_seeded_symmetric_and_even_without_difference() -> None:
    gaps = np.random.default_rng(0).normal(size=9)
    one = bayesian_signed_rank(gaps, 0.2, np.random.default_rng(1))
    assert one == bayesian_signed_rank(gaps, 0.2, np.random.default_rng(1))
    other = bayesian_signed_rank(-gaps, 0.2, np.random.default_rng(1))
    assert other == pytest.approx(one[::-1])
    none = bayesian_signed_rank(np.zeros(6), 0.0, np.random.default_rng(0))
    assert none == pytest.approx((0.5, 0.0, 0.5))
    assert bayesian_signed_rank(np.zeros(6), 0.01, np.random.default_rng(0)).equivalent == 1.0
    with pytest.raises(ValueError, match="equivalence must be >= 0; got -1"):
        bayesian_signed_rank(gaps, -1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="differences must be finite"):
        bayesian_signed_rank(np.array([np.nan]), 0.1, np.random.default_rng(0))


def test_leaving_out_by_brute_force() -> None:
    """Ranks of scipy's trimmed means over what is left, by loops."""
    rng = np.random.default_rng(0)
    scores = {name: rng.normal(size=(9, 4)) for name in "abc"}
    for axis, found in ((1, without_each_task(scores)), (0, without_each_seed(scores))):
        assert len(found.without) == (4 if axis else 9)
        for part, ranks in enumerate(found.without):
            left = [trim_mean(np.delete(s, part, axis), 0.25, axis=None) for s in scores.values()]
            assert ranks.tolist() == [1 + sum(x > y for x in left) for y in left]
        first = found.ranks.argmin()
        assert found.same_best == np.mean([r.argmin() == first for r in found.without])


def test_a_ranking_that_hangs_on_one_benchmark() -> None:
    """One wins all by a little, one wins one by much: without that one the order turns round."""
    a = np.array([0.5, 0.5, 0.5]) + np.zeros((8, 1))
    b = np.array([1.9, 0.4, 0.4]) + np.zeros((8, 1))
    found = without_each_task({"a": a, "b": b})
    assert found.ranks.tolist() == [2, 1]
    assert found.without.tolist() == [[1, 2], [2, 1], [2, 1]]
    assert found.tau.tolist() == [-1, 1, 1]
    assert found.same_best == pytest.approx(2 / 3)
    assert without_each_seed({"a": a, "b": b}).same_best == 1.0


def test_leaving_out_with_runs_missing() -> None:
    """A failed run is no part of what is left; a task whose only run is left out is named."""
    a = np.array([[0.1, 0.2], [0.3, np.nan], [0.2, 0.3]])
    found = without_each_seed({"a": a, "b": a + 1, "short": np.array([[2.1, 2.2], [2.4, 2.3]])})
    assert (found.without == [3, 2, 1]).all()
    with pytest.raises(ValueError, match="without seed 0 task 1 has no run"):
        without_each_seed({"a": np.array([[0.1, 0.2], [0.3, np.nan]]), "b": np.ones((2, 2))})
    with pytest.raises(ValueError, match="at least 2 tasks and 2 strategies; got 1 and 2"):
        without_each_task({"a": np.ones((2, 1)), "b": np.ones((2, 1))})
