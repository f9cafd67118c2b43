"""Strategies without a model, against closed forms, brute force and hand computation."""

from __future__ import annotations

import math
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import optuna
import pytest
import torch

from workbench.errors import ParameterError
from workbench.spaces import Space, space
from workbench.strategies import Strategy
from workbench.strategies.local_search import LocalSearch
from workbench.strategies.random_distinct import RandomDistinct
from workbench.strategies.random_search import RandomSearch
from workbench.strategies.regularized_evolution import RegularizedEvolution
from workbench.strategies.reinforce import Reinforce
from workbench.strategies.tpe import Tpe, distributions
from workbench.testing._plugins import Layered
from workbench.types import Arch, Decision, Floats, Observation, Status, Task, Trial

NB201 = space("nb201")
TOY = Space("toy", [Decision("a", (1, 2, 3, 4)), Decision("b", tuple("xyz"))])
LINE = Space("line", [Decision(f"d{i}", (0, 1, 2)) for i in range(12)])


def _ok(score: float) -> Observation:
    return Observation(Status.OK, score)


def _run(strategy: Strategy, score: Callable[[Arch], float], n: int) -> Iterator[Arch]:
    for _ in range(n):
        trial = strategy.ask()
        assert isinstance(trial, Trial)
        strategy.tell(trial, _ok(score(trial.arch)))
        yield trial.arch


def _values(where: Space) -> dict[Arch, float]:
    rows = map(tuple, where.all().tolist())
    return dict(zip(rows, np.random.default_rng(7).random(len(where.all())).tolist(), strict=True))


def test_random_search_finds_the_expected_maximum() -> None:
    """Of n uniform draws from N sorted values, P(max <= v_i) = (i / N)^n; 4,000 searches."""
    values, n = _values(NB201), 20
    ranked = np.sort(np.array(list(values.values())))
    below = (np.arange(len(ranked) + 1) / len(ranked)) ** n
    exact = float(ranked @ np.diff(below))
    found = [
        max(values[arch] for arch in _run(RandomSearch(NB201, rng), values.__getitem__, n))
        for rng in np.random.default_rng(0).spawn(4000)
    ]
    assert abs(np.mean(found) - exact) < 4 * np.std(found) / math.sqrt(len(found))


def test_random_distinct_finds_the_expected_maximum() -> None:
    """Without replacement the i-th smallest of N is the maximum in C(i-1, n-1) of C(N, n)."""
    values, n = _values(TOY), 4
    ranked = sorted(values.values())
    ways = [math.comb(i, n - 1) for i in range(len(ranked))]
    exact = float(np.dot(ranked, ways)) / math.comb(len(ranked), n)
    found = [
        max(values[arch] for arch in _run(RandomDistinct(TOY, rng), values.__getitem__, n))
        for rng in np.random.default_rng(0).spawn(3000)
    ]
    assert abs(np.mean(found) - exact) < 4 * np.std(found) / math.sqrt(len(found))


def test_random_distinct_meets_every_class_once() -> None:
    strategy = RandomDistinct(NB201, np.random.default_rng(0))
    asked = np.array(list(_run(strategy, lambda _: 0.0, 6466)), dtype=np.int16)
    assert len(np.unique(NB201.index(NB201.canonical(asked)))) == 6466
    assert strategy.ask() is None


@pytest.mark.parametrize("cls", [RandomDistinct, LocalSearch])
def test_small_spaces_are_exhausted(cls: type[RandomDistinct | LocalSearch]) -> None:
    strategy = cls(Layered(), np.random.default_rng(0))
    assert len({*_run(strategy, lambda arch: float(sum(arch)), 14)}) == 14
    assert strategy.ask() is None


def test_random_distinct_counts_told_architectures_as_drawn() -> None:
    strategy = RandomDistinct(TOY, np.random.default_rng(0))
    strategy.tell(Trial(99, (2, 1)), _ok(1.0))
    assert (2, 1) not in set(_run(strategy, lambda _: 0.0, 11))
    assert strategy.ask() is None


def _neighbours(where: Space, arch: Arch) -> set[Arch]:
    """Return all rows that differ in one place, by comparison with every row."""
    rows = where.all()
    return {*map(tuple, rows[(rows != np.array(arch)).sum(axis=1) == 1].tolist())}


def test_steepest_local_search_climbs_as_brute_force_does() -> None:
    """Climb after climb, until a space of 243 is exhausted: each asks for what is new to it."""
    where = Space("small", [Decision(f"d{i}", (0, 1, 2)) for i in range(5)])
    values = _values(where)
    strategy = LocalSearch(where, np.random.default_rng(0))
    asked = list(_run(strategy, values.__getitem__, 243))
    assert strategy.ask() is None
    known: set[Arch] = set()
    climbs = 0
    while asked:
        here, met = asked[0], {asked[0]}
        while True:
            met |= _neighbours(where, here)
            best = max(_neighbours(where, here), key=values.__getitem__)
            if values[best] < values[here]:
                break
            here = best
        new = len(met - known)
        assert {*asked[:new]} == met - known
        asked, known, climbs = asked[new:], known | met, climbs + 1
    assert climbs > 5


def test_first_improvement_moves_at_once() -> None:
    values = _values(NB201)
    strategy = LocalSearch(NB201, np.random.default_rng(3), improvement="first")
    here, *asked = _run(strategy, values.__getitem__, 60)
    known = {here}
    for arch in asked:
        if arch not in _neighbours(NB201, here):
            better = [a for a in _neighbours(NB201, here) & known if values[a] > values[here]]
            assert not better
            assert _neighbours(NB201, here) <= known
            break
        known.add(arch)
        if values[arch] > values[here]:
            here = arch
            while better := [
                a for a in known & _neighbours(NB201, here) if values[a] > values[here]
            ]:
                here = better[0]
    else:
        raise AssertionError("no local maximum in 60 queries")


def test_local_search_asks_for_neighbours_while_others_are_pending() -> None:
    strategy = LocalSearch(NB201, np.random.default_rng(0))
    start = strategy.ask()
    assert start is not None
    strategy.tell(start, _ok(1.0))
    pending = [strategy.ask() for _ in range(24)]
    assert {t.arch for t in pending if t} == _neighbours(NB201, start.arch)


def _evolution(seed: int, population: int = 3, sample: int = 3) -> RegularizedEvolution:
    return RegularizedEvolution(
        LINE, np.random.default_rng(seed), population=population, sample=sample
    )


def _parent(child: Arch, parents: list[Arch]) -> int:
    (place,) = [
        i for i, p in enumerate(parents) if sum(a != b for a, b in zip(p, child, strict=True)) == 1
    ]
    return place


MEMBERS: list[Arch] = [(0,) * 12, (1,) * 12, (2,) * 12]


def test_tournament_by_hand() -> None:
    """The best of 3 is in a sample of 3 with chance 19/27, the next wins 7/27, the last 1/27."""
    wins = np.zeros(3)
    for seed in range(2000):
        strategy = _evolution(seed)
        for i, (arch, score) in enumerate(zip(MEMBERS, (3.0, 2.0, 1.0), strict=True)):
            strategy.tell(Trial(100 + i, arch), _ok(score))
        wins[_parent(strategy.ask().arch, MEMBERS)] += 1
    expected = np.array([19, 7, 1]) / 27
    assert (abs(wins / 2000 - expected) < 4 * np.sqrt(expected * (1 - expected) / 2000)).all()


def test_the_oldest_dies_however_good_it_is() -> None:
    strategy = _evolution(0)
    newcomer = (0, 1, 2) * 4
    for i, (arch, score) in enumerate(zip([*MEMBERS, newcomer], (9.0, 2, 1, 0), strict=True)):
        strategy.tell(Trial(100 + i, arch), _ok(score))
    children = [strategy.ask().arch for _ in range(60)]
    assert {_parent(child, [*MEMBERS, newcomer]) for child in children} == {1, 2, 3}


def test_failed_trials_are_never_born() -> None:
    strategy = _evolution(0, population=1, sample=1)
    strategy.tell(Trial(100, MEMBERS[0]), _ok(1.0))
    strategy.tell(Trial(101, MEMBERS[1]), Observation(Status.FAILED, None))
    strategy.tell(Trial(102, MEMBERS[2]), _ok(math.nan))
    assert _parent(strategy.ask().arch, MEMBERS) == 0


def test_the_population_fills_before_it_evolves() -> None:
    """Ten pending trials fill a population of ten; the eleventh ask is a child if it can be."""
    strategy = RegularizedEvolution(LINE, np.random.default_rng(0), population=10, sample=1)
    trials = [strategy.ask() for _ in range(10)]
    strategy.tell(trials[4], _ok(1.0))
    assert _parent(strategy.ask().arch, [trials[4].arch]) == 0


def test_evolution_is_quick() -> None:
    """300 ask and tell pairs; the aim is 4 ms, the bound leaves room for a busy machine."""

    def once() -> float:
        start = time.process_time()
        strategy = RegularizedEvolution(NB201, np.random.default_rng(0))
        list(_run(strategy, lambda arch: float(sum(arch)), 300))
        return time.process_time() - start

    assert min(once() for _ in range(5)) < 0.012


def _log_probability(strategy: Reinforce, arch: Arch) -> float:
    active = strategy.space.active(np.array([arch], dtype=np.int16))[0]
    chosen = strategy.probabilities()[np.arange(len(arch)), arch]
    return float(np.log(chosen[active]).sum())


@pytest.mark.parametrize("where", [TOY, Layered()], ids=["toy", "layered"])
def test_reinforce_gradient_is_that_of_finite_differences(where: Space) -> None:
    strategy = Reinforce(where, np.random.default_rng(0))
    arch: Arch = tuple(where.sample(1, np.random.default_rng(1))[0].tolist())
    gradient, logits = strategy.gradient(arch), strategy._logits.copy()
    for place in zip(*np.isfinite(logits).nonzero(), strict=True):
        sides = []
        for step in (1e-6, -1e-6):
            strategy._logits = logits.copy()
            strategy._logits[place] += step
            sides.append(_log_probability(strategy, arch))
        assert gradient[place] == pytest.approx((sides[0] - sides[1]) / 2e-6, abs=1e-6)


def _published_reinforce(logits: Floats, archs: list[Arch], scores: list[float]) -> Floats:
    """Run the authors' loop, by automatic differentiation and torch's own Adam."""
    policy = torch.tensor(logits, requires_grad=True)
    adam = torch.optim.Adam([policy], lr=0.01)
    total = weight = 0.0
    for arch, score in zip(archs, scores, strict=True):
        total, weight = 0.9 * total + 0.1 * score, 0.9 * weight + 0.1
        chance = torch.distributions.Categorical(logits=policy).log_prob(torch.tensor(arch))  # type: ignore[no-untyped-call]
        adam.zero_grad()
        (-chance * (score - total / weight)).sum().backward()
        adam.step()
    return np.asarray(torch.softmax(policy, dim=1).detach())


def test_reinforce_follows_the_published_loop() -> None:
    strategy = Reinforce(NB201, np.random.default_rng(0), **Reinforce.PRESETS["nats_bench"])
    logits, scores = strategy._logits.copy(), _values(NB201)
    asked = list(_run(strategy, scores.__getitem__, 100))
    wanted = _published_reinforce(logits, asked, [scores[arch] for arch in asked])
    assert np.allclose(strategy.probabilities(), wanted, atol=1e-6)


def test_reinforce_draws_from_its_policy() -> None:
    """Frequencies of 4,000 draws of a learned policy, a decision at a time."""
    strategy = Reinforce(TOY, np.random.default_rng(0))
    strategy._logits[:] = np.log([[0.1, 0.2, 0.3, 0.4], [0.5, 0.25, 0.25, 1e-300]])
    strategy._logits[1, 3] = -np.inf
    draws = np.array([strategy.ask().arch for _ in range(4000)])
    for i in range(2):
        chance = strategy.probabilities()[i]
        share = np.bincount(draws[:, i], minlength=4) / len(draws)
        assert (abs(share - chance) <= 4 * np.sqrt(chance * (1 - chance) / len(draws))).all()


def test_tpe_asks_what_the_sampler_itself_asks() -> None:
    where, scores = space("fcnet"), np.random.default_rng(0).random(40).tolist()
    rng = np.random.default_rng(5)
    strategy = Tpe(where, np.random.default_rng(5))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = optuna.samplers.TPESampler(
            seed=int(rng.integers(2**31 - 1)), constant_liar=True, multivariate=False
        )
    study = optuna.create_study(sampler=sampler, direction="maximize")
    for score in scores:
        asked, trial = study.ask(distributions(where)), strategy.ask()
        assert trial.arch == tuple(asked.params[d.name] for d in where.decisions)
        study.tell(asked, score)
        strategy.tell(trial, _ok(score))


def test_tpe_leaves_the_verbosity_as_it_was() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    Tpe(TOY, np.random.default_rng(0)).ask()
    assert optuna.logging.get_verbosity() == optuna.logging.ERROR


@pytest.mark.parametrize(
    ("cls", "parameters"),
    [
        (RegularizedEvolution, {"population": 0}),
        (RegularizedEvolution, {"population": 10, "sample": 11}),
        (RegularizedEvolution, {"sample": True}),
        (LocalSearch, {"improvement": "deepest"}),
        (Reinforce, {"learning_rate": -1}),
        (Reinforce, {"learning_rate": math.inf}),
        (Reinforce, {"momentum": 1}),
        (Tpe, {"candidates": 0}),
        (Tpe, {"multivariate": 1}),
    ],
)
def test_wrong_values_are_refused(cls: type[Any], parameters: dict[str, Any]) -> None:
    *_, name = parameters
    with pytest.raises(ParameterError, match=f"The '{name}' parameter of {cls.__name__} must be"):
        cls(NB201, np.random.default_rng(0), **parameters)


def test_tasks_are_not_theirs() -> None:
    with pytest.raises(TypeError, match="asks for no tasks"):
        RandomSearch(TOY, np.random.default_rng(0)).tell(Task(0, "proxy"), _ok(0.0))


def test_strategies_load_nothing_heavy() -> None:
    code = (
        "import sys, workbench.strategies, workbench.strategies.local_search;"
        "import workbench.strategies.regularized_evolution, workbench.strategies.reinforce;"
        "print([m for m in ('torch', 'sklearn', 'scipy', 'xgboost') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
