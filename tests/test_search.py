"""Live searches, end to end: real trainings, processes that are killed, files that are used."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.stats import ttest_ind
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from workbench.cli import app
from workbench.data.live import Live
from workbench.errors import ExecutorError, ParameterError, StoreError, StudyError, WorkbenchError
from workbench.executors import as_finished, workers_at
from workbench.harness.conclude import _do
from workbench.harness.drive import run_study
from workbench.harness.plan import prepare
from workbench.harness.quick_search import quick_search
from workbench.harness.search import _train, as_progress, run_search
from workbench.harness.search_study import SearchStudy, seconds_of
from workbench.harness.store import progress_of, read_log
from workbench.harness.study import parse_study
from workbench.report.search import read_search, sentences, spread, welch
from workbench.report.write import write_all
from workbench.running import processes_for
from workbench.types import Arch, Evaluation, Progress

SMALL: dict[str, Any] = {
    "name": "small",
    "kind": "search",
    "budget": {"queries": 5},
    "benchmarks": [
        {
            "name": "live/nb201/digits",
            "network": {"channels": 4, "cells": 1, "stages": 2},
            "training": {"epochs": 3},
            "data": {"train": 150, "valid": 80},
        }
    ],
    "strategies": [{"name": "random_search"}],
    "final": {"top": 2, "seeds": 2, "random": 3},
}
FUNNEL: dict[str, Any] = {
    "candidates": 10, "keep": {"proxies": 0.5, "predictor": 3, "short": 1}, "initial": 2,
}  # fmt: skip


def _study(**changes: Any) -> SearchStudy:
    made = parse_study(SMALL | changes)
    assert isinstance(made, SearchStudy)
    return made


def _funnel(**changes: Any) -> SearchStudy:
    given = {k: v for k, v in (SMALL | changes).items() if k != "strategies"}
    made = parse_study(given | {"funnel": FUNNEL})
    assert isinstance(made, SearchStudy)
    return made


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a funnel that was searched by two processes, with its report."""
    folder = tmp_path_factory.mktemp("searched") / "s"
    run_study(_funnel(budget={"queries": 8}), folder, workers=2)
    write_all(folder)
    return folder


def test_the_best_file_runs_where_the_workbench_is_not(searched: Path) -> None:
    """In a process that cannot import it: the stated test accuracy comes out, of raw digits.

    The reference is scikit-learn's own copy of the data; which digits are tested is asked of us.
    """
    from workbench.training.datasets import load

    data = load("digits", train=150, valid=80)
    digits = load_digits()
    raw = data.x_test * data.deviation + data.mean
    assert np.isin(raw.round().reshape(len(raw), -1).sum(1), digits.data.sum(1)).all()
    np.savez(searched / "raw.npz", x=raw.astype(np.float32), y=data.y_test)
    code = (
        "import sys; sys.modules['workbench'] = None\n"
        "import numpy as np, torch\nfrom best import Best\n"
        "model = Best()\n"
        "model.load_state_dict(torch.load('best.pt', weights_only=True))\nmodel.eval()\n"
        "raw = np.load('raw.npz')\n"
        "found = model(torch.from_numpy(raw['x'])).argmax(1).numpy()\n"
        "print(100 * (found == raw['y']).mean())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=searched, capture_output=True, text=True, check=True
    )
    conclusion = read_search(searched).conclusion
    assert conclusion is not None
    best = int(np.argmax(conclusion["best"]["valid"]))
    assert float(done.stdout) == pytest.approx(conclusion["best"]["test"][best], abs=100 / len(raw))


def test_what_is_concluded_is_what_the_trainings_say(searched: Path) -> None:
    """The best is the best that was told, the random one the median, by trainings done again."""
    found = read_search(searched)
    end = found.conclusion
    assert end is not None
    whole = found.trainings[found.trainings["epochs"] == 3]
    ranked = whole.sort_values("score", ascending=False, kind="stable")["architecture"]
    looked = [*dict.fromkeys(ranked)][:2]
    assert [one["text"] for one in end["finalists"]] == looked
    by_mean = max(end["finalists"], key=lambda one: sum(one["valid"]))
    assert end["best"] == by_mean
    assert len(end["best"]["test"]) == len(end["random"]["test"]) == 2
    by_score = sorted(end["drawn"], key=lambda one: one["valid"])
    assert end["random"]["text"] == by_score[1]["text"]
    assert end["random"]["valid"][0] == by_score[1]["valid"]
    assert {*map(int, end["latency"])} <= {*whole["trial"]}
    assert min(end["latency"].values()) > 0


def test_the_summary_and_the_page_are_written(searched: Path) -> None:
    summary = json.loads((searched / "summary.json").read_text())
    page = (searched / "report.html").read_text()
    assert summary["trainings"] == 8
    assert summary["verdict"][0] in page.replace("&#39;", "'")
    assert page.count("<figure>") == 4
    stages = {name: n for name, n, _ in summary["costs"]}
    assert stages["task: proxies"] >= 1
    progress = progress_of(searched)
    assert (progress["finished"], progress["trainings"]) == (1, 8)
    said = CliRunner().invoke(app, ["status", str(searched)]).stdout
    assert said == "small: 8 trainings; the search has ended\n"


def test_a_finished_search_is_not_done_again(searched: Path) -> None:
    before = read_log(searched)
    assert run_study(_funnel(budget={"queries": 8}), searched).ran == 0
    assert read_log(searched) == before


def test_a_longer_budget_goes_on_and_concludes_anew(tmp_path: Path) -> None:
    assert run_study(_study(), tmp_path / "s").ran == 1
    first = read_log(tmp_path / "s")
    run_study(_study(budget={"queries": 9}), tmp_path / "s")
    assert read_log(tmp_path / "s")[: len(first)] == first
    found = read_search(tmp_path / "s")
    assert len(found.trainings) == 9
    assert found.conclusion is not None
    assert found.conclusion["told"] == 9
    assert found.meta["study"]["budget"]["queries"] == 9


def test_another_end_is_made_without_another_search(tmp_path: Path) -> None:
    run_study(_study(), tmp_path / "s")
    before = read_log(tmp_path / "s")
    run_study(_study(final={"top": 1, "seeds": 1, "random": 1}), tmp_path / "s")
    assert read_log(tmp_path / "s") == before
    end = read_search(tmp_path / "s").conclusion
    assert end is not None
    assert len(end["finalists"]) == len(end["best"]["test"]) == len(end["drawn"]) == 1


def test_another_search_is_refused_in_its_folder(searched: Path) -> None:
    with pytest.raises(StoreError, match="holds another study"):
        run_study(_funnel(seed=1), searched)


def test_one_process_and_two_ask_for_the_same_where_nothing_is_learned(tmp_path: Path) -> None:
    asked = []
    for workers in (1, 2):
        run_study(_study(), tmp_path / str(workers), workers=workers)
        entries = map(json.loads, read_log(tmp_path / str(workers)))
        asked.append([e["arch"] for e in entries if "ask" in e])
    assert asked[0] == asked[1]


def test_a_search_that_was_killed_goes_on(tmp_path: Path) -> None:
    """With -9, twice: what the log holds stays, and nothing that was told is trained again."""
    study = tmp_path / "s.json"
    long = _funnel(budget={"seconds": 600.0, "queries": 14}).model_dump(mode="json")
    study.write_text(json.dumps(long))
    command = _command(study, tmp_path / "s")
    logs: list[list[str]] = [[]]
    for told in (2, 6):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        _until(tmp_path / "s", told, process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        logs.append(read_log(tmp_path / "s"))
        assert read_search(tmp_path / "s").conclusion is None
        assert "has not come to its end" in sentences(read_search(tmp_path / "s"))[0]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    logs.append(read_log(tmp_path / "s"))
    for before, after in pairwise(logs):
        assert after[: len(before)] == before
        assert len(after) > len(before)
    came = [json.loads(e)["came"] for e in logs[-1] if "came" in e]
    assert len(came) == len({*came}) == 14


def _until(folder: Path, told: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "it ended by itself"
        try:
            if sum('"came"' in entry for entry in read_log(folder)) >= told:
                return
        except (WorkbenchError, sqlite3.Error):
            pass
        time.sleep(0.05)
    raise AssertionError("it does not get there")


def test_a_process_that_is_killed_loses_its_training_alone(tmp_path: Path) -> None:
    """The kernel kills the process of one training; the search goes on without it."""
    study = _study(
        budget={"queries": 6}, benchmarks=[SMALL["benchmarks"][0] | {"training": {"epochs": 43}}]
    )
    command = _command(_file(tmp_path, study), tmp_path / "s")
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _until(tmp_path / "s", 1, process)
    victim = _children(process.pid)[0]
    os.kill(victim, signal.SIGKILL)
    assert process.wait(300) == 0
    trainings = read_search(tmp_path / "s").trainings
    assert len(trainings) == 6
    assert (trainings["fault"] != "").sum() == 1
    assert "was killed" in trainings["fault"].max()


def _command(study: Path, folder: Path) -> list[str]:
    run = [sys.executable, "-m", "workbench", "run", str(study)]
    return [*run, "--out", str(folder), "--workers", "2"]


def _file(folder: Path, study: SearchStudy) -> Path:
    path = folder / "s.json"
    path.write_text(json.dumps(study.model_dump(mode="json")))
    return path


def _children(pid: int) -> list[int]:
    """Return the worker processes of a process: those that torch was loaded into."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += (task / "children").read_text().split()
    commands = {int(c): Path(f"/proc/{c}/cmdline").read_bytes() for c in {*found}}
    return [c for c, line in commands.items() if b"spawn_main" in line]


def test_nothing_trained_in_full_is_said_and_kept(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no training of 3 epochs has ended within the budget"):
        run_study(_study(budget={"seconds": 1e-9}), tmp_path / "s")
    run_study(_study(), tmp_path / "s")
    assert len(read_search(tmp_path / "s").trainings) == 5


class Faulty(Live):
    """Cannot be trained, for a reason of its own or for one of the workbench's."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault

    def query(self, arch: Arch, epoch: int, replicate: int) -> Evaluation:
        raise self.fault


def test_a_network_that_cannot_be_trained_is_a_failure_and_a_full_disk_is_none() -> None:
    assert "RuntimeError: odd" in str(_train(Faulty(RuntimeError("odd")), (0,), 1, 0))
    with pytest.raises(StoreError, match="full"):
        _train(Faulty(StoreError("full")), (0,), 1, 0)


def test_a_worker_of_a_cluster_is_killed_and_the_search_goes_on(tmp_path: Path) -> None:
    """A real Dask cluster of two processes, one of which gets SIGKILL while both train."""
    from distributed import Client, LocalCluster

    slow = SMALL["benchmarks"][0] | {"training": {"epochs": 40}}
    killed: list[int] = []
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,  # type: ignore[no-untyped-call]
        Client(cluster, set_as_default=False) as client,  # type: ignore[no-untyped-call]
    ):

        def progress(done: int, of: int, failed: int) -> None:
            if done == 1 and not killed:
                killed.append(min(client.run(os.getpid).values()))
                os.kill(killed[0], signal.SIGKILL)

        study = _study(budget={"queries": 6}, benchmarks=[slow])
        plan, place = prepare(study), str(cluster.scheduler_address).replace("tcp", "dask")
        run_search(plan, tmp_path / "s", place, _silent, as_progress(progress))
    assert killed
    trainings = read_search(tmp_path / "s").trainings
    assert len(trainings) == 6
    assert (trainings["fault"] != "").sum() <= 1


def _silent(title: str, what: str) -> AbstractContextManager[Progress]:
    return nullcontext(lambda *_: None)


def test_only_workers_with_gpus_are_given_what_needs_one() -> None:
    """Dask's own resources: of two workers, one says that it has a GPU."""
    from distributed import SpecCluster
    from distributed.nanny import Nanny
    from distributed.scheduler import Scheduler

    options = {"nthreads": 1}
    workers = {
        "with": {"cls": Nanny, "options": {**options, "resources": {"GPU": 1}}},
        "without": {"cls": Nanny, "options": options},
    }
    scheduler = {"cls": Scheduler, "options": {"dashboard_address": ":0", "port": 0}}
    with SpecCluster(workers=workers, scheduler=scheduler) as cluster:  # type: ignore[no-untyped-call]
        cluster.wait_for_workers(2)
        place = str(cluster.scheduler_address).replace("tcp", "dask")
        with workers_at(place, 0) as pool:
            assert pool.size == 1
            seen = {future.result() for _, future in as_finished(pool, _pid, range(6))}
        with workers_at(place) as pool:
            assert pool.size == 2
    assert len(seen) == 1


def _pid(number: int) -> int:
    return os.getpid()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400), ("2 h 5 s", 7205), ("1d", 86400)],
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "10x", "-5m", "10m!", "0s", "m10", "1e3s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="budget"):
        seconds_of(text)
    with pytest.raises(StudyError, match="budget"):
        _study(budget=text)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strategies": ["random_search", "asha"]}, "a search has one strategy"),
        ({"benchmarks": ["nb201/cifar10"]}, "live/<space>/<data set>"),
        ({"benchmarks": ["live/nb201/digits", "live/mlp/digits"]}, "at most 1"),
        ({"strategies": ["randm_search"]}, "did you mean 'random_search'"),
        ({"final": {"seeds": 0}}, "final.seeds"),
        ({"replicates": 2}, "replicates"),
    ],
)
def test_what_is_wrong_with_a_search_is_said(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(StudyError, match=words):
        _study(**changes)


def test_a_search_without_a_strategy_is_the_funnel() -> None:
    given = {k: v for k, v in SMALL.items() if k != "strategies"}
    assert parse_study(given).entries[0].name == "filtered"


def test_the_command_is_the_study(tmp_path: Path) -> None:
    np.savez(tmp_path / "my.npz", X=np.zeros((9, 4, 4)), y=np.arange(9) % 3)
    (tmp_path / "pictures").mkdir()
    for data, name, stem in (
        ("digits", "digits", "digits"),
        (str(tmp_path / "my.npz"), "npz", "my"),
        (str(tmp_path / "pictures"), "image_folder", "pictures"),
    ):
        study = quick_search("nb201", data, "2m", epochs=5, seed=3, overrides=["final.seeds=7"])
        bench = study.benchmarks[0]
        assert (bench.name, study.name) == (f"live/nb201/{name}", f"nb201-{stem}")
        assert bench.data == ({} if name == "digits" else {"path": data})
        assert bench.training == {"epochs": 5}
        assert (study.seed, study.budget.seconds, study.final.seeds) == (3, 120, 7)


def test_a_gpu_that_is_not_there_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ParameterError, match="--device must be one of auto, cpu, cuda"):
        quick_search("nb201", "digits", "1m", device="tpu")
    assert quick_search("nb201", "digits", "1m").benchmarks[0].device == "cpu"
    study = quick_search("nb201", "digits", "1m", device="cuda")
    with pytest.raises(ExecutorError, match="torch finds no GPU here"):
        run_study(study, tmp_path / "s")
    assert processes_for("processes", "cuda") is None


def test_each_process_sees_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three processes and two GPUs, by the names that CUDA has for those that are visible."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-ab")
    with workers_at(3, 2) as workers:
        seen = [future.result() for _, future in as_finished(workers, _visible, range(12))]
    assert {*seen} == {"3", "GPU-ab"}
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3,GPU-ab"


def _visible(number: int) -> str:
    time.sleep(0.2)
    return os.environ["CUDA_VISIBLE_DEVICES"]


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


def _kill_once(mark: str, number: int) -> int:
    """Die at the first attempt of the second piece of work."""
    if number == 1 and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * 10


class Marked(NamedTuple):
    """Stands for a benchmark: what it is asked for is in its mark."""

    mark: str


def test_a_process_that_is_killed_at_the_end_loses_nothing(tmp_path: Path) -> None:
    marked, seen = Marked(str(tmp_path / "mark")), []
    with workers_at(2) as pool:
        items = [((i,), i) for i in range(3)]
        found = _do(pool, marked, lambda *done: seen.append(done), 3, _killing, items, 0)
    assert found == [0, 10, 20]
    assert seen[-1] == (3, 3, 0)


def _killing(bench: Marked, arch: Arch, replicate: int) -> int:
    assert arch == (replicate,)
    return _kill_once(bench.mark, replicate)
