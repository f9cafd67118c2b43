"""Statistics against scipy, R, brute force and simulations with a known answer."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import friedmanchisquare, mannwhitneyu, trim_mean

from workbench.statistics.aggregates import iqm
from workbench.statistics.bootstrap import Interval, interval, mean_bands
from workbench.statistics.comparison import compare_all, holm, least_p, mann_whitney, mean_ranks
from workbench.statistics.paired import all_pairs
from workbench.statistics.trust import COVERAGE
from workbench.statistics.verdict import tally, verdict
from workbench.types import Floats


@pytest.mark.parametrize("shape", [(30, 5), (7, 1), (3, 3), (2, 1)])
def test_iqm_is_scipys_trimmed_mean(shape: tuple[int, int]) -> None:
    scores = np.random.default_rng(0).normal(size=shape)
    assert iqm(scores[None])[0] == pytest.approx(trim_mean(scores, 0.25, axis=None), rel=1e-12)


def mean(scores: Floats) -> Floats:
    return np.asarray(scores.mean(axis=(1, 2)))


def test_interval_of_a_mean_covers_as_theory_says() -> None:
    """A percentile bootstrap of a mean of 30 normal values covers about 94 % (simulated, known).

    2,000 studies, so that the standard error of the coverage is half a per cent.
    """
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(2000):
        found = interval(rng.normal(size=30), mean, rng, resamples=400)
        inside += found.low <= 0 <= found.high
    assert 0.925 <= inside / 2000 <= 0.955


def test_runs_are_resampled_within_tasks() -> None:
    """Two tasks of constant scores have no spread, however different the tasks are."""
    scores = np.array([[0.0, 10.0]] * 8)
    found = interval(scores, mean, np.random.default_rng(0))
    assert found == Interval(5.0, 5.0, 5.0)


def test_one_run_has_no_interval() -> None:
    found = interval(np.array([3.0]), iqm, np.random.default_rng(0))
    assert found.estimate == 3.0
    assert np.isnan(found.low)
    assert np.isnan(found.high)


def test_bands_are_as_wide_as_the_normal_theory() -> None:
    """With 200 normal runs the bootstrap interval of the mean is 1.96 standard errors each way."""
    rng = np.random.default_rng(0)
    curves = rng.normal(size=(200, 50))
    low, middle, high = mean_bands(curves, rng, resamples=4000)
    assert middle == pytest.approx(curves.mean(axis=0))
    width = (high - low) / (2 * 1.96 * curves.std(axis=0) / 200**0.5)
    assert width.mean() == pytest.approx(1.0, abs=0.02)


def test_holm_is_rs_p_adjust() -> None:
    """R 4.3: p.adjust(c(.01, .02, .03, .04, .05), "holm") is .05 .08 .09 .09 .09."""
    p = np.array([0.04, 0.01, 0.05, 0.02, 0.03])
    assert holm(p) == pytest.approx([0.09, 0.05, 0.09, 0.08, 0.09])
    assert holm(np.array([0.5, 0.9])) == pytest.approx([1.0, 1.0])
    assert len(holm(np.array([]))) == 0


def test_probability_of_improvement_counts_pairs() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(5, size=20).astype(float), rng.integers(6, size=30).astype(float)
    pairs = [(x > y) + (x == y) / 2 for x, y in itertools.product(a, b)]
    assert mann_whitney(a, b)[0] == pytest.approx(np.mean(pairs))
    assert mann_whitney(a, a * 0 + 1)[0] != 0.5
    assert mann_whitney(np.ones(5), np.ones(5)) == (0.5, 1.0)


def test_ranks_are_those_of_friedmans_test() -> None:
    """Friedman's statistic follows from mean ranks: 12 n / (k (k + 1)) sum (R - (k + 1) / 2)^2."""
    scores = np.random.default_rng(0).normal(size=(4, 14))
    ranks = mean_ranks(scores)
    assert 12 * 14 / (4 * 5) * ((ranks - 2.5) ** 2).sum() == pytest.approx(
        friedmanchisquare(*scores).statistic
    )
    assert mean_ranks(np.array([[1.0], [1.0], [0.0]])).tolist() == [1.5, 1.5, 3.0]


def _samples(shift: float) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    rng = np.random.default_rng(0)
    return {"good": rng.normal(size=30) + shift, "random_search": rng.normal(size=30)}


def test_verdict_says_what_the_tests_say() -> None:
    real = compare_all({"t1": _samples(3.0), "t2": _samples(3.0)})
    assert tally(real, "good", "random_search") == (("t1", "t2"), (), ())
    assert tally(real, "random_search", "good") == ((), ("t1", "t2"), ())
    pooled = {"good": Interval(0.9, 0.8, 0.95), "random_search": Interval(0.5, 0.4, 0.6)}
    said = " ".join(verdict(pooled, real, 30, "100 queries"))
    assert said.startswith("After 100 queries, good is ahead: normalised score 0.900 [0.800")
    assert "better than random_search on all 2 benchmarks" in said
    even = compare_all({"t1": _samples(0.0), "t2": _samples(0.0)})
    said = " ".join(verdict(pooled, even, 5, "100 queries"))
    assert "good has the highest normalised score, 0.900 [0.800, 0.950], but is not shown" in said
    assert "cannot be told apart from random_search on any benchmark" in said
    assert "Only 5 runs each" in said


def test_verdict_says_when_nothing_could_be_shown() -> None:
    """Three runs against three: the exact test cannot go below p = 0.1 (scipy says so too)."""
    assert least_p(3) == mannwhitneyu([1, 2, 3], [4, 5, 6], method="exact").pvalue == 0.1
    even = compare_all({"t1": _samples(3.0)})
    pooled = {"good": Interval(0.9, 0.8, 0.95), "random_search": Interval(0.5, 0.4, 0.6)}
    said = " ".join(verdict(pooled, even, 3, "100 queries"))
    assert "none could be" in said
    assert "told apart" not in said
    alone = verdict({"good": Interval(0.9, float("nan"), float("nan"))}, [], 1, "1 query")
    assert "0.900; 1 is" in alone[0]
    assert "Only 1 run each" in alone[1]


def test_verdict_on_mixed_results() -> None:
    pooled = {"good": Interval(0.9, 0.8, 0.95), "random_search": Interval(0.5, 0.4, 0.6)}
    mixed = compare_all({"t1": _samples(3.0), "t2": _samples(-3.0)})
    said = " ".join(verdict(pooled, mixed, 30, "100 queries"))
    assert "better on some benchmarks and worse on others than random_search with 0.500" in said
    assert (
        "Against random_search it is really better on 1 of 2 benchmarks (t1) and really worse on 1"
        " of 2 benchmarks (t2)." in said
    )


def test_verdict_knows_what_holds_over_benchmarks() -> None:
    """Twelve benchmarks of five runs, on none of which a lead of one deviation can be shown."""
    rng = np.random.default_rng(3)
    names = ("good", "middling", "random_search")
    shifts = dict(zip(names, (1.0, 0.9, 0.0), strict=True))
    scores = {
        f"t{i}": {name: rng.normal(size=5) + shift for name, shift in shifts.items()}
        for i in range(12)
    }
    comparisons = compare_all(scores)
    assert not any(c.real for c in comparisons)
    means = {name: np.array([of[name].mean() for of in scores.values()]) for name in names}
    differences = all_pairs(means)
    pooled = {name: Interval(values.mean(), 0.0, 1.0) for name, values in means.items()}
    said = verdict(pooled, comparisons, 30, "100 queries", differences)
    assert any("really better than random_search, with the 12 benchmarks" in one for one in said)
    assert not any("better than random search" in one for one in said)
    five = {name: values[:5] for name, values in means.items()}
    few = [c for c in comparisons if c.task in ("t0", "t1", "t2", "t3", "t4")]
    said = verdict(pooled, few, 30, "100 queries", all_pairs(five))
    assert "What holds on benchmarks in general, 5 of them are too few to show." in said
    alone = verdict(pooled, comparisons, 30, "100 queries")
    assert any("No benchmark shows that middling and good do" in one for one in alone)


PAGE = (Path(__file__).parent.parent / "docs" / "statistics.md").read_text(encoding="utf-8")


def test_code_of_the_page_works() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Interval(") == 2


def test_page_names_what_exists() -> None:
    """Every `module.function` of the page is one."""
    named = set(re.findall(r"`([a-z]+\.[a-z_]+)`", PAGE)) - {"workbench.statistics"}
    assert len(named) > 20
    for name in named:
        module, function = name.split(".")
        assert hasattr(import_module(f"workbench.statistics.{module}"), function), name


def test_page_has_the_coverage_that_the_report_warns_by() -> None:
    """In the first table of numbers: runs, then 1, 3 and 5 tasks of both; the lower one counts."""
    table = PAGE[PAGE.index("### Of the IQM") : PAGE.index("### Of the mean")]
    rows = re.findall(r"^\| (\d+) \|" + r" (\.\d+) \|" * 6, table, re.MULTILINE)
    assert len(rows) * 3 == len(COVERAGE)
    for runs, *covered in rows:
        shares = np.array(covered, dtype=float).reshape(2, 3).min(axis=0)
        for tasks, share in zip((1, 3, 5), shares, strict=True):
            assert COVERAGE[int(runs), tasks] == share
