"""Freeze-thaw against joint normals, its rule by brute force, and random search."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm
from sklearn.gaussian_process.kernels import Matern

import workbench as wb
from workbench.encodings.graph_features import GraphFeatures
from workbench.errors import DataMissing, ParameterError
from workbench.harness.runner import Log, make_strategy, run
from workbench.harness.sections import Budget
from workbench.harness.strategy_study import StrategyEntry
from workbench.predictors.curves.last_value import LastValue
from workbench.seeds import replicate_draw
from workbench.spaces import Space, space
from workbench.strategies._ends import Ends, Normals, evidence
from workbench.strategies.freeze_thaw import CHOICES, FreezeThaw
from workbench.types import Arch, Decision, Floats, Observation, Status, Trial

BENCH = "measured/nb201-mnist"
EPOCHS = tuple(range(1, 13))
SMALL = Space("small", [Decision(f"d{i}", tuple(range(4)), "ordered") for i in range(3)])
FAILED = Observation(Status.FAILED, None)
RNG = np.random.default_rng


def _curve(arch: Arch) -> Floats:
    """Return a made-up curve that ends where a smooth function of the architecture is."""
    rng = RNG([7, *arch])
    end = 0.9 - 0.02 * sum((value - 2) ** 2 for value in arch) + 0.01 * rng.normal()
    return end - 0.5 * np.arange(1, 13) ** -1.2 + 0.01 * rng.normal(size=12)


def _told(trial: Trial) -> Observation:
    seen = 12 if trial.epochs is None else trial.epochs
    known = tuple(_curve(trial.arch)[:seen].tolist())
    return Observation(Status.OK, known[-1], seen, curve=known)


def _made(where: Space = SMALL, seed: int = 0, **parameters: Any) -> FreezeThaw:
    return FreezeThaw(where, RNG(seed), **{"epochs": EPOCHS, "step": 3, **parameters})


# -- what is known of ends ------------------------------------------------------------------------


def test_ends_are_those_of_the_joint_normal() -> None:
    """Five trainings, two ends known, one of which nothing is; scikit-learn's Matern kernel."""
    rng = RNG(1)
    X, new = rng.normal(size=(6, 3)), rng.normal(size=(4, 3))
    said = Normals(rng.normal(size=6), np.array([0.0, 0.3, 0.0, 2.0, np.inf, 0.1]))
    ends = Ends(X, said, np.log([1.5, 0.2, 0.8]))
    known = np.isfinite(said.variance)
    shift, unit = said.mean[known].mean(), said.mean[known].std()
    rows = (np.vstack([X, new]) - X.mean(axis=0)) / X.std(axis=0)
    process = 1.5 * Matern(0.8 * math.sqrt(3), nu=2.5)(rows)
    # Ends of the six and of four new ones, then what is said of five.
    joint = process + 0.2 * np.eye(10)
    cross = joint[:, :6][:, known]
    seen = joint[:6, :6][known][:, known] + np.diag(said.variance[known]) / unit**2
    targets = (said.mean[known] - shift) / unit

    def given(row: int, keep: Any) -> tuple[float, float]:
        weights = np.linalg.solve(seen[np.ix_(keep, keep)], cross[row, keep])
        variance = joint[row, row] - weights @ cross[row, keep]
        return shift + unit * weights @ targets[keep], unit**2 * variance

    everything, order = np.arange(5), np.flatnonzero(known).tolist()
    for place in range(4):
        wanted = given(6 + place, everything)
        found = ends.of_new(new)
        assert (found.mean[place], found.variance[place]) == pytest.approx(wanted, rel=1e-5)
    others = ends.by_others()
    for place in range(6):
        keep = np.delete(everything, order.index(place)) if known[place] else everything
        wanted = given(place, keep)
        assert (others.mean[place], others.variance[place]) == pytest.approx(wanted, rel=1e-5)


def test_evidence_and_what_is_known_of_all_make_what_the_extrapolator_says() -> None:
    """Bayes' rule, by the density on a grid; no evidence where it is no surer than that."""
    found = evidence(np.array([0.8, 0.5]), np.array([0.05, 0.3]), 0.6, 0.2)
    grid = np.linspace(-1, 2, 30_001)
    density = norm.pdf(grid, 0.6, 0.2) * norm.pdf(grid, found.mean[0], found.variance[0] ** 0.5)
    density /= density.sum()
    mean = density @ grid
    assert [mean, math.sqrt(density @ (grid - mean) ** 2)] == pytest.approx([0.8, 0.05])
    assert found.variance[1] == np.inf
    both = Normals(np.array([0.6]), np.array([0.04])).times(Normals(*(p[:1] for p in found)))
    assert [both.mean[0], both.variance[0]] == pytest.approx([0.8, 0.0025])


# -- the rule -------------------------------------------------------------------------------------


def test_each_step_is_the_one_of_greatest_expected_improvement() -> None:
    """One worker, told one by one: all that is open or new, by hand, with ``scipy.stats.norm``."""
    strategy = _made(space("nb201"), 3, extrapolator="last_value", initial=6, batch=1, step=4)
    every = np.unique(space("nb201").canonical(space("nb201").all()), axis=0)
    features = GraphFeatures(space("nb201")).fit(every).transform(every).astype(np.float32)
    place = {tuple(row): i for i, row in enumerate(every.tolist())}
    curves: dict[Arch, Floats] = {}
    whole: list[Arch] = []
    last: dict[Arch, int] = {}
    model, fitted, learned, logs = LastValue(), 0, 0, None
    for step in range(24):
        trial = strategy.ask()
        assert trial is not None
        if step >= 6:
            if len(whole) >= 1.25 * fitted:
                model, fitted = LastValue().fit(np.array([curves[a] for a in whole])), len(whole)
            mean, std = model.predict(np.array([*curves.values()]), return_std=True)
            said = evidence(mean, np.maximum(std, 1e-6), model.mean_, model.std_)
            done = np.array([a in whole for a in curves])
            ends = np.array([c[-1] for c in curves.values()])
            said = Normals(
                np.where(done, ends, said.mean),
                np.where(done, (1e-6 * model.std_) ** 2, said.variance),
            )
            again = len(curves) >= 1.25 * learned
            known = Ends(features[[place[a] for a in curves]], said, None if again else logs)
            logs, learned = known.logs, len(curves) if again else learned
            begun, new = known.by_others().times(said), known.of_new(features)
            wanted: dict[Arch, float] = {}
            best = max(curves[a][-1] for a in whole)
            for arch, mean, variance in [
                *zip(curves, begun.mean, begun.variance, strict=True),
                *((a, new.mean[i], new.variance[i]) for a, i in place.items() if a not in curves),
            ]:
                if arch not in whole:
                    z = (mean - best) / variance**0.5
                    wanted[arch] = variance**0.5 * (z * norm.cdf(z) + norm.pdf(z))
            top = max(wanted.values())
            assert wanted[trial.arch] == pytest.approx(top, rel=1e-5)
            seen = int(np.isfinite(curves[trial.arch]).sum()) if trial.arch in curves else 0
            assert trial.epochs == seen + 4
            assert trial.continues == last.get(trial.arch)
        told = _told(trial)
        curves[trial.arch] = np.full(12, np.nan)
        curves[trial.arch][: told.epochs] = told.curve
        last[trial.arch] = trial.id
        whole += [trial.arch] if told.epochs == 12 else []
        strategy.tell(trial, told)
    assert len(curves) < 24
    assert len(curves) > len(whole)


def test_what_is_wanted_is_the_probability_of_a_gain_that_is_drawn() -> None:
    """Rakotoarison et al. 2024, section 4.1: gains are 10 ** U(-4, -1) of the range."""
    strategy = _made(acquisition="pi_random", initial=4)
    for _ in range(4):
        trial = strategy.ask()
        assert trial is not None
        strategy.tell(trial, _told(trial))
    scores = [_curve(arch)[-1] for arch in strategy._whole]
    mean, std = np.linspace(0.6, 1, 9), np.full(9, 0.1)
    draws = RNG()
    draws.bit_generator.state = strategy.rng.bit_generator.state
    for _ in range(3):
        gain = 10 ** draws.uniform(-4, -1) * (max(scores) - min(scores))
        found = strategy._wanted(Normals(mean, std**2))
        np.testing.assert_allclose(found, norm.sf(max(scores) + gain, mean, std))


@pytest.mark.parametrize("acquisition", CHOICES)
def test_trainings_go_on_a_step_at_a_time_until_all_are_whole(acquisition: str) -> None:
    """Five workers, told in random order, a sixth of the architectures failing on their way."""
    strategy = _made(acquisition=acquisition, batch=3)
    choice, pending, last = RNG(0), list[Trial](), dict[Arch, Trial]()
    failed = set[Arch]()
    while True:
        trial = strategy.ask() if len(pending) < 5 else None
        if trial is not None:
            assert trial.arch not in failed | {other.arch for other in pending}
            before = last.get(trial.arch)
            assert trial.continues == (None if before is None else before.id)
            if before is not None:
                assert before.epochs is not None
                assert trial.epochs == before.epochs + 3
            else:
                assert trial.epochs == (3 if len(last) + len(pending) >= 10 else 12)
            pending.append(trial)
        elif pending:
            trial = pending.pop(int(choice.integers(len(pending))))
            fails = sum(trial.arch) % 6 == 0 and trial.epochs == 6
            failed |= {trial.arch} if fails else set()
            last[trial.arch] = trial
            strategy.tell(trial, FAILED if fails else _told(trial))
        else:
            break
    assert len(last) == 64
    assert failed
    assert all((trial.epochs == 12) != (arch in failed) for arch, trial in last.items())


def test_strangers_teach_and_are_not_asked_for() -> None:
    strategy = _made(initial=2)
    rows = [tuple(row) for row in SMALL.all()[:30].tolist()]
    for i, arch in enumerate(rows):
        strategy.tell(Trial(1000 + i, arch), _told(Trial(0, arch, 12 if i % 2 else 5)))
    asked = [strategy.ask() for _ in range(20)]
    assert not {trial.arch for trial in asked if trial is not None} & {*rows}
    assert len(strategy._whole) == 15


def test_scores_between_those_told_are_interpolated() -> None:
    strategy = _made(initial=2)
    trial = Trial(0, (0, 0, 0), 3)
    strategy.tell(trial, Observation(Status.OK, 0.3, 3))
    training = strategy._trainings[trial.arch]
    assert training.curve is not None
    np.testing.assert_allclose(training.curve[:3], 0.3)
    strategy._extend(training, 6, Observation(Status.OK, 0.6, 6))
    np.testing.assert_allclose(training.curve[:6], np.array([0.3, 0.3, 0.3, 0.4, 0.5, 0.6]))
    assert np.isnan(training.curve[6:]).all()


def test_what_cannot_work_is_said_before_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKBENCH_LCPFN", raising=False)
    with pytest.raises(ParameterError, match="'extrapolator' parameter of FreezeThaw must be the"):
        _made(extrapolator="sotl")
    with pytest.raises(ParameterError, match="'acquisition' parameter"):
        _made(acquisition="mean")
    with pytest.raises(DataMissing, match="pretrained weights"):
        _made(extrapolator="lcpfn").try_out()
    with pytest.raises(ParameterError, match=r"one that can be fitted .*'window'"):
        _made(extrapolator={"name": "moving_average", "window": 0}).try_out()


# -- on a table -----------------------------------------------------------------------------------


def test_it_finds_better_cells_than_random_search() -> None:
    """At 20 seconds of 4 workers, about 69 full trainings; Mann-Whitney, 12 runs against 60."""
    bench = wb.benchmark(BENCH)

    def regret(seed: int, name: str) -> float:
        log = Log(bench, replicate_draw(0, BENCH, seed))
        run(make_strategy(StrategyEntry(name=name), bench, "t", seed), log, Budget(seconds=20), 4)
        told = [r for r in log.records if r.step_told is not None]
        best = max(told, key=lambda r: -math.inf if r.score is None else r.score)
        return float(bench.optimum - bench.truth(np.array([best.arch], dtype=np.int16))[0])

    frozen = [regret(seed, "freeze_thaw") for seed in range(12)]
    random = [regret(seed, "random_search") for seed in range(60)]
    assert mannwhitneyu(frozen, random, alternative="less").pvalue < 0.001
