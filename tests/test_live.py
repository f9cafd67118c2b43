"""Live training as a benchmark: the contract, what is kept, what is never done twice.

What a training comes to is compared with the trainer called directly; a killed study with one that
ran in one go.
"""

from __future__ import annotations

import math
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock, Timeout

from workbench.data._live_results import Result, Results
from workbench.data._open import benchmark
from workbench.data.live import Live
from workbench.errors import (
    BenchmarkError,
    DataMissing,
    ParameterError,
    StoreError,
    StudyError,
    TrainingFailed,
    UnknownName,
)
from workbench.harness.drive import run_study
from workbench.harness.opening import open_benchmark
from workbench.harness.plan import prepare
from workbench.harness.runner import Log
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
from workbench.types import Status, Trial

CELL = (3, 1, 2, 4, 0, 2)
SMALL: dict[str, Any] = {
    "network": {"channels": 2, "stages": 2},
    "training": {"epochs": 4, "learning_rate": 0.05},
    "data": {"train": 80, "valid": 50},
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def epochs_trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The epochs that are trained, in their order."""
    done: list[int] = []
    train = Trainer.epoch

    def counted(self: Trainer) -> Any:
        done.append(self.epochs_done + 1)
        return train(self)

    monkeypatch.setattr(Trainer, "epoch", counted)
    return done


def _live(**changes: Any) -> Live:
    return Live("nb201/digits", **{**SMALL, **changes})


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
    bench = _live()
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
    bench = _live()
    found = [
        bench.query(arch, 1, r).metrics["train_loss"] for arch in (CELL, (3,) * 6) for r in (0, 1)
    ]
    assert len(set(found)) == 4
    assert found[0] == _live().query(CELL, 1, 0).metrics["train_loss"]
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


# -- what is kept ----------------------------------------------------------------------------------


def test_going_on_costs_the_new_epochs_only(
    epochs_trained: list[int], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = _live()
    first = bench.query(CELL, 1, 0)
    third = bench.query(CELL, 3, 0)
    last = bench.query(CELL, 4, 0)
    assert epochs_trained == [1, 2, 3, 4]
    assert bench.query(CELL, 1, 0) == first
    assert bench.query(CELL, 3, 0) == third
    assert _live().query(CELL, 4, 0) == last
    assert epochs_trained == [1, 2, 3, 4]
    assert not list(cache.rglob("*.ckpt"))
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "other"))
    whole = _live().query(CELL, 4, 0)
    assert whole.curve == last.curve
    assert whole.metrics["test_acc"] == last.metrics["test_acc"]


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_a_training_cut_off_goes_on_to_the_same_numbers(
    cut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs_trained: list[int]
) -> None:
    whole = _live().query(CELL, 4, 0)
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "other"))
    epochs_trained.clear()
    counted = Trainer.epoch

    def killed(self: Trainer) -> Any:
        if self.epochs_done + 1 == cut:
            raise KeyboardInterrupt
        return counted(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            _live().query(CELL, 4, 0)
    rest = _live().query(CELL, 4, 0)
    assert epochs_trained == [1, 2, 3, 4]
    assert rest.curve == whole.curve
    assert {**rest.metrics, "seconds": 0} == {**whole.metrics, "seconds": 0}


def test_killed_between_checkpoint_and_result(
    epochs_trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint is one epoch ahead: it is read, and no epoch is trained again."""

    def killed(self: Results, key: str, result: Result) -> None:
        if result.epochs == 2:
            raise KeyboardInterrupt
        write(self, key, result)

    write = Results.write
    with monkeypatch.context() as patch:
        patch.setattr(Results, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            _live().query(CELL, 4, 0)
    assert len(_live().query(CELL, 4, 0).curve) == 4
    assert epochs_trained == [1, 2, 3, 4]


def _files(cache: Path, ending: str) -> list[Path]:
    return sorted(cache.rglob(f"*.{ending}"))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"params": 3}', None])
def test_what_cannot_be_read_is_trained_again(
    cache: Path, content: str | None, epochs_trained: list[int]
) -> None:
    one = _live().query(CELL, 2, 0)
    (path,) = _files(cache, "json")
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    again = _live().query(CELL, 2, 0)
    assert again.curve == one.curve
    assert epochs_trained == [1, 2, 1, 2]


def test_a_damaged_checkpoint_is_made_again(
    cache: Path, epochs_trained: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    """What was said of the first epochs is said again, cost included."""
    before = _live().query(CELL, 2, 0)
    (path,) = _files(cache, "ckpt")
    path.write_bytes(path.read_bytes()[:200])
    after = _live().query(CELL, 4, 0)
    assert epochs_trained == [1, 2, 1, 2, 3, 4]
    assert after.curve[:2] == before.curve
    assert _live().query(CELL, 2, 0) == before
    assert "trained from the start" in caplog.text


def test_other_settings_are_other_trainings(cache: Path) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"network": {"channels": 3, "stages": 2}},
        {"training": {"epochs": 4, "learning_rate": 0.01}},
        {"training": {"epochs": 3, "learning_rate": 0.05}},
        {"data": {"train": 81, "valid": 50}},
    ]
    benches = [_live(**change) for change in changes]
    for bench in benches:
        bench.query(CELL, 1, 0)
    assert len(_files(cache, "json")) == len(changes)
    assert len({bench.sha256 for bench in benches}) == len(changes)


def test_another_torch_is_another_training(
    cache: Path, monkeypatch: pytest.MonkeyPatch, epochs_trained: list[int]
) -> None:
    _live().query(CELL, 1, 0)
    monkeypatch.setattr("workbench.data._live_training.version", lambda name: "9.9")
    _live().query(CELL, 1, 0)
    assert epochs_trained == [1, 1]


def test_two_processes_do_not_train_the_same(cache: Path) -> None:
    results = Results("live/x")
    with results.alone("abcdef"), pytest.raises(Timeout):
        FileLock(results.folder / "ab" / "lock", timeout=0).acquire()
    with results.alone("abcdef"):
        pass


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(StoreError, match=r"cannot be written.*WORKBENCH_CACHE"):
        _live().query(CELL, 1, 0)


def test_nothing_half_written_is_left(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = Results("live/x")
    (results.folder / "ab").mkdir(parents=True)
    monkeypatch.setattr("workbench.data._live_results.json.dumps", lambda _: 3)
    with pytest.raises(TypeError):
        results.write("abc", Result(1))
    assert not list((results.folder / "ab").iterdir())


# -- what fails ------------------------------------------------------------------------------------


def test_a_diverged_network_is_a_failed_trial(epochs_trained: list[int]) -> None:
    bench = _live(training={"epochs": 4, "learning_rate": 1e30})
    log = Log(bench, lambda arch, times: 0)
    _, told = log.evaluate(Trial(0, (3,) * 6), 0.0)
    assert told.status is Status.FAILED
    assert told.score is None
    assert told.cost is not None
    trained = len(epochs_trained)
    assert math.isnan(bench.query((3,) * 6, 4, 0).score)
    assert len(epochs_trained) == trained


def test_a_network_too_large_is_a_failed_trial(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine may have the memory: nothing of it is stored."""

    def full(self: Trainer) -> Any:
        raise TrainingFailed("not even one example at a time fits into memory")

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "epoch", full)
        log = Log(_live(), lambda arch, times: 0)
        assert log.evaluate(Trial(0, CELL), 0.0)[1].status is Status.FAILED
    assert not _files(cache, "json")
    assert math.isfinite(_live().query(CELL, 4, 0).score)


def test_a_trial_that_continues_keeps_its_seed(epochs_trained: list[int]) -> None:
    bench = _live()
    log = Log(bench, lambda arch, times: 10 + times)
    ended, first = log.evaluate(Trial(0, CELL, epochs=1), 0.0)
    _, second = log.evaluate(Trial(1, CELL, epochs=3, continues=0), ended)
    _, other = log.evaluate(Trial(2, CELL, epochs=1), ended)
    assert [r.replicate for r in log.records] == [10, 10, 12]
    assert second.curve[:1] == first.curve
    assert epochs_trained == [1, 2, 3, 1]
    whole = bench.query(CELL, 3, 10).cost
    assert whole is not None
    assert first.cost is not None
    assert second.cost == pytest.approx(whole - first.cost)
    assert other.curve != first.curve


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


# -- a study ---------------------------------------------------------------------------------------

STUDY = """
name = "live"
kind = "strategies"
replicates = 2
strategies = ["random_search", {name = "regularized_evolution", population = 3, sample = 2}]

[budget]
queries = 6

[[benchmarks]]
name = "live/nb201/digits"
network = {channels = 3, stages = 2}
training = {epochs = 3}
data = {train = 200, valid = 100}
"""


def _seen(folder: Path) -> pd.DataFrame:
    """What a study found, but for measured seconds."""
    return table(read_results(folder)).drop(columns=["seconds", "cost"])


def test_a_killed_study_goes_on_where_it_was(tmp_path: Path, cache: Path) -> None:
    """Killed by -9 with two workers: no result is made twice, and all numbers are the same."""
    study, killed, whole = tmp_path / "study.toml", tmp_path / "killed", tmp_path / "whole"
    study.write_text(STUDY)
    words = ["run", str(study), "--out", str(killed), "--workers", "2"]
    running = subprocess.Popen([sys.executable, "-m", "workbench", *words], start_new_session=True)
    deadline = time.monotonic() + 120
    while len(_files(cache, "json")) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    kept = {path: path.stat().st_mtime_ns for path in _files(cache, "json")}
    assert 5 <= len(kept) < 20
    done = [path for path in kept if not path.with_suffix(".ckpt").exists()]
    run_study(study, killed)
    assert all(path.stat().st_mtime_ns == kept[path] for path in done)
    made = len(_files(cache, "json"))
    shutil.rmtree(cache)
    run_study(study, whole)
    pd.testing.assert_frame_equal(_seen(whole), _seen(killed))
    assert len(_files(cache, "json")) == made


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
