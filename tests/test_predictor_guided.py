"""Predictor-guided search with a regressor that knows the truth, and its formulas and quality."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from workbench.data._open import benchmark
from workbench.encodings.graph_features import GraphFeatures
from workbench.encodings.one_hot import OneHot
from workbench.encodings.path import Path
from workbench.errors import NoGraph, ParameterError, UnknownName
from workbench.predictors._pipeline import default_encoding, seeded
from workbench.spaces import Space, space
from workbench.strategies._acquisition import ACQUISITIONS, Belief
from workbench.strategies._candidates import AroundTheBest, WholeSpace, candidates_of
from workbench.strategies.predictor_guided import PredictorGuided
from workbench.testing._plugins import Layered
from workbench.types import Arch, Floats, Observation, Status, Trial

NB201, FCNET = space("nb201"), space("fcnet")
SEEN: list[Floats] = []


class Oracle(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Knows the score of every one-hot row, and keeps the rows that it was asked to rank."""

    def fit(self, X: Floats, y: Floats) -> Oracle:
        assert np.allclose(_truth(X), y)
        return self

    def predict(self, X: Floats) -> Floats:
        SEEN.append(X)
        return _truth(X)


def _truth(X: Floats) -> Floats:
    return np.asarray(X @ np.random.default_rng(0).random(X.shape[1]))


def _score(where: Space, arch: Arch) -> float:
    row = where.canonical(np.array([arch], dtype=np.int16))
    return float(_truth(OneHot(where).transform(row))[0])


def _guided(where: Space = NB201, seed: int = 0, **parameters: Any) -> PredictorGuided:
    given = {"predictor": Oracle(), "encoding": "one_hot", **parameters}
    return PredictorGuided(where, np.random.default_rng(seed), **given)


def _step(strategy: PredictorGuided) -> Arch:
    trial = strategy.ask()
    assert trial is not None
    strategy.tell(trial, Observation(Status.OK, _score(strategy.space, trial.arch)))
    return trial.arch


def _canonical(archs: list[Arch]) -> list[Arch]:
    return [*map(tuple, NB201.canonical(np.array(archs, dtype=np.int16)).tolist())]


@pytest.mark.parametrize("batch", [1, 7])
def test_the_best_unseen_are_asked_for_in_order(batch: int) -> None:
    strategy = _guided(initial=5, batch=batch)
    initial = {*_canonical([_step(strategy) for _ in range(5)])}
    asked = [_step(strategy) for _ in range(40)]
    classes = {*_canonical([*map(tuple, NB201.all().tolist())])} - initial
    assert asked == sorted(classes, key=lambda arch: -_score(NB201, arch))[:40]


def test_mutations_start_from_the_best_evaluated() -> None:
    strategy = _guided(FCNET, initial=20, candidates=60, random_part=0.0, elites=3, batch=5)
    told = [_step(strategy) for _ in range(20)]
    for _ in range(8):
        SEEN.clear()
        best = sorted(told, key=lambda arch: -_score(FCNET, arch))[:3]
        near = {tuple(row) for arch in best for row in FCNET.neighbours(arch).tolist()}
        told += [_step(strategy) for _ in range(5)]
        (ranked,) = SEEN
        assert {*map(tuple, ranked.tolist())} <= {
            tuple(row) for row in OneHot(FCNET).transform(np.array([*near], np.int16)).tolist()
        }


def test_nothing_seen_pending_or_isomorphic_is_asked_for() -> None:
    strategy = _guided(predictor="xgboost", encoding=None, initial=10)
    stranger = (3, 3, 3, 1, 3, 2)
    strategy.tell(Trial(500, stranger), Observation(Status.OK, 99.0))
    pending: list[Trial] = []
    for i in range(90):
        trial = strategy.ask()
        assert trial is not None
        pending.append(trial)
        if i % 3 == 2:
            failed = Observation(Status.FAILED, None)
            told = Observation(Status.OK, float(sum(trial.arch)))
            strategy.tell(pending[i - 2], failed if i % 2 else told)
    asked = _canonical([stranger, *(trial.arch for trial in pending)])
    assert len({*asked}) == len(asked) == 91


def test_small_spaces_are_exhausted() -> None:
    strategy = _guided(Layered(), initial=4, batch=3)
    assert len({_step(strategy) for _ in range(14)}) == 14
    assert strategy.ask() is None


def test_features_too_many_for_memory_are_not_made() -> None:
    """All 59,040 rows with 7,380 paths each would take 3.5 GB."""
    where = space("nbgraph")
    made = [candidates_of(where, e, np.random.default_rng(0), None, 0.5) for e in _encoders(where)]
    assert [type(m) for m in made] == [AroundTheBest, WholeSpace]


def _encoders(where: Space) -> list[Path | GraphFeatures]:
    return [Path(where), GraphFeatures(where)]


def test_repeats_where_they_are_wanted() -> None:
    strategy = _guided(initial=3, batch=1, repeats=True)
    asked = [_step(strategy) for _ in range(8)]
    assert len({*asked[3:]}) == 1


def test_only_failures_leave_a_random_search() -> None:
    strategy = _guided(initial=3)
    for _ in range(30):
        trial = strategy.ask()
        assert trial is not None
        strategy.tell(trial, Observation(Status.FAILED, None))
    assert strategy.ask() is not None


def _belief() -> Belief:
    rng = np.random.default_rng(0)
    return Belief(rng.normal(90, 1, 20), np.append(rng.random(19), 0.0), 90.5, 2.0)


def test_upper_confidence_bound() -> None:
    """The bound is the quantile of the normal at its distribution function of kappa."""
    belief = _belief()
    found = ACQUISITIONS["ucb"](belief, np.random.default_rng(0))[:-1]
    wanted = norm.ppf(norm.cdf(2.0), loc=belief.mean[:-1], scale=belief.std[:-1])
    assert np.allclose(found, wanted)


def test_expected_improvement_is_the_integral() -> None:
    belief = _belief()
    found = ACQUISITIONS["ei"](belief, np.random.default_rng(0))
    for i, (mean, std) in enumerate(zip(belief.mean[:-1], belief.std[:-1], strict=True)):
        gain = quad(lambda x: x * norm.pdf(x + 90.5, mean, std), 0, 20, points=[0.1, 1, 3])[0]  # noqa: B023
        assert found[i] == pytest.approx(gain, abs=1e-7)
    assert found[-1] == pytest.approx(max(belief.mean[-1] - 90.5, 0))


def test_thompson_sampling_draws_from_the_belief() -> None:
    belief, rng = _belief(), np.random.default_rng(0)
    draws = np.array([ACQUISITIONS["its"](belief, rng) for _ in range(4000)])
    assert np.allclose(draws.mean(0), belief.mean, atol=0.07)
    assert np.allclose(draws.std(0), belief.std, atol=0.05)


@pytest.mark.parametrize("acquisition", ["ucb", "ei", "its"])
def test_deviations_are_asked_of_those_that_give_them(acquisition: str) -> None:
    with pytest.raises(ParameterError, match=rf"'acquisition'.*Ridge\(\).*Got '{acquisition}'"):
        _guided(predictor=Ridge(), acquisition=acquisition)
    with pytest.raises(ParameterError, match=r"'acquisition'.*XGBoost"):
        _guided(predictor="xgboost", acquisition=acquisition)
    scaled = make_pipeline(StandardScaler(), GaussianProcessRegressor(alpha=1e-3))
    for model in (scaled, {"name": "extra_trees", "n_estimators": 10}):
        strategy = _guided(predictor=model, acquisition=acquisition, initial=4)
        assert len({_step(strategy) for _ in range(16)}) == 16


@pytest.mark.parametrize(
    ("parameters", "error", "text"),
    [
        ({"predictor": "xgbost"}, UnknownName, "did you mean 'xgboost'"),
        ({"predictor": {"n_estimators": 3}}, ParameterError, "with the key 'name'"),
        ({"predictor": {"name": "xgboost", "trees": 3}}, ParameterError, "trees"),
        ({"predictor": 3}, ParameterError, "'predictor'"),
        ({"encoding": "one_hat"}, UnknownName, "did you mean 'one_hot'"),
        ({"encoding": 3}, ParameterError, "'encoding'"),
        ({"acquisition": "thompson"}, ParameterError, "'acquisition'"),
        ({"candidates": 1}, ParameterError, "'candidates'"),
        ({"random_part": 2}, ParameterError, "'random_part'"),
        ({"repeats": 1}, ParameterError, "'repeats'"),
    ],
)
def test_wrong_values_are_refused(
    parameters: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        _guided(**parameters)


def test_open_seeds_and_threads_are_set() -> None:
    model = make_pipeline(StandardScaler(), RandomForestRegressor(max_depth=2))
    forest = seeded(model, np.random.default_rng(0)).steps[-1][1]
    assert forest.random_state is not None
    assert forest.n_jobs == 1
    assert seeded(RandomForestRegressor(random_state=7), np.random.default_rng(0)).random_state == 7


def test_default_encodings() -> None:
    assert default_encoding(NB201) == "graph_features"
    assert default_encoding(FCNET) == "hyperparameters"


@pytest.mark.parametrize("preset", PredictorGuided.PRESETS)
def test_presets_search_better_than_chance_and_ask_nothing_twice(preset: str) -> None:
    """The median of 20 guided cells lies above that of 20 random ones in 999 of 1,000 cases."""
    table = benchmark("nb201/cifar10")
    given = PredictorGuided.PRESETS[preset]
    strategy = PredictorGuided(NB201, np.random.default_rng(0), **given)
    asked, scores = [], []
    for _ in range(40):
        trial = strategy.ask()
        assert trial is not None
        row = np.array([trial.arch], dtype=np.int16)
        asked.append(trial.arch)
        scores.append(float(table.truth(row)[0]))
        strategy.tell(trial, Observation(Status.OK, scores[-1]))
    assert len({*_canonical(asked)}) == 40
    truth = table.truth(NB201.all())
    drawn = np.random.default_rng(0).choice(truth, (5000, 20))
    assert np.median(scores[20:]) > np.quantile(np.median(drawn, axis=1), 0.999)


def test_graph_predictors_are_for_spaces_with_graphs() -> None:
    with pytest.raises(NoGraph, match="fcnet"):
        PredictorGuided(FCNET, np.random.default_rng(0), predictor="gcn")
    with pytest.raises(ParameterError, match="takes architectures as they are"):
        _guided(predictor="nasbowl", encoding="one_hot")


def _true_score(seed: int) -> float:
    """Search on single trainings; return the stored mean of what looked best."""
    table = benchmark("nb201/cifar10")
    strategy = PredictorGuided(NB201, np.random.default_rng(seed))
    best: Arch = (0,) * 6
    observed = -np.inf
    for query in range(100):
        trial = strategy.ask()
        assert trial is not None
        row = np.array([trial.arch], dtype=np.int16)
        stored = table.replicates(row)
        assert stored is not None
        score = table.query(trial.arch, table.epochs[-1], (query * 7 + seed) % int(stored[0])).score
        strategy.tell(trial, Observation(Status.OK, score))
        if score > observed:
            best, observed = trial.arch, score
    return float(table.truth(np.array([best], dtype=np.int16))[0])


def test_a_hundred_noisy_queries_come_close_to_the_best() -> None:
    """Mean true score of 8 searches; 91.607 is the best there is, 91.5 the mean of 100 searches."""
    start = time.process_time()
    found = [_true_score(seed) for seed in range(8)]
    assert np.mean(found) >= 91.35
    assert (time.process_time() - start) / 8 < 1.2
