"""Workers of live searches: killed ones, those of a cluster, and those with a GPU."""

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
from subprocess import DEVNULL
from typing import NamedTuple

import pytest

from tests.searches import SMALL, funnel, small
from workbench.data.live import Live
from workbench.errors import ExecutorError, ParameterError, StoreError, WorkbenchError
from workbench.executors import as_finished, workers_at
from workbench.harness.conclude import _do
from workbench.harness.drive import run_study
from workbench.harness.plan import prepare
from workbench.harness.quick_search import quick_search
from workbench.harness.search import _train, as_progress, run_search
from workbench.harness.search_study import SearchStudy
from workbench.harness.store import read_log
from workbench.report.search import read_search
from workbench.report.search_words import sentences
from workbench.running import processes_for
from workbench.types import Arch, Evaluation, Progress

# Keep trainings of each test for itself: what is in the cache is done before it is killed.
pytestmark = pytest.mark.usefixtures("cache")


def test_a_search_that_was_killed_goes_on(tmp_path: Path) -> None:
    """With -9, twice: what the log holds stays, and nothing that was told is trained again."""
    study = tmp_path / "s.json"
    long = funnel(budget={"seconds": 600.0, "queries": 14}).model_dump(mode="json")
    study.write_text(json.dumps(long))
    command = _command(study, tmp_path / "s")
    logs: list[list[str]] = [[]]
    for told in (2, 6):
        process = subprocess.Popen(command, stderr=DEVNULL, stdout=DEVNULL)
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
    study = small(
        budget={"queries": 6}, benchmarks=[SMALL["benchmarks"][0] | {"training": {"epochs": 60}}]
    )
    command = _command(_file(tmp_path, study), tmp_path / "s")
    with subprocess.Popen(command, stderr=DEVNULL, stdout=DEVNULL) as process:
        _until(tmp_path / "s", 1, process)
        os.kill(_children(process.pid)[0], signal.SIGKILL)
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

        study = small(budget={"queries": 6}, benchmarks=[slow])
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
