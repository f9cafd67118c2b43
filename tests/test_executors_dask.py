"""A real Dask cluster: the numbers of one process, and what is lost of it loses nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.small_studies import SMALL, summary_of, write_plugin
from workbench import executors
from workbench.errors import ExecutorError, MissingExtra
from workbench.executors import as_finished, each, workers_at
from workbench.harness import executor
from workbench.harness.drive import run_study
from workbench.harness.plan import Plan, prepare
from workbench.harness.store import progress_of
from workbench.harness.study import parse_study
from workbench.installed import versions
from workbench.report.results import read_results

PREDICTORS: dict[str, Any] = {
    "name": "fits",
    "kind": "predictors",
    "replicates": 2,
    "sizes": [20],
    "test": 50,
    "benchmarks": ["nb201/cifar10"],
    "predictors": ["ridge", "mlp"],
}
PROXIES: dict[str, Any] = {
    "name": "scores",
    "kind": "proxies",
    "replicates": 2,
    "benchmarks": [{"name": "measured/nb201-mnist", "sample": 20, "batch_size": 4}],
    "proxies": ["l2_norm", "nwot"],
}
SLOW = """
import os, time
from workbench.strategies.random_search import RandomSearch

class Slow(RandomSearch):
    def ask(self):
        if self._next_id == 0:
            with open({log!r}, "a") as log:
                print(os.getpid(), file=log)
        time.sleep(0.05)
        return super().ask()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Return a real cluster: a scheduler here, two worker processes of one thread, and nannies."""
    from distributed import LocalCluster

    made = LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    )
    yield made
    made.close()


@pytest.fixture
def address(cluster: Any) -> str:
    """Return the address of the cluster, both workers of which are there."""
    deadline = time.monotonic() + 60
    while len(_pids(cluster)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return str(cluster.scheduler_address).replace("tcp://", "dask://")


def _pids(cluster: Any) -> dict[str, int]:
    from distributed import Client

    with Client(cluster, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        found: dict[str, int] = client.run(os.getpid)
        return found


@pytest.mark.parametrize("data", [SMALL, PREDICTORS, PROXIES], ids=lambda d: d["name"])
def test_a_cluster_gives_the_numbers_of_one_process(
    data: dict[str, Any], address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = parse_study(data)
    for place, folder in ((1, "one"), (address, "cluster")):
        # No scores of proxies are shared between them.
        monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / folder / "cache"))
        outcome = run_study(study, tmp_path / folder, place)
        assert (outcome.ran, outcome.failed) == (study.runs, 0)
    assert summary_of(tmp_path / "cluster") == summary_of(tmp_path / "one")
    if data is SMALL:
        trials = [read_results(tmp_path / f).trials for f in ("one", "cluster")]
        assert trials[0].equals(trials[1])


def test_a_worker_killed_in_mid_run_loses_nothing(
    cluster: Any, address: str, tmp_path: Path
) -> None:
    """SIGKILL to one of two Dask workers while both are at it: all runs end, numbers unchanged."""
    log = tmp_path / "log"
    plugin = write_plugin(tmp_path, "slow", SLOW.format(log=str(log)))
    study = parse_study(SMALL | {"strategies": [plugin], "benchmarks": ["nb201/cifar10"]})
    before = _pids(cluster)
    killed: list[int] = []

    def progress(done: int, of: int, failed: int) -> None:
        if done == 2 and not killed:
            killed.append(min(before.values()))
            os.kill(killed[0], signal.SIGKILL)

    outcome = run_study(study, tmp_path / "cluster", address, progress)
    assert killed
    assert (outcome.ran, outcome.failed) == (6, 0)
    assert killed[0] not in _pids(cluster).values()
    begun = [pid for pid in log.read_text(encoding="utf-8").split() if int(pid) != os.getpid()]
    assert len(begun) > 6, "no run was cut off"
    run_study(study, tmp_path / "one")
    assert summary_of(tmp_path / "cluster") == summary_of(tmp_path / "one")


def test_each_goes_on_a_cluster_too(address: str) -> None:
    assert sorted(each(abs, range(-20, 0), address)) == list(range(1, 21))
    with pytest.raises(ExecutorError, match="cannot do its work: TypeError"):
        list(each(json.dumps, [{"x"}], address))


def test_workers_with_other_versions_are_refused(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = parse_study(SMALL | {"replicates": 1})
    monkeypatch.setattr(executors, "versions", lambda: versions() | {"numpy": "1.0"})
    with pytest.raises(
        ExecutorError,
        match=r"on the worker at .*: there is numpy 2.* instead of 1.0",
    ):
        run_study(study, tmp_path, address)


def test_files_that_workers_lack_are_named(address: str, tmp_path: Path) -> None:
    """A plug-in that is not the same there: written anew after the study was prepared."""
    path = Path(write_plugin(tmp_path, "slow", SLOW.format(log=str(tmp_path / "log"))))
    plan = prepare(parse_study(SMALL | {"replicates": 1, "strategies": [str(path)]}))
    results = executor.execute_all(plan, [0], address)
    hashes = plan.fingerprint
    assert "slow.py" in hashes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Plan, "fingerprint", hashes)
        path.write_text("# another\n", encoding="utf-8")
        with pytest.raises(ExecutorError, match=r"another content of slow\.py"):
            next(results)
        path.unlink()
        with pytest.raises(ExecutorError, match="files at the same paths"):
            next(executor.execute_all(plan, [0], address))


def test_no_scheduler_is_one_clear_error(tmp_path: Path) -> None:
    study = tmp_path / "study.json"
    study.write_text(json.dumps(SMALL), encoding="utf-8")
    done = _workbench("run", study, "--executor", "dask://127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "error: no Dask scheduler answers at dask://127.0.0.1:1; start one there with"
        " `dask scheduler --port 1`, or correct the address"
    )
    assert "Traceback" not in done.stderr


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r"pip install 'nas-workbench\[dask\]'"):
        workers_at("dask://127.0.0.1:1")


def test_workers_of_several_threads_are_refused() -> None:
    from distributed import LocalCluster

    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0",
            protocol="tcp",
        ) as made,
        pytest.raises(ExecutorError, match=r"has 2 threads.*--nthreads 1"),
    ):  # fmt: skip
        workers_at(made.scheduler_address.replace("tcp://", "dask://"))


def _dask(program: str, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *words]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=quiet)


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _stored(folder: Path) -> int:
    return progress_of(folder)["finished"] if (folder / "study.sqlite").exists() else 0


def _until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_cluster_that_comes_late_and_goes_away(tmp_path: Path) -> None:
    """A study waits for its first worker, stops on Ctrl-C, goes on, and outlives the scheduler."""
    study = tmp_path / "study.json"
    write_plugin(tmp_path, "slow", SLOW.format(log=str(tmp_path / "log")))
    changes = {"strategies": ["slow.py"], "benchmarks": ["nb201/cifar10"], "replicates": 30}
    study.write_text(json.dumps(SMALL | changes), encoding="utf-8")
    port, folder = _free_port(), tmp_path / "small"
    words = ["run", str(study), "--executor", f"dask://127.0.0.1:{port}"]
    command = [sys.executable, "-m", "workbench", *words]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, preexec_fn=_heed_interrupts
        )

    scheduler = _dask("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    others = [scheduler]
    try:
        first = start()
        assert first.stderr is not None
        waits = first.stderr.readline()
        assert f"no worker is connected to dask://127.0.0.1:{port}; `dask worker" in waits
        others.append(_dask("worker", f"127.0.0.1:{port}", "--nthreads", "1", "--no-nanny"))
        _until(lambda: _stored(folder) >= 2, first)
        first.send_signal(signal.SIGINT)
        _, said = first.communicate(timeout=20)
        assert first.returncode == 130
        assert "Go on with: workbench run" in said
        assert "Traceback" not in said
        stored = _stored(folder)
        assert 2 <= stored < 30
        second = start()
        _until(lambda: _stored(folder) > stored, second)
        scheduler.terminate()
        _, said = second.communicate(timeout=60)
        assert second.returncode == 2
        assert "went away; what is finished is kept" in said.splitlines()[-1]
        assert "Traceback" not in said
        assert stored < _stored(folder) < 30
    finally:
        for process in others:
            process.kill()
            process.wait()


def _workbench(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workbench", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def test_a_cluster_without_workers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """All workers are gone and none comes: after a while that is an error that says what to do."""
    port = _free_port()
    monkeypatch.setattr(executors, "_PATIENCE", 0.2)
    monkeypatch.setattr(executors, "_GIVE_UP", 1)
    scheduler = _dask("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    try:
        with _when_there(f"dask://127.0.0.1:{port}") as workers:
            ends = as_finished(workers, str, [1])
            with pytest.raises(ExecutorError, match=r"no worker is connected.*none has come for"):
                next(ends)
    finally:
        scheduler.kill()
        scheduler.wait()


def _when_there(address: str) -> Any:
    """Return the workers of a scheduler that was started a moment ago."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return workers_at(address)
        except ExecutorError:
            assert time.monotonic() < deadline
