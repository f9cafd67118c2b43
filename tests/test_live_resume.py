"""What is kept of live trainings, what goes on after a kill, and what fails.

A killed study is compared with one that ran in one go.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from filelock import FileLock, Timeout

from tests.live_trainings import CELL, STUDY, live
from workbench.data._live_results import Result, Results
from workbench.errors import StoreError, TrainingFailed
from workbench.harness.drive import run_study
from workbench.harness.runner import Log
from workbench.report.results import read_results, table
from workbench.training.trainer import Trainer
from workbench.types import Status, Trial

pytestmark = pytest.mark.usefixtures("cache")


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


# -- what is kept ----------------------------------------------------------------------------------


def test_going_on_costs_the_new_epochs_only(
    epochs_trained: list[int], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = live()
    first = bench.query(CELL, 1, 0)
    third = bench.query(CELL, 3, 0)
    last = bench.query(CELL, 4, 0)
    assert epochs_trained == [1, 2, 3, 4]
    assert bench.query(CELL, 1, 0) == first
    assert bench.query(CELL, 3, 0) == third
    assert live().query(CELL, 4, 0) == last
    assert epochs_trained == [1, 2, 3, 4]
    assert not list(cache.rglob("*.ckpt"))
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "other"))
    whole = live().query(CELL, 4, 0)
    assert whole.curve == last.curve
    assert whole.metrics["test_acc"] == last.metrics["test_acc"]


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_a_training_cut_off_goes_on_to_the_same_numbers(
    cut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs_trained: list[int]
) -> None:
    whole = live().query(CELL, 4, 0)
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
            live().query(CELL, 4, 0)
    rest = live().query(CELL, 4, 0)
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
            live().query(CELL, 4, 0)
    assert len(live().query(CELL, 4, 0).curve) == 4
    assert epochs_trained == [1, 2, 3, 4]


def _files(cache: Path, ending: str) -> list[Path]:
    return sorted(cache.rglob(f"*.{ending}"))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"params": 3}', None])
def test_what_cannot_be_read_is_trained_again(
    cache: Path, content: str | None, epochs_trained: list[int]
) -> None:
    one = live().query(CELL, 2, 0)
    (path,) = _files(cache, "json")
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    again = live().query(CELL, 2, 0)
    assert again.curve == one.curve
    assert epochs_trained == [1, 2, 1, 2]


def test_a_damaged_checkpoint_is_made_again(
    cache: Path, epochs_trained: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    """What was said of the first epochs is said again, cost included."""
    before = live().query(CELL, 2, 0)
    (path,) = _files(cache, "ckpt")
    path.write_bytes(path.read_bytes()[:200])
    after = live().query(CELL, 4, 0)
    assert epochs_trained == [1, 2, 1, 2, 3, 4]
    assert after.curve[:2] == before.curve
    assert live().query(CELL, 2, 0) == before
    assert "trained from the start" in caplog.text


def test_other_settings_are_other_trainings(cache: Path) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"network": {"channels": 3, "stages": 2}},
        {"training": {"epochs": 4, "learning_rate": 0.01}},
        {"training": {"epochs": 3, "learning_rate": 0.05}},
        {"data": {"train": 81, "valid": 50}},
    ]
    benches = [live(**change) for change in changes]
    for bench in benches:
        bench.query(CELL, 1, 0)
    assert len(_files(cache, "json")) == len(changes)
    assert len({bench.sha256 for bench in benches}) == len(changes)


def test_another_torch_is_another_training(
    cache: Path, monkeypatch: pytest.MonkeyPatch, epochs_trained: list[int]
) -> None:
    live().query(CELL, 1, 0)
    monkeypatch.setattr("workbench.data._live_training.version", lambda name: "9.9")
    live().query(CELL, 1, 0)
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
        live().query(CELL, 1, 0)


def test_nothing_half_written_is_left(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = Results("live/x")
    (results.folder / "ab").mkdir(parents=True)
    monkeypatch.setattr("workbench.data._live_results.json.dumps", lambda _: 3)
    with pytest.raises(TypeError):
        results.write("abc", Result(1))
    assert not list((results.folder / "ab").iterdir())


# -- what fails ------------------------------------------------------------------------------------


def test_a_diverged_network_is_a_failed_trial(epochs_trained: list[int]) -> None:
    bench = live(training={"epochs": 4, "learning_rate": 1e30})
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
        log = Log(live(), lambda arch, times: 0)
        assert log.evaluate(Trial(0, CELL), 0.0)[1].status is Status.FAILED
    assert not _files(cache, "json")
    assert math.isfinite(live().query(CELL, 4, 0).score)


def test_a_trial_that_continues_keeps_its_seed(epochs_trained: list[int]) -> None:
    bench = live()
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


# -- a study ---------------------------------------------------------------------------------------


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
