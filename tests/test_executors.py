"""Where runs are executed, and processes of this machine: what dies loses nothing but its own."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.small_studies import SMALL, summary_of, write_plugin
from workbench.errors import ExecutorError, WorkerDied
from workbench.executors import as_finished, where, workers_at
from workbench.harness.drive import run_study
from workbench.harness.sections import Study
from workbench.harness.study import parse_study
from workbench.report.results import read_results

KILLER = """
import os, signal
from pathlib import Path
from workbench.strategies.random_search import RandomSearch

class Killer(RandomSearch):
    def ask(self):
        if self._next_id == 5 and not {spared}:
            with open({log!r}, "a") as log:
                log.write("killed\\n")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().ask()
"""


def _killing(folder: Path, spared: str = "False") -> tuple[Study, Path]:
    log = folder / "log"
    plugin = write_plugin(folder, "killer", KILLER.format(log=str(log), spared=spared))
    changes = {"benchmarks": ["nb201/cifar10"], "replicates": 8}
    entries = ["random_search", {"name": plugin, "label": "killer"}]
    return parse_study(SMALL | changes | {"strategies": entries}), log


@pytest.mark.parametrize(
    ("text", "workers", "place"),
    [
        ("processes", 3, 3),
        ("processes:4", None, 4),
        ("dask://head-node.of.it:8786", None, "dask://head-node.of.it:8786"),
        ("dask://[::1]:8786", None, "dask://[::1]:8786"),
    ],
)
def test_where_is_read(text: str, workers: int | None, place: int | str) -> None:
    assert where(text, workers) == place


@pytest.mark.parametrize("text", ["threads", "processes:0", "processes:x", "dask://host", "dask:"])
def test_nowhere_is_refused(text: str) -> None:
    with pytest.raises(ExecutorError, match=r"write processes, processes:4 or dask://host:port"):
        where(text, None)


@pytest.mark.parametrize("text", ["processes:4", "dask://host:8786"])
def test_a_number_that_has_no_effect_is_refused(text: str) -> None:
    with pytest.raises(ExecutorError, match=f"--workers 2: --executor {text} .* leave one out"):
        where(text, 2)


def test_runs_that_kill_their_process_fail_alone(tmp_path: Path) -> None:
    study, log = _killing(tmp_path)
    study = study.model_copy(update={"replicates": 2})
    outcome = run_study(study, tmp_path / "out", 2)
    assert (outcome.ran, outcome.failed) == (4, 2)
    results = read_results(tmp_path / "out")
    assert set(results.final["strategy"]) == {"random_search"}
    assert set(results.runs["error"].dropna()) == {"its process was killed (out of memory?)"}
    assert log.read_text(encoding="utf-8").count("killed") == 4


def test_a_process_killed_once_loses_nothing(tmp_path: Path) -> None:
    study, log = _killing(tmp_path, spared="Path({!r}).exists()".format(str(tmp_path / "log")))
    study = study.model_copy(update={"replicates": 2})
    assert run_study(study, tmp_path / "out", 2).failed == 0
    assert log.read_text(encoding="utf-8").count("killed") in (1, 2)
    assert run_study(study, tmp_path / "one").failed == 0
    assert summary_of(tmp_path / "out") == summary_of(tmp_path / "one")


def _twice(x: int) -> int:
    if x < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * x


def test_only_the_work_of_a_process_that_dies_is_lost() -> None:
    """What a live search needs: one trial is lost, the others end, and more can be asked for."""
    with workers_at(2) as workers:
        ended = {}
        for item, future in as_finished(workers, _twice, [1, -1, 2, 3, -2, 4, 5]):
            ended[item] = type(future.exception()) if future.exception() else future.result()
        dead = dict.fromkeys((-1, -2), WorkerDied)
        assert ended == {1: 2, 2: 4, 3: 6, 4: 8, 5: 10} | dead
        assert workers.submit(_twice, 21).result() == 42


def test_an_executor_is_one_of_concurrent_futures() -> None:
    """The same calls as to an executor of the standard library, with the same answers."""
    with workers_at(2) as workers, ThreadPoolExecutor(2) as threads:
        assert [*workers.map(_twice, range(9))] == [*threads.map(_twice, range(9))]
