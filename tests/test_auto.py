"""The default predictor: what joins it when, its weights, and how it does on tables."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng
from scipy.stats import kendalltau

from workbench import registry
from workbench.data._open import benchmark
from workbench.encodings.graph_features import GraphFeatures
from workbench.errors import MissingExtra, ParameterError
from workbench.predictors._pipeline import pipeline
from workbench.predictors.auto import Auto, _weights
from workbench.predictors.gcn import GCN
from workbench.predictors.ridge import Ridge
from workbench.predictors.xgboost import XGBoost
from workbench.types import Archs, Floats


def _split(name: str, size: int, seed: int) -> tuple[Archs, Floats, Archs, Floats]:
    """Return a training set and 1,000 architectures of other isomorphism classes."""
    bench = benchmark(name)
    rows = bench.space.all()
    truth, classes = bench.truth(rows), bench.space.index(bench.space.canonical(rows))
    order = default_rng(seed).permutation(len(rows))
    train, rest = order[:size], order[size:]
    test = rest[~np.isin(classes[rest], classes[train])][:1000]
    return rows[train], truth[train], rows[test], truth[test]


def test_stacking_weights_are_not_negative_and_never_all_zero() -> None:
    rng = default_rng(0)
    wanted = rng.normal(size=200)
    found = np.stack([wanted, rng.normal(size=200), -wanted], axis=1)
    weights = _weights(found, wanted)
    assert (weights > 0).all()
    assert weights[0] > 0.8
    assert weights[2] < 0.05
    assert _weights(-found[:, [0, 0]], wanted).tolist() == pytest.approx([0.025, 0.025])
    assert _weights(found[:5] * 0, wanted[:5]).tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(("size", "least"), [(25, 0.67), (100, 0.82), (400, 0.875)])
def test_it_ranks_and_knows_its_errors(size: int, least: float) -> None:
    """``least`` is two to three standard errors of four below what the predictor study found."""
    taus, covered = [], []
    for seed in range(1000, 1004):
        X, y, rest, truth = _split("nb201/cifar10", size, seed)
        model = pipeline("nb201").set_params(random_state=0, networks_from=10**6).fit(X, y)
        mean, std = model.predict(rest, return_std=True)
        taus.append(kendalltau(mean, truth).statistic)
        covered.append((np.abs(mean - truth) < 1.645 * std).mean())
    assert np.mean(taus) > least
    assert 0.8 < np.mean(covered) < 0.97


def test_networks_lead_where_graph_networks_do() -> None:
    """On NAS-Bench-Graph they make the whole better; it is within .02 of the best of the parts."""
    X, y, rest, truth = _split("nbgraph/arxiv", 400, 1000)
    where = benchmark("nbgraph/arxiv").space
    others = [
        pipeline(where, {"name": "auto", "networks_from": 10**6, "random_state": 0}),
        pipeline(where, {"name": "xgboost", "target_transform": "quantile"}),
        pipeline(where, "gaussian_process"),
    ]
    network = GCN(where, random_state=0).fit(X, y)
    whole = Auto(where, random_state=0).fit(X, y)
    assert len(whole.weights_) == 6
    best = kendalltau(whole.predict(rest), truth).statistic
    for model in others:
        assert best > kendalltau(model.fit(X, y).predict(rest), truth).statistic
    assert best > kendalltau(network.predict(rest), truth).statistic - 0.02


@pytest.mark.parametrize(
    ("name", "members"), [("nb201/cifar10", 6), ("fcnet/protein_structure", 5)]
)
def test_what_joins(name: str, members: int) -> None:
    """Graph networks where there are graphs; neither them nor perceptrons with few labels."""
    X, y, rest, _ = _split(name, 40, 0)
    where = benchmark(name).space
    few = Auto(where, random_state=0).fit(X, y)
    assert len(few.weights_) == 4
    many = Auto(where, networks_from=40, random_state=0).fit(X, y)
    assert len(many.weights_) == members
    assert [len(models) for models in many.folds_] == [members - 4] * 4
    again = pickle.loads(pickle.dumps(Auto(where, networks_from=40, random_state=0).fit(X, y)))
    assert (again.predict(rest) == many.predict(rest)).all()
    assert (few.predict(rest) != many.predict(rest)).any()


def test_architectures_and_their_features_are_one_where_no_graph_network_joins() -> None:
    X, y, rest, _ = _split("nb201/cifar10", 40, 0)
    where = benchmark("nb201/cifar10").space
    encode = GraphFeatures(where).fit(X).transform
    mine = Auto(where, random_state=0).fit(X, y)
    plain = Auto(random_state=0).fit(encode(X), y)
    assert (mine.predict(rest) == plain.predict(encode(rest))).all()
    assert len(Auto(networks_from=40, random_state=0).fit(encode(X), y).weights_) == 5


def test_isomorphic_architectures_are_predicted_alike() -> None:
    X, y, rest, _ = _split("nb201/cifar10", 60, 0)
    where = benchmark("nb201/cifar10").space
    model = Auto(where, networks_from=60, random_state=0).fit(X, y)
    same = where.canonical(rest)
    assert (same != rest).any()
    assert np.allclose(model.predict(same), model.predict(rest), rtol=0, atol=1e-9)


def test_a_network_has_not_seen_the_rows_that_weigh_it() -> None:
    """Targets are noise: whoever is weighed on rows of its own training would win."""
    X, _, _, _ = _split("nb201/cifar10", 200, 0)
    noise = default_rng(0).normal(size=200)
    model = Auto(benchmark("nb201/cifar10").space, networks_from=200, random_state=0).fit(X, noise)
    assert model.weights_.sum() < 0.5


def test_without_torch_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    load: Any = registry.load

    def without(family: str, name: str) -> Any:
        if name in ("mlp", "gcn"):
            raise MissingExtra(f"{name} (no module 'torch')", "torch")
        return load(family, name)

    monkeypatch.setattr(registry, "load", without)
    X, y, rest, _ = _split("nb201/cifar10", 40, 0)
    where = benchmark("nb201/cifar10").space
    with pytest.warns(UserWarning, match=r"goes without its networks.*nas-workbench\[torch\]"):
        model = Auto(where, networks_from=40, random_state=0).fit(X, y)
    assert len(model.weights_) == 4
    assert np.isfinite(model.predict(rest)).all()


def test_an_encoding_makes_it_one_of_features() -> None:
    """As ``pipeline`` gives it: with an encoding it is a step behind it."""
    step = pipeline("nb201", "auto", "one_hot").named_steps["predictor"]
    assert step.space is None
    with pytest.raises(ParameterError, match="left out: Auto takes architectures"):
        pipeline("nb201", Auto(benchmark("nb201/cifar10").space), "one_hot")


def test_few_labels_have_equal_weights() -> None:
    rng = default_rng(0)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=8)
    model = Auto(random_state=0).fit(X, y)
    parts = [model.process_, *model.plain_]
    assert [type(part) for part in parts[1:]] == [Ridge, XGBoost, XGBoost]
    assert model.weights_.tolist() == [0.25] * 4
    seen = np.mean([model.quantiles_.see(part.predict(X)) for part in parts], axis=0)
    assert np.allclose(model.targets_.see(model.predict(X)), model.quantiles_.back(seen))
