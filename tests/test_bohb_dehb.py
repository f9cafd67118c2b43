"""BOHB and DEHB against closed forms, scipy, and brute-force readings of their rules."""

from __future__ import annotations

import copy
import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from workbench.spaces import Space
from workbench.strategies import Strategy
from workbench.strategies._density import Density, jumps
from workbench.strategies._differential import archs_of, mutants, offspring, vectors_of
from workbench.strategies.bohb import Bohb
from workbench.strategies.dehb import Dehb
from workbench.strategies.hyperband import Hyperband
from workbench.types import Archs, Decision, Observation, Status, Trial

KINDS: list[Any] = ["categorical", "ordered", "log"]
MIXED = Space("mixed", [Decision(f"d{i}", (1, 2, 4, 8), kind) for i, kind in enumerate(KINDS)])
LETTERS = Space("letters", [Decision(f"d{i}", tuple("abcde")) for i in range(6)])
NUMBERS = Space("numbers", [Decision(f"d{i}", tuple(range(10)), "ordered") for i in range(4)])
EPOCHS = (3, 8, 24)


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _ok(score: float) -> Observation:
    return Observation(Status.OK, score)


def _density(x: Any, points: Archs, low: float) -> float:
    """Return the density of one row, factor by factor.

    Aitchison and Aitken (1976): 1 - h at the point itself, h / (c - 1) at each other value. Normal
    kernel: scipy. Widths: the rule of statsmodels' ``KDEMultivariate``, "normal_reference".
    """
    n, d = points.shape
    total = 0.0
    for point in points:
        product = 1.0
        for i in range(d):
            column = points[:, i] if i == 0 else (points[:, i] + 0.5) / 4
            h = max(1.06 * np.std(column) * n ** (-1.0 / (4 + d)), low)
            if i == 0:
                h = min(h, 3 / 4)
                product *= 1 - h if x[i] == point[i] else h / 3
            else:
                product *= float(stats.norm.pdf((x[i] + 0.5) / 4, (point[i] + 0.5) / 4, h))
        total += product
    return float(total / n)


@pytest.mark.parametrize("n", [1, 4, 9])
def test_density_is_the_product_kernel(n: int) -> None:
    points = MIXED.sample(n, _rng(n))
    found = Density(MIXED, points, 0.1).at(MIXED.all())
    assert found == pytest.approx([_density(row, points, 0.1) for row in MIXED.all()])


def test_categorical_density_sums_to_one() -> None:
    points = LETTERS.sample(7, _rng())
    assert Density(LETTERS, points, 1e-3).at(LETTERS.all()).sum() == pytest.approx(1)


def test_jumps_are_those_of_a_truncated_normal() -> None:
    """Mass of each tenth of [0, 1] under scipy's truncnorm around the middle of the start's."""
    found = jumps(NUMBERS.decisions[0], 0.07, 3)
    for start in range(10):
        at, scale = (start + 0.5) / 10, 0.21
        normal = stats.truncnorm(-at / scale, (1 - at) / scale, loc=at, scale=scale)
        assert found[start] == pytest.approx(np.diff(normal.cdf(np.arange(11) / 10)))


def test_draws_follow_the_jumps() -> None:
    """20,000 draws of each decision, within 5 sigma of the mean over points of their jumps."""
    points, count = MIXED.sample(3, _rng(3)), 20_000
    density = Density(MIXED, points, 1e-3)
    drawn = density.draw(count, 3, _rng(4))
    for i, decision in enumerate(MIXED.decisions):
        chances = jumps(decision, density.bandwidths[i], 3)[points[:, i]].mean(axis=0)
        found = np.bincount(drawn[:, i], minlength=4) / count
        assert (abs(found - chances) <= 5 * np.sqrt(chances * (1 - chances) / count)).all()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({3: 13}, None),
        ({3: 14}, (3, 7, 7)),
        ({3: 60}, (3, 9, 51)),
        ({3: 60, 24: 13}, (3, 9, 51)),
        ({3: 60, 8: 14}, (8, 7, 7)),
        ({3: 60, 8: 40, 24: 20}, (24, 7, 13)),
        ({24: 199}, (24, 29, 169)),
    ],
)
def test_good_and_bad_are_those_of_the_published_rule(
    told: dict[int, int], expected: tuple[int, int, int] | None
) -> None:
    """Of six decisions: at least 7 good and 7 bad, 15 % and 85 % rounded down, the highest rung.

    Scores rise with the order of tells, and rung by rung on rows that only this rung has.
    """
    strategy = Bohb(LETTERS, _rng(), epochs=EPOCHS)
    rows = {epochs: LETTERS.sample(n, _rng(epochs)).tolist() for epochs, n in told.items()}
    for epochs, archs in rows.items():
        for i, arch in enumerate(archs):
            strategy.tell(Trial(10**6 + i, tuple(arch), epochs), _ok(i))
    found = strategy.split()
    if expected is None or found is None:
        assert expected is None
        assert found is None
        return
    epochs, good, bad = expected
    best_first = rows[epochs][::-1]
    assert found[0].tolist() == best_first[:good]
    assert found[1].tolist() == best_first[good : good + bad]


def test_failures_are_bad_and_epochs_between_rungs_are_left_out() -> None:
    strategy = Bohb(LETTERS, _rng(), epochs=EPOCHS)
    rows = LETTERS.sample(30, _rng(1)).tolist()
    for i, arch in enumerate(rows[:20]):
        failed = Observation(Status.FAILED, None)
        strategy.tell(Trial(10**6 + i, tuple(arch)), failed if i < 10 else _ok(-i))
    for i, arch in enumerate(rows[20:]):
        strategy.tell(Trial(10**7 + i, tuple(arch), 23), _ok(99))
    found = strategy.split()
    assert found is not None
    assert found[0].tolist() == rows[10:17]
    assert found[1].tolist() == rows[17:20] + rows[:10]


def test_a_newcomer_has_the_highest_ratio_of_densities() -> None:
    """The same draws are made here from a copy of the generator, and judged one by one."""
    strategy = Bohb(MIXED, _rng(2), epochs=EPOCHS, random_fraction=0, num_samples=9, eta=3)
    for i, arch in enumerate(MIXED.sample(40, _rng(5)).tolist()):
        strategy.tell(Trial(10**6 + i, tuple(arch)), _ok(-sum(arch)))
    rng = copy.deepcopy(strategy.rng)
    asked = strategy.ask().arch
    good, bad = strategy.split() or (None, None)
    assert good is not None
    assert bad is not None
    rng.random()
    drawn = Density(MIXED, good, 1e-3).draw(9, 3, rng).tolist()
    ratios = [_density(row, good, 1e-3) / _density(row, bad, 1e-3) for row in drawn]
    assert asked == tuple(drawn[int(np.argmax(ratios))])
    assert len(set(map(tuple, drawn))) > 3


def _late(cls: Any, where: Space, score: Any, seed: int) -> float:
    """Return the mean score of the last 60 of 400 trials, one worker; all rungs score alike."""
    strategy: Strategy = cls(where, _rng(seed))
    found = []
    for _ in range(400):
        trial = strategy.ask()
        assert isinstance(trial, Trial)
        found.append(score(np.array(trial.arch)))
        strategy.tell(trial, _ok(found[-1]))
    return float(np.mean(found[-60:]))


@pytest.mark.parametrize("cls", [Bohb, Dehb])
@pytest.mark.parametrize("where", [LETTERS, NUMBERS])
def test_they_learn_what_is_good(cls: Any, where: Space) -> None:
    """Every decision counts by itself; ten runs against ten of Hyperband, which learns nothing.

    Measured: 3.3 and 2.5 of 6 letters right against 1.5; -12 and -18 against -36 in numbers, with
    standard errors of a tenth of the lead.
    """

    def score(arch: Any) -> float:
        return float((arch == 3).sum()) if where is LETTERS else -float(((arch - 3) ** 2).sum())

    lead = np.array(
        [_late(cls, where, score, s) - _late(Hyperband, where, score, s) for s in range(10)]
    )
    assert lead.mean() > 3 * lead.std(ddof=1) / math.sqrt(10)


def test_mutants_are_rand_1_of_distinct_parents() -> None:
    """Each of the 4 x 3 x 2 ordered triples as often as the others, within 5 sigma."""
    pool = _rng(0).random((4, 2))
    triples = list(itertools.permutations(range(4), 3))
    exact = np.array([pool[a] + 0.5 * (pool[b] - pool[c]) for a, b, c in triples])
    found = mutants(pool, 4800, 0.5, _rng(1))
    which = abs(found[:, None] - exact).sum(axis=2)
    assert which.min(axis=1).max() < 1e-12
    counts = np.bincount(which.argmin(axis=1), minlength=24)
    assert (abs(counts - 200) < 5 * math.sqrt(200)).all()


def test_crossover_is_binomial_with_one_at_least() -> None:
    """Of 5 decisions, k are the mutant's: C(5, k) p^k (1 - p)^(5 - k), the share of 0 goes to 1."""
    rng, n, p = _rng(2), 6000, 0.3
    taken = [offspring(np.zeros(5), np.full(5, 0.5), p, rng) > 0 for _ in range(n)]
    exact = stats.binom.pmf(np.arange(6), 5, p)
    exact[1] += exact[0]
    exact[0] = 0
    found = np.bincount(np.sum(taken, axis=1), minlength=6) / n
    assert (abs(found - exact) <= 5 * np.sqrt(exact * (1 - exact) / n)).all()
    each = np.mean(taken, axis=0)
    assert np.ptp(each) < 5 * math.sqrt(2 * 0.25 / n)


def test_what_leaves_the_cube_is_drawn_anew() -> None:
    child = offspring(np.full(4, 0.5), np.array([-0.1, 1.0, 0.2, 7.0]), 1, _rng())
    assert child[2] == 0.2
    assert ((child >= 0) & (child < 1)).all()
    assert len({*child}) == 4


def test_vectors_and_architectures_are_inverse() -> None:
    rows = NUMBERS.sample(500, _rng())
    vectors = vectors_of(NUMBERS, rows, _rng(1))
    assert (archs_of(NUMBERS, vectors) == rows).all()
    assert archs_of(NUMBERS, np.full((1, 4), np.nextafter(1, 0))).tolist() == [[9] * 4]


def test_populations_are_as_large_as_hyperbands_rungs() -> None:
    """The largest of each row of the paper's Table 1 at R = 81: 81, 27, 9, 6 and 5."""
    sizes = [len(population.scores) for population in Dehb(LETTERS, _rng()).populations]
    assert sizes == [81, 27, 9, 6, 5]


def test_the_first_cycle_halves_and_later_ones_evolve_on_every_rung() -> None:
    """9, 3, 1; 3, 1; 3 trials on (3, 8, 24) epochs, in every cycle; only the first continues."""
    strategy = Dehb(LETTERS, _rng(), epochs=EPOCHS)
    asked = []
    for i in range(60):
        asked.append(strategy.ask())
        strategy.tell(asked[-1], _ok((7 * i) % 60))
    cycle = [3] * 9 + [8] * 3 + [24] + [8] * 3 + [24] + [24] * 3
    assert [trial.epochs for trial in asked] == 3 * cycle
    continued = [trial for trial in asked if trial.continues is not None]
    assert [trial.id for trial in continued] == [9, 10, 11, 12, 16]
    assert all(asked[t.continues].arch == t.arch for t in continued if t.continues is not None)
    best = sorted(asked[:9], key=lambda t: -((7 * t.id) % 60))[:3]
    assert [t.continues for t in asked[9:12]] == [t.id for t in best]


def test_selection_keeps_the_best_challenger_of_each_individual() -> None:
    """With nobody pending, individuals are challenged in turn: the best of every n-th trial."""
    strategy = Dehb(LETTERS, _rng(), epochs=EPOCHS)
    scores: dict[int, list[float]] = {epochs: [] for epochs in EPOCHS}
    for i in range(200):
        trial = strategy.ask()
        assert trial.epochs is not None
        score = float(_rng(i).random())
        failed = i % 5 == 4
        scores[trial.epochs].append(-math.inf if failed else score)
        strategy.tell(trial, Observation(Status.FAILED, None) if failed else _ok(score))
    for population, epochs in zip(strategy.populations, EPOCHS, strict=True):
        n = len(population.scores)
        assert population.scores.tolist() == [max(scores[epochs][i::n]) for i in range(n)]


def test_parents_are_the_best_of_the_rung_below() -> None:
    """Without difference and with all of the mutant, a child is a copy of one of its parents."""
    strategy = Dehb(LETTERS, _rng(), epochs=EPOCHS, mutation_factor=0, crossover_prob=1)
    children: Counter[int] = Counter()
    for i in range(300):
        trial = strategy.ask()
        if i >= 20 and i % 20 in range(9, 12):
            below = strategy.populations[0]
            best = archs_of(LETTERS, below.vectors[np.argsort(-below.scores)[:3]]).tolist()
            children[best.index(list(trial.arch))] += 1
        strategy.tell(trial, _ok(float(_rng(i).random())))
    assert set(children) == {0, 1, 2}
