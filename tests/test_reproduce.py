"""Runs done again: they come out to the bit, and one changed bit anywhere is found and named."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import ParameterError, StoreError, WorkbenchError
from workbench.harness.drive import run_study
from workbench.harness.reproduce import Reproduced, reproduce
from workbench.harness.store import read_meta
from workbench.harness.study import load_study, parse_study
from workbench.types import Progress

STRATEGIES: dict[str, Any] = {
    "name": "strategies",
    "replicates": 4,
    "workers": 2,
    "budget": {"queries": 12},
    "benchmarks": ["measured/nb201-mnist"],
    "strategies": [
        {"name": "regularized_evolution", "population": 4, "sample": 2},
        {"name": "filtered", "candidates": 8, "initial": 2},
        "asha",
    ],
}
PREDICTORS: dict[str, Any] = {
    "name": "predictors",
    "kind": "predictors",
    "replicates": 2,
    "sizes": [20, 40],
    "test": 50,
    "benchmarks": ["nb201/cifar10"],
    "predictors": ["ridge", "random_forest"],
}
PROXIES: dict[str, Any] = {
    "name": "proxies",
    "kind": "proxies",
    "replicates": 2,
    "benchmarks": [{"name": "measured/nb201-mnist", "sample": 12, "batch_size": 4}],
    "proxies": ["l2_norm", "synflow"],
}
CURVES: dict[str, Any] = {
    "name": "curves",
    "kind": "curves",
    "replicates": 2,
    "train": 40,
    "test": 60,
    "epochs": [4, 12],
    "benchmarks": ["measured/nb201-mnist"],
    "extrapolators": ["last_value", "lcsvr"],
}
LIVE: dict[str, Any] = {
    "name": "live/nb201/digits",
    "network": {"channels": 2, "stages": 2},
    "training": {"epochs": 3},
    "data": {"train": 80, "valid": 50},
}
SEARCH: dict[str, Any] = {
    "name": "search",
    "kind": "search",
    "budget": {"queries": 6},
    "benchmarks": [LIVE],
    "strategies": [{"name": "asha", "eta": 3}],
    "final": {"seeds": 1, "random": 1},
}
KINDS = [STRATEGIES, PREDICTORS, PROXIES, CURVES]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one finished study of each kind, by its name."""
    top = tmp_path_factory.mktemp("studies")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_CACHE", str(top / "cache"))
        for data in (*KINDS, SEARCH):
            run_study(parse_study(data), top / data["name"], workers=2)
    return top


def _again(folder: Path, share: float = 1, **options: Any) -> Reproduced:
    def quiet(title: str, what: str) -> AbstractContextManager[Progress]:
        return nullcontext(lambda done, of, failed: None)

    return reproduce(folder, quiet, share, **options)


def _changed(folders: Path, name: str, to: Path, *statements: str) -> Path:
    shutil.copytree(folders / name, to)
    with closing(sqlite3.connect(to / "study.sqlite")) as db, db:
        for statement in statements:
            db.execute(statement)
    return to


def _set(folder: Path, key: str, **changes: Any) -> None:
    value = json.dumps(read_meta(folder)[key] | changes)
    with closing(sqlite3.connect(folder / "study.sqlite")) as db, db:
        db.execute("UPDATE meta SET value = ? WHERE key = ?", (value, key))


def _rows(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "study.sqlite")) as db:
        tables = ("trials", "tasks", "measures")
        return sum(db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables)


@pytest.mark.parametrize("name", [kind["name"] for kind in KINDS])
def test_every_kind_comes_out_and_its_folder_is_left_alone(name: str, folders: Path) -> None:
    content = {p: hashlib.sha256(p.read_bytes()).digest() for p in (folders / name).iterdir()}
    found = _again(folders / name, workers=2)
    assert found.holds, found.lines()
    assert found.again == found.stored == parse_study(read_meta(folders / name)["study"]).runs
    times = {"predictors": 8 * 2, "proxies": 4, "curves": 8 * 2}
    assert _rows(folders / name) - times.get(name, 0) >= found.evaluations > found.again
    assert content == {p: hashlib.sha256(p.read_bytes()).digest() for p in content}
    assert "all equal to the bit" in found.lines()[0]
    assert not found.unlike


@pytest.mark.parametrize(
    ("name", "table", "column", "where"),
    [
        ("strategies", "trials", "score", "trial = 7"),
        ("strategies", "trials", "started", "trial = 7"),
        ("strategies", "trials", "truth", "trial = 7"),
        ("strategies", "tasks", "cost", "step_asked > 0"),
        ("strategies", "measures", "value", "metric = 'rounds' AND size = 0"),
        ("predictors", "measures", "value", "size = 40 AND metric = 'spearman'"),
        ("proxies", "measures", "value", "metric = 'spearman' AND test_set = 'all'"),
        ("curves", "measures", "value", "size = 12 AND metric = 'spearman'"),
    ],
)
def test_one_bit_is_found_and_named(
    name: str, table: str, column: str, where: str, folders: Path, tmp_path: Path
) -> None:
    """The smallest change that a double knows, in one row."""
    with closing(sqlite3.connect(folders / name / "study.sqlite")) as db:
        ask = f"SELECT run, {column} FROM {table} WHERE {where} AND {column} NOTNULL"
        run, value = db.execute(ask).fetchone()
    other = float(np.nextafter(value, np.inf))
    change = f"UPDATE {table} SET {column} = {other!r} WHERE run = {run} AND {where}"
    folder = _changed(folders, name, tmp_path / "copy", f"{change} AND {column} = {value!r}")
    found = _again(folder)
    assert (found.holds, found.differing) == (False, 1)
    (difference,) = found.differences
    assert difference.columns == {column: (other, value)}
    assert (difference.run, difference.rows) == (run, 1)
    line = found.lines()[0]
    spec = parse_study(read_meta(folder)["study"]).spec(run)
    for word in (f"replicate {spec.replicate}:", f"{column} {other!r} stored, {value!r} found"):
        assert word in line
    assert (f"first trial {7}" in line) == (table == "trials")
    assert "none is known" in found.lines()[-1]


def test_rows_too_many_or_too_few_are_found(folders: Path, tmp_path: Path) -> None:
    change = "DELETE FROM trials WHERE run = 5 AND step_asked = (SELECT max(step_asked) FROM trials"
    folder = _changed(folders, "strategies", tmp_path / "copy", f"{change} WHERE run = 5)")
    (difference,) = _again(folder).differences
    assert difference.run == 5
    assert difference.columns["arch"][0] is None


def test_times_are_no_difference(folders: Path, tmp_path: Path) -> None:
    changes = [
        "UPDATE runs SET wall = wall + 1, cpu = cpu + 1, host = 'elsewhere'",
        "UPDATE measures SET value = value + 1 WHERE metric IN ('fit_seconds', 'query_seconds')",
    ]
    assert _again(_changed(folders, "predictors", tmp_path / "copy", *changes)).holds


def test_a_share_has_a_run_of_every_entry_and_follows_from_the_seed(folders: Path) -> None:
    small = _again(folders / "strategies", 0.01)
    assert (small.again, small.stored) == (3, 12)
    assert _again(folders / "strategies", 0.5).again == 6
    for share in (0, -0.1, 1.01, float("nan")):
        with pytest.raises(ParameterError, match="share"):
            _again(folders / "strategies", share)


def test_another_seed_takes_other_runs(folders: Path, tmp_path: Path) -> None:
    """Of a study with every run spoiled, the runs that are found are those that were done."""
    folder = _changed(folders, "strategies", tmp_path / "copy", "UPDATE trials SET epochs = 99")
    done = [{one.run for one in _again(folder, 0.25, seed=s).differences} for s in (0, 0, 1, 2)]
    assert done[0] == done[1]
    assert len({*map(frozenset, done)}) > 1
    assert all({run // 4 for run in runs} == {0, 1, 2} for runs in done)


def test_what_failed_is_left_out(folders: Path, tmp_path: Path) -> None:
    failed = "UPDATE runs SET error = 'out of memory' WHERE run < 2"
    found = _again(_changed(folders, "predictors", tmp_path / "copy", failed))
    assert (found.holds, found.stored) == (True, 2)
    assert found.notes == ["2 runs that failed were left out"]
    every = _changed(folders, "predictors", tmp_path / "all", "UPDATE runs SET error = 'x'")
    with pytest.raises(StoreError, match="no finished run"):
        _again(every)


def test_the_likely_cause_comes_first(folders: Path, tmp_path: Path) -> None:
    folder = _changed(folders, "predictors", tmp_path / "copy", "UPDATE measures SET value = 2")
    known = read_meta(folder)["provenance"]
    packages = known["packages"] | {"numpy": "1.0", "gone": "3"}
    libraries = [one | {"for": "Zen", "threads": 4} for one in known["libraries"]]
    _set(
        folder, "provenance", packages=packages, python="3.10.1", cpu="Another", os="Plan 9",
        libraries=libraries, git={"commit": "0" * 40, "clean": True}, mixed=["a was other"],
        gpus=[{"name": "H100", "driver": "1", "memory": "1"}], threads_per_process=8,
    )  # fmt: skip
    _set(folder, "installed", lightgbm="0.1")
    _set(folder, "fingerprint", **{"nb201/cifar10": "of another table"})
    lines = _again(folder, 0.1).lines()
    begins = next(i for i, line in enumerate(lines) if line.startswith("likely cause"))
    assert lines[begins] == "likely cause: another content of nb201/cifar10"
    words = (
        "numpy 1.0 then, 2.", "gone, which is not here", "a was other",
        "commit 000000000000 then",
        "Python 3.10.1 then", "for Zen", "on 4", "threads a process 8 then, 1 now",
        "processor Another then", "GPU H100 (driver 1) then, none now", "system Plan 9 then",
        "other packages: lightgbm 0.1 then",
    )  # fmt: skip
    said = lines[begins + 1 :]
    assert len(said) == len(words)
    for line, word in zip(said, words, strict=True):
        assert word.replace("for ", "") in line, (line, word)


def test_other_versions_without_a_difference_are_said(folders: Path, tmp_path: Path) -> None:
    folder = _changed(folders, "predictors", tmp_path / "copy")
    _set(folder, "provenance", packages={"numpy": "1.0"})
    found = _again(folder, 0.1)
    assert found.holds
    assert any("numpy 1.0 then" in line for line in found.lines()[1:])


PLUGIN = """
from workbench import Strategy


class Guess(Strategy):
    def ask(self):
        rng = {rng}
        return self._trial(tuple(self.space.sample(1, rng)[0].tolist()))

    def tell(self, trial, observation):
        pass
"""


def _with_plugin(folder: Path, rng: str) -> Path:
    plugin, study = folder / "guess.py", folder / "study.json"
    plugin.write_text(PLUGIN.format(rng=rng), encoding="utf-8")
    changes = {"strategies": ["guess.py"], "replicates": 1, "benchmarks": ["nb201/cifar10"]}
    study.write_text(json.dumps(STRATEGIES | changes), encoding="utf-8")
    run_study(load_study(study), folder / "out")
    return plugin


def test_random_numbers_of_its_own_are_suspected(tmp_path: Path) -> None:
    _with_plugin(tmp_path, "__import__('numpy').random.default_rng()")
    found = _again(tmp_path / "out")
    assert not found.holds
    assert "random numbers of its own" in found.lines()[-1]


def test_a_changed_plugin_is_the_cause_and_a_lost_one_an_error(tmp_path: Path) -> None:
    plugin = _with_plugin(tmp_path, "self.rng")
    assert _again(tmp_path / "out").holds
    text = plugin.read_text(encoding="utf-8").replace(
        "self.rng", "self.rng if self.rng.random() else 0"
    )
    plugin.write_text(text, encoding="utf-8")
    found = _again(tmp_path / "out")
    assert "likely cause: another content of guess.py" in found.lines()
    plugin.unlink()
    with pytest.raises(WorkbenchError, match=r"guess\.py"):
        _again(tmp_path / "out")


# -- real trainings --------------------------------------------------------------------------------


def test_what_was_kept_of_a_training_is_not_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A study that read wrong scores from its cache does not come out, with the cache there."""
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    changes = {"strategies": ["random_search"], "replicates": 1}
    changes["benchmarks"] = [LIVE | {"training": {"epochs": 2}}]  # opened by no other test
    study = parse_study(STRATEGIES | changes | {"workers": 1, "budget": {"queries": 2}})
    run_study(study, tmp_path / "right")
    found = _again(tmp_path / "right")
    assert found.holds
    assert "seconds that are measured" in found.lines()[-1]
    for kept in (tmp_path / "cache").rglob("*.json"):
        result = json.loads(kept.read_text(encoding="utf-8"))
        result["valid"][-1] += 1
        kept.write_text(json.dumps(result), encoding="utf-8")
    run_study(study, tmp_path / "wrong")
    wrong = _again(tmp_path / "wrong")
    assert {*wrong.differences[0].columns} == {"score"}


def test_trainings_of_a_search_come_out_also_those_that_went_on(folders: Path) -> None:
    with closing(sqlite3.connect(folders / "search" / "study.sqlite")) as db:
        ask = "SELECT count(*), count(continues), sum(status = 'ok') FROM trials"
        told, continued, fine = db.execute(ask).fetchone()
    assert continued
    found = _again(folders / "search", workers=2)
    assert found.holds, found.lines()
    assert (found.what, found.again, found.stored) == ("trainings", told, fine)
    assert "cannot be run again as a whole" in found.lines()[-1]
    assert _again(folders / "search", 0.01).again == 1


def test_a_changed_training_of_a_search_is_found(folders: Path, tmp_path: Path) -> None:
    folder = _changed(folders, "search", tmp_path / "copy")
    with closing(sqlite3.connect(folder / "study.sqlite")) as db, db:
        query = "SELECT step, entry FROM log WHERE entry LIKE '%\"came\"%' ORDER BY step LIMIT 1"
        step, text = db.execute(query).fetchone()
        entry = json.loads(text)
        entry["curve"][0] += 1e-9
        db.execute("UPDATE log SET entry = ? WHERE step = ?", (json.dumps(entry), step))
    found = _again(folder)
    (difference,) = found.differences
    assert {*difference.columns} == {"epoch 1"}
    assert difference.run == entry["came"]
    with closing(sqlite3.connect(folder / "study.sqlite")) as db, db:
        db.execute("DELETE FROM log")
    with pytest.raises(StoreError, match="no training"):
        _again(folder)


# -- the command line ------------------------------------------------------------------------------


def _workbench(*words: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workbench", "reproduce", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_exit_codes_and_what_is_printed(folders: Path, tmp_path: Path) -> None:
    folder = folders / "predictors"
    fine = _workbench(folder, "--workers", "1").stdout
    assert fine.startswith("2 of 4 runs were done again: ")
    change = "UPDATE measures SET value = value + 1 WHERE run = 1"
    spoiled = _changed(folders, "predictors", tmp_path / "copy", change)
    wrong = _workbench(spoiled, "--share", "1", "--json", code=1)
    said = json.loads(wrong.stdout)
    assert (said["holds"], said["differing"], said["again"]) == (False, 1, 4)
    assert said["differences"][0]["name"] == "ridge on nb201/cifar10, replicate 1"
    assert "holds no study" in _workbench(tmp_path, code=2).stderr
    assert "share" in _workbench(folder, "--share", "2", code=2).stderr
