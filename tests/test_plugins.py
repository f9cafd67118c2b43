"""Plug-ins of every family in a study, from their files, and plug-ins that misbehave."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from workbench.errors import StoreError, StudyError
from workbench.harness.drive import Outcome, run_study
from workbench.harness.plan import prepare
from workbench.harness.study import load_study
from workbench.report.write import write_all
from workbench.strategies import Strategy
from workbench.testing.run import check_plugin
from workbench.testing.strategies import check_strategy
from workbench.types import Observation, Task, Trial

SPACE = """
from workbench.spaces import Space
from workbench.types import Decision

class Grid(Space):
    def __init__(self):
        super().__init__("grid", [Decision(n, (1, 2, 3, 4), "ordered") for n in "ab"])
"""
BENCHMARK = """
import pandas as pd
from workbench import Metric, Space, Decision, from_table

SPACE = Space("pair", [Decision("a", (1, 2, 3)), Decision("b", (1, 2, 3))])

class Made:
    DATASETS = ("sum",)

    def __new__(cls, dataset, score=None):
        rows = [(a, b, a + b) for a in (1, 2, 3) for b in (1, 2, 3)]
        return from_table(pd.DataFrame(rows, columns=["a", "b", "y"]), SPACE, "y", name="any")
"""
PREDICTOR = """
from sklearn.linear_model import Ridge

class Line(Ridge):
    pass
"""
ENCODING = """
from workbench.encodings.one_hot import OneHot

class Bits(OneHot):
    pass
"""
STRATEGY = """
from workbench.strategies.random_search import RandomSearch

class Draws(RandomSearch):
    def ask(self):
        {body}
        return super().ask()
"""


def _folder(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in (
        ("grid", SPACE),
        ("made", BENCHMARK),
        ("line", PREDICTOR),
        ("bits", ENCODING),
    ):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    rows = "\n".join(f"{a},{b},{a * b}" for a in range(1, 5) for b in range(1, 5))
    (folder / "mine.csv").write_text(f"a,b,y\n{rows}\n", encoding="utf-8")
    (folder / "study.toml").write_text(
        """
        name = "plugged"
        replicates = 2
        budget = {queries = 8}
        [[benchmarks]]
        name = "./made.py/sum"
        [[benchmarks]]
        name = "own"
        table = "mine.csv"
        space = "./grid.py"
        columns = "y"
        [[strategies]]
        name = "predictor_guided"
        predictor = "./line.py"
        encoding = {name = "./bits.py"}
        initial = 3
        batch = 2
        """,
        encoding="utf-8",
    )
    return folder


def _strategy(folder: Path, body: str) -> Path:
    path = folder / "draws.py"
    path.write_text(STRATEGY.format(body=body), encoding="utf-8")
    study = folder / "draws.toml"
    study.write_text(
        'name = "draws"\nreplicates = 2\nbudget = {queries = 5}\nbenchmarks = ["nb201/cifar10"]\n'
        'strategies = ["random_search", "draws.py"]\n',
        encoding="utf-8",
    )
    return study


def _workbench(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workbench", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_plugins_of_every_family_work_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _folder(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    outcome = run_study(folder / "study.toml", tmp_path / "out")
    assert outcome == Outcome(tmp_path / "out", 4, 0)
    summary = write_all(tmp_path / "out").summary
    assert list(summary["benchmarks"]) == ["made/sum", "own"]
    assert summary["benchmarks"]["own"]["optimum"] == 16
    assert summary["benchmarks"]["made/sum"]["optimum"] == 6


def test_a_study_folder_and_its_files_can_move(tmp_path: Path) -> None:
    before = _folder(tmp_path / "here")
    run_study(before / "study.toml", before / "out")
    after = before.rename(tmp_path / "there")
    assert run_study(after / "study.toml", after / "out").ran == 0


@pytest.mark.parametrize("name", ["grid.py", "made.py", "line.py", "bits.py", "mine.csv"])
def test_a_changed_file_is_refused(tmp_path: Path, name: str) -> None:
    folder = _folder(tmp_path / "here")
    run_study(folder / "study.toml", tmp_path / "out")
    path = folder / name
    text = path.read_text(encoding="utf-8")
    changed = text.replace("4,4,16", "4,4,17") if name == "mine.csv" else text + "# changed\n"
    path.write_text(changed, encoding="utf-8")
    from workbench.harness import opening

    opening._open.cache_clear()  # a table is read once a process
    named = "own" if name == "mine.csv" else name
    with pytest.raises(StoreError, match=rf"another content of .*{named}"):
        run_study(folder / "study.toml", tmp_path / "out")


def test_other_versions_are_refused(tmp_path: Path) -> None:
    study = _strategy(tmp_path, "pass")
    run_study(study, tmp_path / "out")
    with closing(sqlite3.connect(tmp_path / "out" / "study.sqlite")) as db, db:
        (text,) = db.execute("SELECT value FROM meta WHERE key = 'provenance'").fetchone()
        known = json.loads(text)
        known["packages"]["numpy"] = "1.0"
        db.execute("UPDATE meta SET value = ? WHERE key = 'provenance'", [json.dumps(known)])
    with pytest.raises(StoreError, match=r"numpy 1\.0 \(now"):
        run_study(study, tmp_path / "out")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_strategy_that_exits_fails_its_runs_alone(tmp_path: Path, workers: int) -> None:
    outcome = run_study(_strategy(tmp_path, "raise SystemExit(0)"), tmp_path / "out", workers)
    assert (outcome.ran, outcome.failed) == (4, 2)
    assert "SystemExit" in write_all(tmp_path / "out").report.read_text(encoding="utf-8")


def test_a_strategy_that_kills_its_process_fails_its_runs_alone(tmp_path: Path) -> None:
    study = _strategy(tmp_path, "import os; os._exit(1)")
    outcome = run_study(study, tmp_path / "out", workers=2)
    assert (outcome.ran, outcome.failed) == (4, 2)
    text = write_all(tmp_path / "out").report.read_text(encoding="utf-8")
    assert "was killed" in text


def test_what_plugins_print_is_no_result(tmp_path: Path) -> None:
    study = _strategy(tmp_path, "print('hello')")
    done = _workbench("run", study, "--out", tmp_path / "out", "--workers", "1", "--json")
    assert json.loads(done.stdout)["study"] == "draws"
    done = _workbench("check", tmp_path / "draws.py", "--json")
    assert all(outcome["fault"] is None for outcome in json.loads(done.stdout))


def test_exits_at_import_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "gone.py"
    path.write_text("raise SystemExit(0)\n", encoding="utf-8")
    done = _workbench("check", path)
    assert done.returncode == 2
    assert "cannot be imported: SystemExit" in done.stderr


@pytest.mark.parametrize(
    ("predictor", "words"),
    [
        ('{name = "random_forest", n_estimators = "x"}', "n_estimators"),
        ('{name = "xgboost", n_estimators = -3}', "n_estimators"),
        ('{name = "xgboost", trees = 3}', "trees"),
        ('"xgbost"', "did you mean 'xgboost'"),
    ],
)
def test_wrong_predictors_are_found_before_anything_runs(
    tmp_path: Path, predictor: str, words: str
) -> None:
    path = tmp_path / "study.toml"
    path.write_text(
        'name = "x"\nbenchmarks = ["nb201/cifar10"]\nbudget = {queries = 5}\n'
        f'[[strategies]]\nname = "predictor_guided"\npredictor = {predictor}\n',
        encoding="utf-8",
    )
    with pytest.raises(StudyError, match=words) as caught:
        prepare(load_study(path), "here")
    assert "here: strategies[0]" in str(caught.value)


class Here(Strategy):
    """A strategy in a test file, as its author would have it."""

    def ask(self) -> Trial:
        return self._trial(tuple(self.space.sample(1, self.rng)[0].tolist()))

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        pass


def test_suites_take_a_class_from_a_test_file() -> None:
    check_strategy(Here)


def test_a_name_of_three_families_is_checked_as_all() -> None:
    found = [label for label, _ in check_plugin("mlp")]
    assert {label.partition(":")[0] for label in found} == {"spaces", "benchmarks", "predictors"}


def test_labels_are_drawn_as_written(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(
        'name = "x"\nreplicates = 2\nbenchmarks = ["nb201/cifar10"]\nbudget = {queries = 5}\n'
        r"""strategies = [{name = "random_search", label = '$a_$ and $\frac$'}, "local_search"]""",
        encoding="utf-8",
    )
    run_study(path, tmp_path / "out")
    assert r"$a_$ and $\frac$" in write_all(tmp_path / "out").report.read_text(encoding="utf-8")


def test_system_errors_are_one_line(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("", encoding="utf-8")
    study = _strategy(tmp_path, "pass")
    for words in (("new", plain / "x.toml"), ("run", study, "--out", plain)):
        done = _workbench(*words)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert str(plain) in done.stderr
        assert "Traceback" not in done.stderr


def test_new_studies_have_names_that_can_be_run(tmp_path: Path) -> None:
    for name in ("my study.toml", ".toml", "-x y.toml"):
        assert _workbench("new", "--", tmp_path / name).returncode == 0
        load_study(tmp_path / name)
