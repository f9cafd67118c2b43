"""Live training as a benchmark: the contract, names and options, a study of it.

What a training comes to is compared with the trainer called directly.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.live_trainings import CELL, SMALL, STUDY, live
from workbench.data._open import benchmark
from workbench.data.live import Live
from workbench.errors import BenchmarkError, DataMissing, ParameterError, StudyError, UnknownName
from workbench.harness.drive import run_study
from workbench.harness.opening import open_benchmark
from workbench.harness.plan import prepare
from workbench.harness.sections import BenchmarkEntry
from workbench.harness.study import load_study, parse_study
from workbench.networks import build
from workbench.report.page import content
from workbench.report.render import write_page
from workbench.report.results import read_results, summary, table
from workbench.seeds import entropy
from workbench.testing.benchmarks import Check, benchmark_checks
from workbench.training.batches import Split
from workbench.training.fit import fit
from workbench.training.settings import Settings
from workbench.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("cache")


# -- the contract ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        few = {"train": 30, "valid": 40}
        yield Live("fcnet/digits", training={"epochs": 2}, data=few)


@pytest.mark.parametrize("check", benchmark_checks(), ids=lambda check: check.__name__)
def test_it_is_a_benchmark_like_any_other(contract: Live, check: Check) -> None:
    check(contract)


def test_numbers_are_those_of_the_trainer() -> None:
    bench = live()
    one = bench.query(CELL, 4, 5)
    data, seed = bench._recipe.data, entropy("live", "digits", *CELL, 5) >> 65
    network = build(bench.space, CELL, (1, 8, 8), 10, seed=seed, channels=2, cells=1, stages=2)
    train, valid = Split.of(data.x_train, data.y_train), Split.of(data.x_valid, data.y_valid)
    trainer = Trainer([network], train, valid, Settings(epochs=4, learning_rate=0.05), [seed])
    curves = fit(trainer)
    assert one.curve == tuple(curves.score[0])
    assert one.metrics["train_loss"] == curves.train_loss[0, -1]
    assert one.metrics["test_acc"] == trainer.score(Split.of(data.x_test, data.y_test))[0]
    assert one.metrics["params"] == sum(p.numel() for p in network.parameters())
    assert one.cost == one.metrics["seconds"]
    assert one.cost is not None
    assert one.cost > 0


def test_seeds_follow_from_data_architecture_and_replicate() -> None:
    bench = live()
    found = [
        bench.query(arch, 1, r).metrics["train_loss"] for arch in (CELL, (3,) * 6) for r in (0, 1)
    ]
    assert len(set(found)) == 4
    assert found[0] == live().query(CELL, 1, 0).metrics["train_loss"]
    assert bench.query(CELL, 1, 2**62).epochs == 1


def test_what_the_architecture_decides_of_its_training() -> None:
    bench = Live("fcnet/digits", training={"epochs": 1}, data={"train": 40})
    arch = (0, 1, 2, 0, 0, 4, 1, 1, 1)
    settings = bench._recipe.settings(arch)
    assert (settings.batch_size, settings.learning_rate, settings.schedule) == (
        32,
        0.05,
        "constant",
    )
    assert (settings.optimiser, settings.epochs) == ("adam", 1)


# -- names and options -----------------------------------------------------------------------------


def test_it_opens_by_name_and_pickles() -> None:
    bench = benchmark("live/nb201/digits", **SMALL)
    assert bench.name == "live/nb201/digits"
    assert bench.epochs == (1, 2, 3, 4)
    assert bench.optimum is None
    assert "nothing is stored beforehand" in bench.card.lower()
    assert pickle.loads(pickle.dumps(bench)).sha256 == bench.sha256
    assert benchmark("live/mlp/digits") is benchmark("live/mlp/digits")
    assert benchmark("live/nb201/digits", "train_loss").query(CELL, 1, 0).score < 0


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("live/digits", UnknownName, "live/<space>/<data set>"),
        ("live/nb201/digit", UnknownName, "data set 'digit'; did you mean 'digits'"),
        ("live/nb20/digits", UnknownName, "'nb20'; did you mean 'nb201'"),
        ("live/nbgraph/digits", UnknownName, "network 'nbgraph'"),
        ("live/nb201/npz", ParameterError, "needs the option 'path'"),
    ],
)
def test_names_that_are_not_known(name: str, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        benchmark(name)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"training": {"epochs": 0}}, ParameterError, "training setting 'epochs'"),
        ({"training": {"epoch": 3}}, ParameterError, "training setting 'epoch'"),
        ({"network": {"channels": 0}}, ParameterError, "'channels' parameter of NB201"),
        ({"network": {"depth": 3}}, ParameterError, "depth"),
        ({"data": {"train": 10**6}}, ParameterError, "'train' option of the data set digits"),
        ({"data": {"sise": 3}}, ParameterError, "no option 'sise'"),
        ({"score": "test_acc"}, BenchmarkError, "test split"),
        ({"score": "accuracy"}, UnknownName, "metric 'accuracy'"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        Live("nb201/digits", **options)


def test_options_that_belong_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="'batch_size' is decided by each architecture"):
        Live("mlp/digits", training={"batch_size": 3})
    with pytest.raises(ParameterError, match="nb201/cifar10 takes no network"):
        benchmark("nb201/cifar10", network={"channels": 3})
    with pytest.raises(ValueError, match="network belong to live"):
        BenchmarkEntry(name="x", table="x.csv", space="nb201", columns="y", network={"cells": 1})
    with pytest.raises(DataMissing, match="there is no file"):
        Live("mlp/npz", data={"path": str(tmp_path / "absent.npz")})


def test_a_path_is_relative_to_the_study_and_no_part_of_its_identity(tmp_path: Path) -> None:
    identities, hashes = set(), set()
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        x = np.random.default_rng(0).normal(size=(60, 4))
        np.savez(folder / "mine.npz", X=x, y=np.arange(60) % 2)
        text = STUDY.partition("[[benchmarks]]")[0]
        text += '[[benchmarks]]\nname = "live/mlp/npz"\ndata = {path = "mine.npz"}\n'
        (folder / "study.toml").write_text(text)
        study = load_study(folder / "study.toml")
        assert study.benchmarks[0].data == {"path": str(folder / "mine.npz")}
        identities.add(study.identity())
        hashes.add(open_benchmark(study.benchmarks[0]).sha256)
    assert len(identities) == len(hashes) == 1


def test_without_torch_it_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import workbench\n"
        "try: workbench.benchmark('live/nb201/digits')\n"
        "except workbench.errors.MissingExtra as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "nas-workbench[torch]" in done.stdout


def test_predictors_are_compared_on_tables_only() -> None:
    study = {
        "name": "x",
        "kind": "predictors",
        "predictors": ["ridge"],
        "sizes": [10],
        "benchmarks": [{"name": "live/mlp/digits"}],
    }
    with pytest.raises(StudyError, match="live/mlp/digits knows no true scores to predict"):
        prepare(parse_study(study))


def test_a_report_without_true_scores(tmp_path: Path) -> None:
    """Regret is not known; observed scores, the test scores of the same trainings and costs are."""
    (tmp_path / "study.toml").write_text(STUDY.replace("queries = 6", "queries = 3"))
    run_study(tmp_path / "study.toml", tmp_path / "out")
    results = read_results(tmp_path / "out")
    shown = table(results)
    assert shown["regret"].isna().all()
    assert shown["truth"].isna().all()
    assert np.isfinite(shown["cost"]).all()
    for _, run in shown.groupby(["strategy", "replicate"]):
        assert (run["incumbent_score"] == run["score"].cummax()).all()
        best = int(run["score"].to_numpy().argmax())
        assert run["incumbent_test"].iloc[-1] == run["test"].iloc[best]
    facts = summary(results)["benchmarks"]["live/nb201/digits"]["strategies"]["random_search"]
    assert facts["regret"] is None
    last = shown[shown["strategy"] == "random_search"].groupby("replicate").tail(1)
    assert facts["score"]["mean"] == pytest.approx(last["incumbent_score"].mean())
    assert facts["test"]["mean"] == pytest.approx(last["incumbent_test"].mean())
    page = write_page(results.folder, "strategies.html", content(results)).read_text(
        encoding="utf-8"
    )
    assert "True scores are not known" in page
