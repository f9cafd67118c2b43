"""Stored studies: any number of processes, any interruption, the same numbers to the byte."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import StoreError
from workbench.harness.drive import run_study
from workbench.harness.sections import Study
from workbench.harness.study import parse_study
from workbench.report.results import read_results, summary, write_results

STUDY = """
name = "resumed"
replicates = 12
workers = 3
benchmarks = ["nb201/cifar10", "nbgraph/cora"]
[budget]
queries = 60
[[strategies]]
name = "random_search"
[[strategies]]
name = "local_search"
[[strategies]]
name = "regularized_evolution"
population = 10
sample = 3
[[strategies]]
name = "predictor_guided"
predictor = {name = "xgboost", n_estimators = 20}
"""


def _study(**changes: object) -> Study:
    data: dict[str, object] = {
        "name": "small",
        "replicates": 2,
        "budget": {"queries": 15},
        "benchmarks": ["nb201/cifar10"],
        "strategies": ["random_search", "local_search"],
    }
    return parse_study(data | changes)


def _command(folder: Path, workers: int) -> list[str]:
    study = folder.parent / "study.toml"
    study.write_text(STUDY, encoding="utf-8")
    out = ["--out", str(folder), "--workers", str(workers)]
    return [sys.executable, "-m", "workbench", "run", str(study), *out]


def _summary(folder: Path) -> bytes:
    return (folder / "summary.json").read_bytes()


def _stored(folder: Path) -> int:
    try:
        reader = sqlite3.connect(f"file:{folder}/study.sqlite?mode=ro", uri=True)
        with closing(reader) as db:
            found: int = db.execute("SELECT count(*) FROM runs").fetchone()[0]
            return found
    except sqlite3.Error:
        return 0


def test_killed_again_and_again_ends_with_the_same_numbers(tmp_path: Path) -> None:
    """Kill -9 at random moments, until it gets through; the reference was never killed."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(_command(whole, 1), check=True, capture_output=True)
    chance = random.Random(0)
    kills = 0
    before = 0
    while kills < 4:
        process = subprocess.Popen(
            _command(killed, 2), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        target = before + chance.randint(3, 20)
        while process.poll() is None and _stored(killed) < target:
            time.sleep(0.01)
        process.kill()
        process.wait()
        stored = _stored(killed)
        assert stored >= before
        before = stored
        kills += 1
    assert 0 < before < 96
    subprocess.run(_command(killed, 2), check=True, capture_output=True)
    assert _stored(killed) == 96
    assert _summary(killed) == _summary(whole)
    dumps = [read_results(f).trials for f in (whole, killed)]
    assert dumps[0].equals(dumps[1])


def _heed_interrupts() -> None:
    """A shell that runs tests in the background has all its children ignore interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("send", "sent", "code"),
    [(os.killpg, signal.SIGINT, 130), (os.kill, signal.SIGTERM, 143)],
)
def test_interrupt_stops_within_two_seconds_and_says_how_to_go_on(
    tmp_path: Path, send: Callable[[int, int], None], sent: int, code: int
) -> None:
    """Ctrl-C goes to all processes, SIGTERM to one; the code is 128 and the signal's number."""
    folder = tmp_path / "stopped"
    process = subprocess.Popen(
        _command(folder, 2),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_heed_interrupts,
    )
    while _stored(folder) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    send(process.pid, sent)
    started = time.monotonic()
    _, err = process.communicate(timeout=20)
    assert time.monotonic() - started < 2
    assert process.returncode == code == 128 + sent
    assert b"Go on with: workbench run" in err
    assert not [word for word in (b"Traceback", b"leaked") if word in err]
    assert 0 < _stored(folder) < 96


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    folder = tmp_path / "orphans"
    process = subprocess.Popen(
        _command(folder, 2),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while _stored(folder) < 1:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("worker processes outlived the one that drove them")


def test_second_writer_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    process = subprocess.Popen(
        _command(folder, 1), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while _stored(folder) < 1:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)  # so that it cannot be done before we look
        second = subprocess.run(_command(folder, 1), capture_output=True, text=True, check=False)
        assert second.returncode == 2
        assert f"process {process.pid} on" in second.stderr
        status = subprocess.run(
            [sys.executable, "-m", "workbench", "status", str(folder)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"being written by process {process.pid}" in status.stdout
    finally:
        process.kill()
        process.wait()


def test_changed_study_is_refused_with_the_difference(tmp_path: Path) -> None:
    run_study(_study(), tmp_path)
    with pytest.raises(StoreError) as caught:
        run_study(_study(budget={"queries": 16}), tmp_path)
    assert '-  "queries": 15' in str(caught.value)
    assert '+  "queries": 16' in str(caught.value)
    assert run_study(_study(), tmp_path).ran == 0


def test_changed_plugin_is_refused(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    source = (
        "from workbench.strategies.random_search import RandomSearch\n"
        "class Mine(RandomSearch):\n    pass\n"
    )
    plugin.write_text(source, encoding="utf-8")
    study = _study(strategies=[str(plugin)])
    assert run_study(study, tmp_path / "out").ran == 2
    plugin.write_text(source + "# changed\n", encoding="utf-8")
    with pytest.raises(StoreError, match="another content of mine"):
        run_study(study, tmp_path / "out")
    plugin.write_text(source, encoding="utf-8")
    moved = tmp_path / "elsewhere" / "mine.py"
    moved.parent.mkdir()
    plugin.rename(moved)
    assert run_study(_study(strategies=[str(moved)]), tmp_path / "out").ran == 0


def test_damaged_store_is_an_error_that_loses_nothing(tmp_path: Path) -> None:
    run_study(_study(), tmp_path)
    path = tmp_path / "study.sqlite"
    path.write_bytes(b"not a database, " * 100)
    before = path.read_bytes()
    for use in (lambda: run_study(_study(), tmp_path), lambda: read_results(tmp_path)):
        with pytest.raises(StoreError, match="move it away"):
            use()
    assert path.read_bytes() == before
    with pytest.raises(StoreError, match="holds no study"):
        read_results(tmp_path / "nothing")


def test_finished_folder_is_one_file_and_can_be_read_only(tmp_path: Path) -> None:
    run_study(_study(), tmp_path)
    assert sorted(p.name for p in tmp_path.glob("study.sqlite*")) == ["study.sqlite"]


def test_failing_strategies_are_recorded_and_tried_again(tmp_path: Path) -> None:
    plugin = tmp_path / "flaky.py"
    flag = tmp_path / "mended"
    plugin.write_text(
        "from pathlib import Path\n"
        "from workbench.strategies.random_search import RandomSearch\n"
        "class Flaky(RandomSearch):\n"
        "    def ask(self):\n"
        "        if self._next_id == 7 and not Path(self.flag).exists():\n"
        "            raise RuntimeError('out of ideas')\n"
        "        return super().ask()\n"
        f"    flag = {str(flag)!r}\n",
        encoding="utf-8",
    )
    study = _study(strategies=["random_search", str(plugin)])
    outcome = run_study(study, tmp_path / "out")
    assert (outcome.ran, outcome.failed) == (4, 2)
    results = read_results(tmp_path / "out")
    errors = results.runs["error"].dropna().tolist()
    assert errors == ["RuntimeError: out of ideas (flaky.py:6)"] * 2
    assert set(results.final["strategy"]) == {"random_search"}
    flag.touch()
    outcome = run_study(study, tmp_path / "out")
    assert (outcome.ran, outcome.failed) == (2, 0)


def test_results_hold_what_the_log_says(tmp_path: Path) -> None:
    """Incumbents, truth and regret worked out again from the raw trials, in plain Python."""
    run_study(_study(benchmarks=["nbgraph/cora"], workers=2), tmp_path)
    results = read_results(tmp_path)
    write_results(results, summary(results))
    best = results.meta["benchmarks"]["nbgraph/cora"]["optimum"]
    for _, rows in results.trials.groupby("run"):
        score, truth, test = -1.0, 0.0, 0.0
        row: Any
        for row in rows.itertuples():
            if row.score > score:
                score, truth, test = row.score, row.truth, row.test
            assert row.incumbent_score == score
            assert row.incumbent_truth == truth
            assert row.incumbent_test == test
            assert row.regret == best - truth
        assert rows["query"].tolist() == list(range(1, len(rows) + 1))
