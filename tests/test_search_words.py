"""What a report says of a live search: what is shown, and what is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from workbench.report.search_words import by_chance, indistinct, spread, welch


def test_words_of_few_numbers() -> None:
    """Welch's test: against scipy's of samples, and where it is not defined."""
    a, b = [98.1, 98.4, 98.6], [99.1, 99.4, 98.8]
    assert welch(a, b) == pytest.approx(ttest_ind(a, b, equal_var=False).pvalue, rel=1e-9)
    assert welch([1.0, 2.0], [float("nan"), 1.0]) is None
    assert welch([1.0, 1.0], [1.0, 1.0]) is None
    assert welch([1.0, 1.1, 0.9], [5.0, 5.1, 4.9]) is not None
    assert spread([1.0]) == "1.00"
    assert spread([float("nan")]) == "nan"
    assert spread([1.0, 3.0]) == "2.00 ± 1.41"


def _trainings(correlation: float, n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    both = rng.multivariate_normal([98, 97], [[1, correlation], [correlation, 1]], size=n)
    return pd.DataFrame(both, columns=["val_acc", "test_acc"])


def test_scores_that_tell_nothing_apart_are_said_to() -> None:
    """By the level of a test (.05) and its power, .84 here by Fisher's z: (atanh(.5) sqrt(27))."""
    without = [indistinct(_trainings(0.0, 152, seed)) for seed in range(200)]
    assert 180 <= sum(words is not None for words in without) <= 198
    said = [indistinct(_trainings(0.5, 30, seed)) for seed in range(200)]
    assert sum(words is not None for words in said) <= 50
    assert without[0] is not None
    assert without[0].startswith("Of these 152, what validated better did not test better")
    assert indistinct(_trainings(0.0, 29, 0)) is None
    assert indistinct(_trainings(0.0, 40, 0).assign(val_acc=99.0)) is None


def test_one_random_architecture_is_seldom_told_to_beat_chance() -> None:
    """The level of the test, by a simulation of searches that return one random architecture."""
    rng = np.random.default_rng(0)
    said = 0
    for _ in range(2000):
        quality = rng.normal(95, 1, 21)
        noisy = rng.normal(quality, 0.3)
        again = rng.normal(quality[0], 0.3, 3)
        words = by_chance([*again], [*noisy[1:]])
        assert words is not None
        said += "better than chance gives" in words
    # 1 of 21, less what the mean over seeds is luckily high less often; .0048 is its deviation.
    assert said / 2000 < 1 / 21 + 2 * 0.0048
    assert said / 2000 > 0.02


def test_words_of_what_chance_gives() -> None:
    said = by_chance([97.3, 97.7], [97.5, 97.4, 96.0, float("nan")])
    assert said is not None
    assert said.startswith("1 of 3 random architectures, trained once each, tests as well; one")
    assert "with a probability of 0.5: that the search has found more" in said
    assert said.endswith("nor could it be with fewer than 19 random ones (final.random).")
    best = by_chance([97.3], [96.0] * 19)
    assert best is not None
    assert best.startswith("None of 19 random architectures")
    assert best.endswith("0.05: the search has found something better than chance gives.")
    assert by_chance([97.3], []) is None
