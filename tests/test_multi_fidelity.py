"""Successive halving, Hyperband and ASHA against the tables and the pseudo-code of their papers."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from workbench.errors import ParameterError
from workbench.spaces import Space
from workbench.strategies._rungs import BY_HAND, MultiFidelity, hyperband_bracket
from workbench.strategies.asha import Asha
from workbench.strategies.hyperband import Hyperband
from workbench.strategies.successive_halving import SuccessiveHalving
from workbench.types import Decision, Observation, Status, Trial

WIDE = Space("wide", [Decision(f"d{i}", tuple(range(9))) for i in range(6)])
FAILED = Observation(Status.FAILED, None)
EPOCHS = tuple(range(1, 25))


def _told(trial: Trial) -> Observation:
    """Return a score that no two trials share, and that knows no order of rungs."""
    score = float(np.random.default_rng([trial.id, *trial.arch]).random())
    return Observation(Status.OK, score, epochs=trial.epochs)


def _play(strategy: MultiFidelity, count: int, told: Any = _told) -> list[tuple[Trial, float]]:
    """Ask and tell one by one; return trials with their scores, NaN where they failed."""
    found = []
    for _ in range(count):
        trial = strategy.ask()
        assert isinstance(trial, Trial)
        strategy.tell(trial, told(trial))
        score = told(trial).score
        found.append((trial, math.nan if score is None else score))
    return found


def _made(cls: type[Any], seed: int = 0, **parameters: Any) -> Any:
    return cls(WIDE, np.random.default_rng(seed), **parameters)


@pytest.mark.parametrize(
    ("epochs", "eta", "least", "expected"),
    [
        (BY_HAND, 3, 1, (1, 3, 9, 27, 81)),
        (EPOCHS, 3, 1, (3, 8, 24)),
        (EPOCHS, 2, 1, (2, 3, 6, 12, 24)),
        (EPOCHS, 4, 1, (2, 6, 24)),
        (EPOCHS, 3, 4, (8, 24)),
        ((12, 200), 3, 1, (12, 200)),
        ((1, 50, 60, 100), 3, 2, (50, 100)),
    ],
)
def test_rungs_are_epochs_that_exist(
    epochs: tuple[int, ...], eta: int, least: int, expected: tuple[int, ...]
) -> None:
    """R / eta**i by hand, such as 24, 8, 2.67: nearest in ratio, none below ``min_epochs``."""
    assert _made(Hyperband, epochs=epochs, eta=eta, min_epochs=least).rungs == expected


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"epochs": (200,)}, r"'epochs' parameter of Asha .* Got \(200,\)"),
        ({"epochs": [3, 1]}, "'epochs' parameter of Asha .* that rise"),
        ({"epochs": [True, 4]}, "'epochs' parameter of Asha"),
        ({"epochs": [1, 2, 3], "eta": 4}, r"'eta' .* at most 3, the epochs of a full .* Got 4"),
        ({"epochs": EPOCHS, "min_epochs": 9}, r"'min_epochs' .* at most 24 / eta = 6.* Got 9"),
        ({"epochs": (1, 24), "min_epochs": 2}, "'min_epochs' .* Got 2"),
        ({"eta": 1}, "'eta' parameter of Asha must be an integer >= 2"),
    ],
)
def test_what_leaves_one_rung_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        _made(Asha, **wrong)


TABLE = [
    [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
    [(27, 3), (9, 9), (3, 27), (1, 81)],
    [(9, 9), (3, 27), (1, 81)],
    [(6, 27), (2, 81)],
    [(5, 81)],
]
"""n_i and r_i of the brackets s = 4 to 0: Table 1 of arXiv:1603.06560, R = 81 and eta = 3."""


def test_brackets_are_those_of_the_papers_table() -> None:
    """Two cycles with one worker: 2 x 187 trials, rung by rung as the table says."""
    asked = [trial for trial, _ in _play(_made(Hyperband), 2 * 187)]
    expected = [epochs for rungs in 2 * TABLE for n, epochs in rungs for _ in range(n)]
    assert [trial.epochs for trial in asked] == expected


def test_brackets_start_no_more_than_algorithm_1() -> None:
    """Algorithm 1 of arXiv:1603.06560: n = ceil(B / R eta**s / (s + 1)), with B = (s_max + 1) R."""
    paper = [math.ceil(5 * 3**s / (s + 1)) for s in (4, 3, 2, 1, 0)]
    assert ", ".join(map(str, paper[:-1])) == "81, 34, 15, 8"
    assert "81, 34, 15, 8 and 5" in (Hyperband.__doc__ or "")
    for count, eta in itertools.product(range(2, 8), (2, 3, 4)):
        for s in range(count):
            starts = hyperband_bracket(count, eta, count - 1 - s).sizes[0]
            assert starts == math.floor(count / (s + 1)) * eta**s
            assert starts <= math.ceil(count * eta**s / (s + 1))


def test_halving_starts_as_many_as_leave_one() -> None:
    """Of eta**k, one is left after k rounds: 16, 8, 4, 2, 1 on 2, 3, 6, 12, 24 epochs."""
    asked = [trial for trial, _ in _play(_made(SuccessiveHalving, epochs=EPOCHS), 62)]
    assert Counter(trial.epochs for trial in asked[:31]) == {2: 16, 3: 8, 6: 4, 12: 2, 24: 1}
    assert [t.epochs for t in asked[:31]] == [t.epochs for t in asked[31:]]


def test_the_best_of_a_rung_go_on_and_continue_their_training() -> None:
    """The first bracket at R = 81: each rung's trials are the best third of the one below."""
    played = _play(_made(Hyperband, seed=1), 121)
    start = 0
    for (n, _), (m, epochs) in pairwise(TABLE[0]):
        rung, above = played[start : start + n], played[start + n : start + n + m]
        best = sorted(rung, key=lambda told: -told[1])[:m]
        assert [t.continues for t, _ in above] == [t.id for t, _ in best]
        assert [t.arch for t, _ in above] == [t.arch for t, _ in best]
        assert {t.epochs for t, _ in above} == {epochs}
        start += n
    assert all(trial.continues is None for trial, _ in played[:81])


def test_a_bracket_waits_for_its_rung_and_the_next_one_opens_beside_it() -> None:
    """9 on rung 1 of (3, 8, 24) pending: 3 of the next bracket, then 3 of the last, then 9."""
    strategy = _made(Hyperband, epochs=EPOCHS)
    asked = [strategy.ask() for _ in range(20)]
    assert [t.epochs for t in asked] == [3] * 9 + [8] * 3 + [24] * 3 + [3] * 5
    for trial in asked[1:9]:
        strategy.tell(trial, _told(trial))
    assert strategy.ask().continues is None
    strategy.tell(asked[0], _told(asked[0]))
    assert [strategy.ask().epochs for _ in range(3)] == [8] * 3
    assert strategy.ask().epochs == 3


def test_failures_are_never_promoted_and_do_not_block() -> None:
    """Two of nine succeed: two of three places above are taken, and then one of one."""

    def told(trial: Trial) -> Observation:
        return _told(trial) if trial.id in (4, 7) or trial.id > 8 else FAILED

    played = [t for t, _ in _play(_made(Hyperband, epochs=EPOCHS), 13, told)]
    assert sorted(t.continues for t in played[9:11] if t.continues) == [4, 7]
    assert [t.epochs for t in played[9:]] == [8, 8, 24, 8]
    assert played[12].continues is None
    played = [t for t, _ in _play(_made(Hyperband, epochs=EPOCHS), 15, lambda _: FAILED)]
    assert [t.epochs for t in played] == [3] * 9 + [8] * 3 + [24] * 3
    assert all(t.continues is None for t in played)


def test_strangers_have_no_part_in_a_bracket() -> None:
    """A trial never asked for, or told a second time, fills no place."""
    strategy, again = _made(Hyperband, epochs=EPOCHS), _made(Hyperband, epochs=EPOCHS)
    stranger = Trial(5, (0,) * 6, 3)
    for trial, _ in _play(strategy, 9):
        again.tell(stranger, Observation(Status.OK, 9.0, epochs=3))
        asked = again.ask()
        again.tell(asked, _told(asked))
        again.tell(asked, _told(asked))
        assert asked == trial
    assert strategy.ask() == again.ask()


def test_every_bracket_costs_about_the_same() -> None:
    """What the sizes are for: epochs of a bracket, trained anew, are at most (s_max + 1) R."""
    for number in range(5):
        bracket = hyperband_bracket(5, 3, number)
        epochs = sum(n * BY_HAND[r] for n, r in zip(bracket.sizes, bracket.rungs, strict=True))
        assert 3 * 81 <= epochs <= 5 * 81


class _Paper:
    """Algorithm 2 of arXiv:1810.05934, read literally: every rung is sorted anew for every job."""

    def __init__(self, rungs: int, eta: int) -> None:
        self.eta = eta
        self.losses: list[dict[int, float]] = [{} for _ in range(rungs)]
        self.promoted: list[set[int]] = [set() for _ in range(rungs)]

    def get_job(self) -> tuple[int, int] | None:
        """Return configuration and rung of a promotion; None: grow the bottom rung."""
        for k in range(len(self.losses) - 2, -1, -1):
            rung = self.losses[k]
            candidates = sorted(rung, key=lambda c: rung[c])[: math.floor(len(rung) / self.eta)]
            promotable = [c for c in candidates if c not in self.promoted[k] and rung[c] < math.inf]
            if promotable:
                self.promoted[k].add(promotable[0])
                return promotable[0], k + 1
        return None


@pytest.mark.parametrize("seed", range(20))
def test_asha_is_the_papers_pseudo_code(seed: int) -> None:
    """Up to nine workers told at random, scores of 30 values so that some tie.

    A tenth of the trials fail; in every other run four fifths, more than are not promoted.
    """
    rng, failing = np.random.default_rng(seed), (0.1, 0.8)[seed % 2]
    epochs, eta = ((BY_HAND, 3), (EPOCHS, 2), (EPOCHS, 4))[seed % 3]
    strategy = _made(Asha, seed=seed, epochs=epochs, eta=eta)
    paper = _Paper(len(strategy.rungs), eta)
    pending: list[tuple[Trial, int, int]] = []
    last: dict[int, int] = {}
    reached = Counter[int]()
    for _ in range(1500):
        if pending and (len(pending) == 9 or rng.random() < 0.5):
            trial, config, rung = pending.pop(int(rng.integers(len(pending))))
            score = None if rng.random() < failing else float(rng.integers(30))
            strategy.tell(
                trial, Observation(Status.OK if score is not None else Status.FAILED, score)
            )
            paper.losses[rung][config] = math.inf if score is None else -score
            continue
        trial, job = strategy.ask(), paper.get_job()
        config, rung = (trial.id, 0) if job is None else job
        assert trial.continues == (None if job is None else last[config])
        assert trial.epochs == strategy.rungs[rung]
        last[config] = trial.id
        pending.append((trial, config, rung))
        reached[rung] += 1
    assert all(reached[rung] for rung in range(len(strategy.rungs)))


def test_asha_never_waits_and_ignores_strangers() -> None:
    strategy = _made(Asha, epochs=EPOCHS, eta=3)
    assert {strategy.ask().epochs for _ in range(50)} == {3}
    for i in range(50, 60):
        strategy.tell(Trial(i, (0,) * 6, 3), Observation(Status.OK, 1.0))
    assert strategy.ask().continues is None
